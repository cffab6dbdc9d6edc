"""Batches in Redis: a letter for each item, and the items until they are jobs.

`batch_keys` and `letters` say what is kept where. `batch_store` has a class for each kind of
caller: `batch_creation` for who sends a batch, `batch_feed` for the feeder that hands out its
items, `item_settler` for who ends them, `batch_findings` for who looks at it, and `batch_records`
for all of these.
"""
