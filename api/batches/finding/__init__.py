"""Find, group and sort the items of a batch, reading as few of them as can be."""
