"""Build JSON values from the events of a streaming parser."""

from typing import Any

from shared.bounds import MAX_DEPTH, MOST_MEMBERS


class BeyondBoundsError(Exception):
    """Raised for a value that is larger or nested deeper than any valid one.

    `detail` is a template over the value's place, and the `most` that it may have.
    """

    def __init__(self, detail: str, most: int) -> None:
        super().__init__()
        self.detail = detail
        self.most = most


class JsonValue:
    """Builds one value; it can be reused for the next."""

    def __init__(self) -> None:
        self.value: Any = None
        self.repeats_a_name = False
        self._containers: list[dict[str, Any] | list[Any]] = []
        self._names: list[str] = []
        self._members = 0

    @property
    def is_begun(self) -> bool:
        """Whether an object or an array is still open."""
        return bool(self._containers)

    def add(self, event: str, value: Any) -> bool:
        """Take the next of ijson's events and return whether the value is complete.

        Raises:
            BeyondBoundsError: It has more than MOST_MEMBERS members, or MAX_DEPTH levels.
        """
        if event == "map_key":
            if value in self._containers[-1]:
                self.repeats_a_name = True
            self._names[-1] = value
            return False
        if event in ("start_map", "start_array"):
            self._open({} if event == "start_map" else [])
            return False
        if event in ("end_map", "end_array"):
            self._names.pop()
            self.value = self._containers.pop()
        else:
            self._put(value)
        return not self._containers

    def _open(self, container: dict[str, Any] | list[Any]) -> None:
        if len(self._containers) == MAX_DEPTH:
            raise BeyondBoundsError("{place}: is nested deeper than {most} levels.", MAX_DEPTH)
        self._put(container)
        self._containers.append(container)
        self._names.append("")

    def _put(self, value: Any) -> None:
        if not self._containers:
            self.value = value
            self.repeats_a_name = False
            self._members = 0
            return
        self._members += 1
        if self._members > MOST_MEMBERS:
            raise BeyondBoundsError("{place}: has more than {most} members.", MOST_MEMBERS)
        if isinstance(container := self._containers[-1], dict):
            container[self._names[-1]] = value
        else:
            container.append(value)
