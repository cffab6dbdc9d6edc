"""One file a step; the order stands in worker/pipeline.py."""
