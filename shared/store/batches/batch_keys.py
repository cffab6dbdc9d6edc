"""What a batch is in Redis: a letter an item, and the items themselves until they are jobs.

The letters are one string, an item's at its own index. Every count is a count of letters, so the
counts add up whatever died in between, and a script that changes a letter looks at it first, so
nothing is counted twice. docs/decisions/0010-a-letter-an-item.md has the reasons.
"""

import re
from typing import Final

UNFINISHED_BATCHES: Final = "conncheck:batches"
"""Sorted set of the batches that are not finished, by when they were created (epoch)."""

_BATCH_ID = re.compile("[0-9a-f]{24}")
BATCH_ID_BYTES: Final = 12


def is_batch_id(text: str) -> bool:
    """Return whether `text` could be the id of a batch."""
    return bool(_BATCH_ID.fullmatch(text))


def job_id_of(batch_id: str, index: int) -> str:
    """Return the id of the job that tests the item at `index`."""
    return f"{batch_id}{index:08x}"


def batch_id_of(job_id: str) -> str:
    """Return the id of the batch that `job_id_of` made the id of a job from."""
    return job_id[: 2 * BATCH_ID_BYTES]


def batch_key(batch_id: str) -> str:
    """Return the key of what is known of the batch as a whole; also its channel."""
    return f"conncheck:batch:{batch_id}"


def letters_key(batch_id: str) -> str:
    """Return the key of the string with a letter for each item."""
    return f"conncheck:batch:{batch_id}:letters"


def items_key(batch_id: str) -> str:
    """Return the key of the hash of what was sent of each item, without its key pair."""
    return f"conncheck:batch:{batch_id}:items"


def sealed_key(batch_id: str) -> str:
    """Return the key of the hash of the sealed requests of items that have not passed."""
    return f"conncheck:batch:{batch_id}:sealed"


def ca_certificates_key(batch_id: str) -> str:
    """Return the key of the hash of sealed CA certificates by their digests."""
    return f"conncheck:batch:{batch_id}:ca_certificates"


def targets_key(batch_id: str) -> str:
    """Return the key of the targets of all items, a line each."""
    return f"conncheck:batch:{batch_id}:targets"


def twins_key(batch_id: str) -> str:
    """Return the key of the hash from an item to those that are equal to it."""
    return f"conncheck:batch:{batch_id}:twins"


def causes_key(batch_id: str) -> str:
    """Return the key of the set of the causes that were found."""
    return f"conncheck:batch:{batch_id}:causes"


def cause_key(batch_id: str, code: str) -> str:
    """Return the key of the bits of the items with this cause."""
    return f"conncheck:batch:{batch_id}:cause:{code}"


def same_as_key(batch_id: str) -> str:
    """Return the key of the hash from an item that is not tested to the equal one that is."""
    return f"conncheck:batch:{batch_id}:same_as"


def counts_key(batch_id: str) -> str:
    """Return the key of the hash of how often each letter occurs, while that is known."""
    return f"conncheck:batch:{batch_id}:counts"


def facts_key(batch_id: str) -> str:
    """Return the key of the sorted set of what failed items have in common, by their number."""
    return f"conncheck:batch:{batch_id}:facts"


def index_key(batch_id: str) -> str:
    """Return the key of the hash of what items are found and grouped by; see `item_index`."""
    return f"conncheck:batch:{batch_id}:index"


def took_key(batch_id: str) -> str:
    """Return the key of the string that has four bytes an item for how long its test took."""
    return f"conncheck:batch:{batch_id}:took"
