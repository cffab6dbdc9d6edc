"""The engine: one Celery task per job, one pipeline, one file per step.

Start at pipeline.py. CONTRIBUTING.md has the rooms from top to bottom.
"""
