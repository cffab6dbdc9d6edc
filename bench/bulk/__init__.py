"""Batches: what speed and memory cost."""
