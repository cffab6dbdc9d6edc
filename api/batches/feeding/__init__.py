"""Hand the items of all batches to the workers, a few at a time."""
