"""Single tests.

`documented_call` answers when the test is over, `routes` has jobs to poll, watch and cancel. Both
have `submission` take the request: `jobs` seals it, `enqueuer` hands it to the workers. `reaper`
ends jobs whose worker died, and those that no worker began in time.
"""
