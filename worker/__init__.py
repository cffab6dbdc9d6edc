"""The engine: one Celery task a job, one pipeline, one file a step."""
