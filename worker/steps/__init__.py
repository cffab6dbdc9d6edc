"""The steps of a test, one file each; worker/pipeline.py has their order."""
