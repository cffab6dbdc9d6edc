"""An XML answer as a flat table, for APIs whose answers say each thing once."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.platform.http import HttpResponse


@dataclass(frozen=True, slots=True)
class XmlAnswer:
    """The root's name and attributes, and of each element's name the first text; no namespaces."""

    root: str
    attributes: Mapping[str, str]
    texts: Mapping[str, str]

    @classmethod
    def of(cls, response: HttpResponse) -> "XmlAnswer":
        """Return what the body says; an answer without a name where it is no plain XML."""
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
