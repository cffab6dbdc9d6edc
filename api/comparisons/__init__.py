"""Comparisons of sites.

`routes` takes, shows, streams and cancels them; `submission` seals a job for each site, and
`comparer` creates the jobs when it is their turn, whichever process has taken the request.
"""
