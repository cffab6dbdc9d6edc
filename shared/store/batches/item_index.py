"""What items of a batch are found and grouped by, for all of them together.

A product, a label or a name is written once for each value, and the items as numbers of values:
whoever filters 50,000 items reads a few kilobytes and not the items. It never changes.
docs/decisions/0045-groups-and-orders-of-a-batch.md has the reasons.
"""

import sys
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from pydantic import TypeAdapter

from shared.labels import LABEL
from shared.site_name import DEFAULT_SITE
from shared.store.batches.batch import BatchItem

PRODUCT_TYPE: Final = "productType"
SITE: Final = "site"
"""Left out where all items are at the default one."""
NAME: Final = "name"
REF: Final = "ref"
TEXTS: Final = "texts:"
"""Begins the name of a label whose values are kept as texts, since there are too many."""

MOST_VALUES: Final = 1000
"""Of a label that items are grouped by; of one with more, most items have a value of their own."""
MOST_GROUPED: Final = 7
"""Labels that items are grouped by, the first that have no more values."""
MOST_NAMES: Final = 64
"""Names of labels that are known of a batch."""
_MOST_TRACKED: Final = 16
_MOST_TEXTS: Final = 4
"""Labels that items are found and not grouped by."""
_FAST: Final = 1
_VALUES: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])


@dataclass(frozen=True, slots=True)
class ItemGroup:
    """The values that items have of a product or a label, and which item has which."""

    values: Sequence[str]
    """The first is that of items without a value, an empty text."""
    numbers: Sequence[int]
    """For each item the place of its value among the values."""

    @property
    def tells_apart(self) -> bool:
        """Whether not all items have the same value."""
        return len(self.values) > 2 or len(set(self.numbers)) > 1

    def to_bytes(self) -> bytes:
        """Return it as Redis keeps it."""
        code = "B" if len(self.values) <= 256 else "H"
        head = _VALUES.dump_json(tuple(self.values))
        return zlib.compress(head + b"\n" + _little(array(code, self.numbers)).tobytes())

    @classmethod
    def from_bytes(cls, content: bytes) -> Self | None:
        """Return what `to_bytes` wrote, None if it can't be read here."""
        head, _, body = _unpacked(content).partition(b"\n")
        try:
            values = _VALUES.validate_json(head)
            numbers = array("B" if len(values) <= 256 else "H")
            numbers.frombytes(body)
        except ValueError:
            return None
        return cls(values, _little(numbers))

    def having(self, value: str) -> bytes:
        """Return a byte for each item: 1 for one that has the value, else 0."""
        if value not in self.values:
            return bytes(len(self.numbers))
        wanted = self.values.index(value)
        if isinstance(self.numbers, array) and self.numbers.typecode == "B":
            return self.numbers.tobytes().translate(_only(wanted))
        return bytes(number == wanted for number in self.numbers)


def texts_from_bytes(content: bytes) -> Sequence[str]:
    """Return the texts of all items, such as their names; none if they can't be read here."""
    return _unpacked(content).decode("utf-8", "replace").split("\n")[:-1]


