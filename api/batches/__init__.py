"""Batches: many platforms in one call.

A row's way, from the upload to its result:
1. `receiving` refuses uploads that can't be tested; a dry run ends there.
2. `receiving.intake` seals each valid row, and keeps it in `shared.store.batches`: item N waits.
3. `feeding` puts items that wait to work: it makes jobs of them, and hands those to the queue.
4. A worker tests the job; when it is over, `feeding` settles item N: its letter, its cause.
5. `reader` counts the letters; `finding` chooses and sorts the items, and `results` pages through
   them; `events` tells of progress.
`cancellation` ends what waits; `repetition` makes a new batch of what failed.
"""
