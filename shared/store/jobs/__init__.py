"""Jobs in Redis: a stream for each that only grows.

`job_stream` has the keys and the one command that adds entries. `run_store` is the workers' side.
`job_store` is the API's: `job_creation`, `job_reader`, `job_closer`, `workload` and `dead_workers`,
behind the store's `gate`. `job_watch` wakes those who wait for a job.
"""
