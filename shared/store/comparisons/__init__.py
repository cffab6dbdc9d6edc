"""Comparisons of sites: what was asked, the jobs that are to be created, and which never will."""
