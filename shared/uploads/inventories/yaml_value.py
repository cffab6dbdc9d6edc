"""Read YAML with bounds on its size as it is after aliases and merge keys are expanded.

The types of plain scalars are those of YAML 1.1 as PyYAML resolves them, except for dates and for
numbers that would be written differently: 007, 0x1F and 1_000 stay texts, as keys are.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from shared.uploads.inventories.values import VAULTED, mapping
from shared.uploads.row import UploadError

MOST_NODES = 250_000
"""Scalars, lists and mappings in all documents, counted again where an alias repeats them."""
MOST_LEVELS = 40

_CORE = "tag:yaml.org,2002:"
_TEXT_TAGS = (f"{_CORE}str", "!", "!unsafe")
_TYPED_TAGS = tuple(f"{_CORE}{name}" for name in ("int", "float", "bool", "null", "map", "seq"))
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("~", "null", "Null", "NULL", "")),
    **{form: True for word in ("true", "yes", "on") for form in (word, word.title(), word.upper())},
    **{
        form: False
        for word in ("false", "no", "off")
        for form in (word, word.title(), word.upper())
    },
}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?[0-9]{1,12}\.[0-9]{1,12}")
# Each costs memory, and is compared with all of the others; no inventory has one. YAML 1.1 has more
# line ends than regular expressions.
_TAG_DIRECTIVE = re.compile("(?:\\A|[\r\n\x85\u2028\u2029])\ufeff*%TAG")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class _Open:
    """A list or a mapping that is being read."""

    value: Any
    anchor: str | None
    nodes_before: int
    key: str | None = None
    is_merge: bool = False
    merged: list[Any] = field(default_factory=list)


class _Documents:
    """Builds the values of all documents from the events of the parser."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0

    def take(self, event: Any) -> None:
        """Take the next event.

        Raises:
            UploadError: The document is beyond the bounds, or has what this reader doesn't read.
        """
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._anchors.clear()

    def _count(self, nodes: int, event: Any) -> None:
        self._nodes += nodes
        if self._nodes > MOST_NODES:
            detail = "{place}: the document has more than {most} values, with those of its aliases."
            raise UploadError(detail, kind="too-large", place=_place(event), most=MOST_NODES)

    def _scalar(self, event: Any) -> None:
        self._count(1, event)
        parent = self._open[-1] if self._open else None
        if parent and isinstance(parent.value, dict) and parent.key is None:
            if event.anchor:
                self._anchors[event.anchor] = (event.value, 1)
            self._key(parent, event)
            return
        value = _scalar(event)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._put(value, event)

    def _key(self, parent: _Open, event: Any) -> None:
        parent.is_merge = event.value == "<<" and event.implicit[0]
        if not parent.is_merge and event.value in parent.value:
            raise UploadError("{place}: the mapping has this name twice.", place=_place(event))
        parent.key = event.value

    def _begin(self, event: Any) -> None:
        self._count(1, event)
        if len(self._open) >= MOST_LEVELS:
            detail = "{place}: is nested deeper than {most} levels."
            raise UploadError(detail, place=_place(event), most=MOST_LEVELS)
        if event.tag is not None and event.tag not in _TYPED_TAGS:
            raise _tagged(event)
        parent = self._open[-1] if self._open else None
        if parent and isinstance(parent.value, dict) and parent.key is None:
            raise UploadError("{place}: the name in a mapping is no text.", place=_place(event))
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._open.append(_Open(value, event.anchor, self._nodes - 1))

    def _end(self, event: Any) -> None:
        ended = self._open.pop()
        for merged in reversed(ended.merged):
            self._count(len(merged), event)
            ended.value = {**merged, **ended.value}
        if ended.anchor:
            self._anchors[ended.anchor] = (ended.value, self._nodes - ended.nodes_before)
        self._put(ended.value, event)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:  # also within what it would stand for
            raise UploadError("{place}: the alias stands for nothing.", place=_place(event))
        value, nodes = self._anchors[event.anchor]
        self._count(nodes, event)
        parent = self._open[-1] if self._open else None
        if parent and isinstance(parent.value, dict) and parent.key is None:
            raise UploadError("{place}: the name in a mapping is no text.", place=_place(event))
        self._put(value, event)

    def _put(self, value: Any, event: Any) -> None:
        if not self._open:
            self.values.append(value)
            return
        parent = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(value)
            return
        name, parent.key = parent.key, None
        if parent.is_merge:
            # The first of several has precedence (YAML's merge key language-independent type).
            several = value if isinstance(value, list) else [value]
            self._count(len(several), event)
            parent.merged += [mapping(one) for one in reversed(several)]
        elif name is not None:
            parent.value[name] = value


def yaml_documents(text: str) -> list[Any]:
    """Return the documents in `text`.

    Raises:
        UploadError: It is not valid YAML, or beyond the bounds.
    """
    documents, place = _Documents(), ""
    # Not raised in the except clause: the library's exceptions quote what was sent.
    try:
        for event in _events(text):
            documents.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}" if mark else "the document"
    except (yaml.YAMLError, UnicodeError):
        place = "the document"
    if place:
        raise UploadError("{place}: is not valid YAML.", place=place)
    return [value for value in documents.values if value is not None]


def _events(text: str) -> Iterator[Any]:
    if _TAG_DIRECTIVE.search(text):
        raise UploadError("The document has a directive %TAG, which is not supported.")
    return iter(yaml.parse(text, Loader=_LOADER))


def _scalar(event: Any) -> Any:
    if event.tag == "!vault":
        return VAULTED
    if event.tag in _TEXT_TAGS or (event.tag is None and not event.implicit[0]):
        return event.value
    if event.tag is not None and event.tag not in _TYPED_TAGS:
        raise _tagged(event)
    return _plain(event.value)


def _plain(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) and text != "-0":
        return int(text)
    if _DECIMAL.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) and str(number) == text else text
    return text


def _tagged(event: Any) -> UploadError:
    return UploadError("{place}: has a tag of YAML that is not supported.", place=_place(event))


def _place(event: Any) -> str:
    return f"line {event.start_mark.line + 1}"