class ItemIndex:
    """Collects what items have, one after the other, in a few bytes an item."""

    def __init__(self) -> None:
        self._count = 0
        self._groups: dict[str, _Growing] = {PRODUCT_TYPE: _Growing(), SITE: _Growing()}
        self._texts = {NAME: _Texts(), REF: _Texts()}
        self._labels: dict[str, None] = {}
        self._has_other_sites = False

    def add(self, item: BatchItem) -> None:
        """Add the next item."""
        self._groups[PRODUCT_TYPE].put(self._count, item.product_type)
        self._groups[SITE].put(self._count, item.site)
        self._has_other_sites = self._has_other_sites or item.site != DEFAULT_SITE
        for name, value in item.labels.items():
            if len(self._labels) < MOST_NAMES:
                self._labels[name] = None
            self._group(LABEL + name).put(self._count, value)
        self._texts[NAME].put(self._count, item.name)
        self._texts[REF].put(self._count, item.ref)
        self._count += 1

    def _group(self, name: str) -> "_Growing":
        if name not in self._groups:
            if len(self._groups) > _MOST_TRACKED + 1:
                return _Growing()  # forgotten at once
            self._groups[name] = _Growing()
        return self._groups[name]

    @property
    def labels(self) -> Sequence[str]:
        """The names of the labels that items have, at most MOST_NAMES."""
        return tuple(self._labels)

    def contents(self) -> Mapping[str, bytes]:
        """Return what Redis is to keep: groups, and texts where items have any."""
        groups = [name for name, one in self._groups.items() if not one.texts]
        if not self._has_other_sites:
            groups.remove(SITE)
        others = [name for name, one in self._groups.items() if one.texts]
        texts = {name: text for name, text in self._texts.items() if text.is_used}
        for name in others[:_MOST_TEXTS]:
            if own := self._groups[name].texts:
                texts[TEXTS + name] = own
        kept = groups[: MOST_GROUPED + 1 + self._has_other_sites]
        return {
            **{name: self._groups[name].content(self._count) for name in kept},
            **{name: one.content(self._count) for name, one in texts.items()},
        }


class _Growing:
    """A group of which further items become known; with too many values it is texts instead."""

    def __init__(self) -> None:
        self.texts: _Texts | None = None
        self._values = {"": 0}
        self._numbers = array("H")

    def put(self, at: int, value: str) -> None:
        """Say which value the item `at` has; those before it that were not told have none."""
        if self.texts:
            self.texts.put(at, value)
            return
        number = self._values.setdefault(value, len(self._values))
        self._fill(at)
        self._numbers.append(number)
        if len(self._values) > MOST_VALUES:
            self._become_texts()

    def _become_texts(self) -> None:
        self.texts, values = _Texts(), [*self._values]
        for at, number in enumerate(self._numbers):
            self.texts.put(at, values[number])
        self._values.clear()
        self._numbers = array("H")

    def _fill(self, count: int) -> None:
        self._numbers.extend(bytes(count - len(self._numbers)))

    def content(self, count: int) -> bytes:
        self._fill(count)
        return ItemGroup([*self._values], self._numbers).to_bytes()


class _Texts:
    """Texts of items, packed as they come: names of 50,000 items can be 40 MB."""

    def __init__(self) -> None:
        self.is_used = False
        self._count = 0
        self._packer = zlib.compressobj(_FAST)
        self._packed = bytearray()

    def put(self, at: int, text: str) -> None:
        """Say which text the item `at` has; those before it that were not told have none."""
        self.is_used = self.is_used or text != ""
        line = b"\n" * (at - self._count) + text.replace("\n", " ").encode() + b"\n"
        self._packed += self._packer.compress(line)
        self._count = at + 1

    def content(self, count: int) -> bytes:
        ended = self._packer.copy()
        rest = ended.compress(b"\n" * (count - self._count))
        return bytes(self._packed) + rest + ended.flush()


def _unpacked(content: bytes) -> bytes:
    try:
        return zlib.decompress(content)
    except zlib.error:
        return b""


def _little(numbers: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    return numbers


def _only(wanted: int) -> bytes:
    return bytes(number == wanted for number in range(256))


def both(one: bytes, other: bytes) -> bytes:
    """Return a byte for each item: 1 where both have 1."""
    joined = int.from_bytes(one, "big") & int.from_bytes(other, "big")
    return joined.to_bytes(len(one), "big")


def places(mask: bytes) -> Iterator[int]:
    """Yield the items that have 1."""
    at = mask.find(1)
    while at >= 0:
        yield at
        at = mask.find(1, at + 1)


def mask_of(bits: int, total: int) -> bytes:
    """Return a byte for each of `total` items: 1 for item N where bit N is set, else 0."""
    digits = f"{bits:b}"[::-1].encode()[:total]
    return digits.translate(_only(ord("1"))).ljust(total, b"\0")
