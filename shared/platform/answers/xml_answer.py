"""An XML answer as a flat table, for APIs whose answers have each element once."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.platform.http import HttpResponse


@dataclass(frozen=True, slots=True)
class XmlAnswer:
    """The root's name and attributes, and the first text of each element name; no namespaces."""

    root: str
    attributes: Mapping[str, str]
    texts: Mapping[str, str]

    @classmethod
    def of(cls, response: HttpResponse) -> "XmlAnswer":
        """Return the content of the body; an answer without a name if it is not plain XML."""
        root = response.xml()
        if root is None:
            return cls("", {}, {})
        texts: dict[str, str] = {}
        for element in root.iter():
            texts.setdefault(_plain(element.tag), (element.text or "").strip())
        return cls(_plain(root.tag), {_plain(name): v for name, v in root.attrib.items()}, texts)

    def __getitem__(self, name: str) -> str:
        return self.texts.get(name, "")


def _plain(name: object) -> str:
    return str(name).rpartition("}")[2]
