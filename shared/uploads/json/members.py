"""Interpret the members of an uploaded JSON document."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from shared.uploads.json.items import Items
from shared.uploads.json.value import JsonValue
from shared.uploads.row import Row, UploadError, unreadable

_ABOUT_THE_PAGE = frozenset({"page", "paging", "pagination", "meta", "metadata", "links", "_links"})


class JsonMembers:
    """The document {"options": {...}, "items": [{...}, ...]}, or the array alone.

    It is read from ijson's events. Its `options` are the defaults of the items' options. What the
    answer to a list has beside its items is left out: single values, and objects about the page.
    """

    def __init__(self, items: Items) -> None:
        self._understand = items
        self._take: Callable[[str, Any], Row | None] = self._begin
        self._seen: set[str] = set()
        self._value = JsonValue()
        self._items = 0
        self._options: dict[str, Any] = {}
        self._may_be_object = False

    @property
    def place(self) -> str:
        """The place that is being read, for messages."""
        if self._take == self._item:
            return f"items[{self._items}]"
        if self._take == self._default_options:
            return "options"
        return f"after items[{self._items - 1}]" if self._items else "the document, before items"

    def take(self, event: str, value: Any) -> Row | None:
        """Take the next event and return the row that it completes.

        Raises:
            UploadError: The document does not have the expected members.
            BeyondBoundsError: The value at `place` is too large, or nested too deep.
        """
        return self._take(event, value)

    def _begin(self, event: str, _: Any) -> None:
        if event == "start_array":
            self._seen.add("items")
            self._take = self._item
            return
        if event != "start_map":
            raise UploadError(
                "The document must be a JSON object: {form}.", form='{"items": [...]}'
            )
        self._take = self._member

    def _member(self, event: str, name: Any) -> None:
        if event == "end_map":
            if "items" not in self._seen:
                raise UploadError("items: is required.")
            return
        if name not in ("items", "options"):
            self._may_be_object = name.lower() in _ABOUT_THE_PAGE
            self._take = self._other
            return
        if name in self._seen:
            raise UploadError("{name}: occurs twice in the document.", name=name)
        if name == "options" and "items" in self._seen:
            raise UploadError("options: must come before items.")
        self._seen.add(name)
        self._take = self._open_items if name == "items" else self._default_options

    def _other(self, event: str, value: Any) -> None:
        if event in ("start_map", "start_array") and not self._may_be_object:
            detail = "{place}: the document may contain only options and items."
            raise UploadError(detail, place=self.place)
        self._may_be_object = True
        if self._value.add(event, value):
            self._take = self._member

    def _default_options(self, event: str, value: Any) -> None:
        if not self._value.add(event, value):
            return
        if not isinstance(self._value.value, dict):
            raise UploadError("options: must be a JSON object.")
        if self._value.repeats_a_name:
            raise UploadError("options: contains the same name twice.")
        self._options = self._value.value
        self._take = self._member

    def _open_items(self, event: str, _: Any) -> None:
        if event != "start_array":
            raise UploadError("items: must be a JSON array.")
        self._take = self._item

    def _item(self, event: str, value: Any) -> Row | None:
        if event == "end_array" and not self._value.is_begun:
            self._take = self._member
            return None
        if not self._value.add(event, value):
            return None
        place = self.place
        self._items += 1
        if not isinstance(self._value.value, dict):
            return unreadable(place, "is not a JSON object")
        if self._value.repeats_a_name:
            return unreadable(place, "contains the same name twice")
        row = self._understand.row(place, self._value.value)
        return (
            row if row.problem else replace(row, content=with_defaults(row.content, self._options))
        )


def with_defaults(content: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return `content` with the options in `defaults` that it does not set.

    The options within `tls` are merged one by one. Options that are not an object are left for
    the validation.
    """
    own = content.get("options", {})
    if not defaults or not isinstance(own, dict):
        return content
    options = {**defaults, **own}
    default_tls, own_tls = defaults.get("tls"), own.get("tls", {})
    if isinstance(default_tls, dict) and isinstance(own_tls, dict):
        options["tls"] = {**default_tls, **own_tls}
    return {**content, "options": options}
