"""Understand the members of an item, by the names that headers have as well."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from shared.diagnosis.sentences import Sentence
from shared.labels import LABEL
from shared.text import printable
from shared.uploads.field_names import (
    EXACT,
    KEY_PAIR,
    KNOWN,
    NEEDED,
    field_of,
    nearest,
    spelling,
)
from shared.uploads.key_pairs import of_other_pair
from shared.uploads.product_names import ProductNames, read_as
from shared.uploads.reading import LONGEST_HEADER, ReadColumn, Reading
from shared.uploads.row import Row
from shared.uploads.tables.cells import is_secret, trimmed
from shared.uploads.tables.endpoint_parts import ContradictionError, joined
from shared.uploads.tables.wished_columns import Wished
from shared.uploads.wishes import Wishes

MOST_NAMED: Final = 64
"""Members that are told of."""

_OBJECTS = ("options", "labels")
_DOCUMENTED = frozenset({*KNOWN, *_OBJECTS})
_MOST_REMEMBERED = 1000
"""Names whose meaning is kept while an upload is read; beyond, names are not compared."""
_NEAR = 0.8
_BY_NUMBER = 6  # stronger than an exact name: the caller has said so


@dataclass(frozen=True, slots=True)
class _Name:
    """What the name of a member means."""

    field: str
    strength: int = 0
    product: str = ""
    resembles: str = ""
    """The field that an unknown name is probably a slip of."""
    note: Sentence | None = None


@dataclass(slots=True)
class _Claims:
    """The members of one item by the fields that they set."""

    values: dict[str, tuple[int, str, Any]] = field(default_factory=dict, repr=False)
    products: list[str] = field(default_factory=list)
    rivals: dict[tuple[str, int], tuple[str, str]] = field(default_factory=dict)
    """Two members that differ and are one field of the key pair, by it and their strength."""

    def is_own(self, name: str) -> bool:
        """Return whether a field was set by the member that has its name."""
        return self.values.get(name, (0, ""))[1] == name

    def contradiction(self) -> Sentence | None:
        """Return that two members are equally the accessKey or the secretKey, and differ."""
        for (slot, strength), (first, second) in self.rivals.items():
            if self.values[slot][0] == strength:
                said = "has two members that are the {field}: {first} and {second}"
                first, second = (printable(n, LONGEST_HEADER - 1) for n in (first, second))
                return Sentence(said, {"field": slot, "first": first, "second": second})
        return None


class Items:
    """Makes rows of items, and tells in `reading.columns` what their members were taken for."""

    def __init__(self, wishes: Wishes, reading: Reading) -> None:
        Wished(wishes.columns)  # refuses what is no field
        self._wished = {spelling(name): target for name, target in wishes.columns.items()}
        self._reading = reading
        self._given = "productType" if wishes.product_type else ""
        self._names: dict[str, _Name] = {}
        self._products = ProductNames()
        self._columns: dict[str, ReadColumn] = {}

    def row(self, place: str, item: Mapping[str, Any], line: int | None = None) -> Row:
        """Return the row of an item; members that are unknown are left out and named."""
        meanings = {name: self._meaning(name) for name in item}
        if item.keys() <= _DOCUMENTED and not self._wished:
            content = dict(item)
            self._name_product(place, content, line, is_own=True)
            return Row(place, content, None, line)
        claims = self._claims(item, meanings)
        for name, meaning in meanings.items():
            resembled = meaning.resembles
            if resembled and resembled not in claims.values and resembled != self._given:
                facts = {"name": printable(name, LONGEST_HEADER - 1), "known": resembled}
                said = Sentence("has the unknown member {name}, which resembles {known}", facts)
                return Row(place, {}, said, line)
        if contradiction := claims.contradiction():
            return Row(place, {}, contradiction, line)
        return self._row(place, claims, line)

    def _claims(self, item: Mapping[str, Any], meanings: Mapping[str, _Name]) -> _Claims:
        claims = _Claims()
        others = self._of_other_pair(item, meanings)
        for name, meaning in meanings.items():
            if name in others:
                self._leave_out(name, meaning.field)
            elif meaning.field:
                self._claim(claims, name, meaning, item[name])
        return claims

    @staticmethod
    def _of_other_pair(item: Mapping[str, Any], meanings: Mapping[str, _Name]) -> frozenset[str]:
        pair = {n: m for n, m in meanings.items() if m.field in KEY_PAIR and item[n]}
        if any(meaning.strength == _BY_NUMBER for meaning in pair.values()):
            return frozenset()
        return of_other_pair((name, m.field, m.strength) for name, m in pair.items())

    def _meaning(self, name: str) -> _Name:
        if (known := self._names.get(name)) is not None:
            return known
        meaning = self._understood(name)
        if len(self._names) < _MOST_REMEMBERED:
            self._names[name] = meaning
        if name not in self._columns and len(self._columns) < MOST_NAMED:
            number, shown = len(self._columns) + 1, printable(name, LONGEST_HEADER - 1)
            self._columns[name] = ReadColumn(number, shown, meaning.field, meaning.note)
            self._reading.columns = tuple(self._columns.values())
        return meaning

    def _understood(self, name: str) -> _Name:
        if (wished := self._wished.get(spelling(name))) is not None:
            note = None if wished else Sentence("is left out, as you said")
            return _Name(wished, _BY_NUMBER, note=note)
        if name in _DOCUMENTED:
            return _Name(name, EXACT + 1)
        if meaning := field_of(name):
            return _Name(meaning.field, meaning.strength, meaning.product)
        left_out = Sentence("is unknown and left out; label. before a name keeps it as a label")
        return _Name("", resembles=self._resembled(name), note=left_out)

    def _resembled(self, name: str) -> str:
        if len(self._names) >= _MOST_REMEMBERED:
            return ""
        if near := get_close_matches(name[:LONGEST_HEADER], _OBJECTS, n=1, cutoff=_NEAR):
            return near[0]
        like = nearest(name)
        slot = _slot(like.field) if like and like.is_slip else ""
        return slot if slot in (*NEEDED, *KEY_PAIR) else ""

    def _claim(self, claims: _Claims, name: str, meaning: _Name, value: Any) -> None:
        if name not in _DOCUMENTED and (value is None or value == ""):
            return
        if meaning.product:
            claims.products.append(meaning.product)
        slot = _slot(meaning.field)
        held = claims.values.get(slot)
        if slot in KEY_PAIR and held and held[0] == meaning.strength and held[2] != value:
            claims.rivals[slot, held[0]] = (held[1], name)
        if held and held[0] >= meaning.strength:
            self._leave_out(name, slot)
            return
        claims.values[slot] = (meaning.strength, name, value)
        if held:
            self._leave_out(held[1], slot)

    def _leave_out(self, name: str, slot: str) -> None:
        """Tell that another member has precedence over this one."""
        if (column := self._columns.get(name)) and column.field:
            said = Sentence("is left out; another member is the {field}", {"field": slot})
            self._columns[name] = ReadColumn(column.number, column.header, "", said)
            self._reading.columns = tuple(self._columns.values())

    def _row(self, place: str, claims: _Claims, line: int | None) -> Row:
        values = {name: value for name, (_, _, value) in claims.values.items()}
        if "id" in values:
            is_key = "secretKey" in values and "accessKey" not in values
            values.setdefault("accessKey" if is_key else "ref", values.pop("id"))
        content: dict[str, Any] = {name: values.pop(name) for name in _OBJECTS if name in values}
        try:
            endpoint = _endpoint(values, is_own=claims.is_own("endpoint"))
        except ContradictionError as error:
            return Row(place, {}, error.said, line)
        if "endpoint" in claims.values:
            content["endpoint"] = endpoint
        for name, value in values.items():
            _put(content, name, value, is_own=claims.is_own(name))
        if claims.products:
            content.setdefault("productType", claims.products[0])
        self._name_product(place, content, line, is_own=claims.is_own("productType"))
        return Row(place, content, None, line)

    def _name_product(
        self, place: str, content: dict[str, Any], line: int | None, *, is_own: bool
    ) -> None:
        """Name the product as this service does; productType itself must name one for certain."""
        text = content.get("productType")
        if not isinstance(text, str) or not text:
            return
        name, is_certain = self._products.named(text)
        if not name or (is_own and not is_certain):
            return
        content["productType"] = name
        if not is_certain:
            self._reading.doubt(place, line, "productType", read_as(text, name))


def _slot(field_: str) -> str:
    return "endpoint" if field_ == "host" else field_


def _endpoint(values: dict[str, Any], *, is_own: bool) -> Any:
    """Take the parts of an endpoint out of `values`, and return the whole."""
    host = values.pop("endpoint", None)
    port, scheme = (_text(values.pop(name, "")) for name in ("port", "scheme"))
    if not isinstance(host, str) or (is_own and not port and not scheme):
        return host
    return joined(trimmed(host), trimmed(str(port)), trimmed(str(scheme)))


def _put(content: dict[str, Any], name: str, value: Any, *, is_own: bool) -> None:
    """Set a field of `content`; documented members keep their exact values."""
    if name.startswith(LABEL):
        labels = content.setdefault("labels", {})
        if isinstance(labels, dict):
            content["labels"] = {**labels, name[len(LABEL) :]: _text(value)}
    elif name.startswith("options."):
        _put_option(content, name.split("."), value)
    elif is_own:
        content[name] = value
    else:
        text = _text(value)
        content[name] = text if is_secret(name) or not isinstance(text, str) else trimmed(text)


def _put_option(content: dict[str, Any], path: list[str], value: Any) -> None:
    inner = content
    for name in path[:-1]:
        own = inner.get(name, {})
        if not isinstance(own, dict):
            return  # the validation refuses it
        inner[name] = inner = {**own}
    inner.setdefault(path[-1], value)


def _text(value: Any) -> Any:
    """Return a number as the text that it stands for; anything else as it is."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return "true" if value is True else "false" if value is False else value
