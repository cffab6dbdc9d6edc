"""The Celery side of the worker: take jobs, take turns at targets, report metrics."""
