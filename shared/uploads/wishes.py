"""What a caller says about an upload beside the upload itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the caller wants an upload to be read."""

    product_type: str = ""
    """The product of each platform that the upload gives none for."""
    sheet: str = ""
    """The sheet of a workbook that is read; without it the first one."""
    columns: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The field of a column, by the text of its header or by its number from 1.

    A field is one of a row ("endpoint", "options.tls.verify"), "host" or "port", a label
    ("label.owner"), or "" for a column that is left out. It is kept out of what is printed, because
    what stands in the header of a table without one may be somebody's key.
    """
    site: str = ""
    """The site of each platform that the upload gives none for."""
    charset: str = ""
    """The encoding of a text, by a name that IANA has for it; without it the text tells."""


AS_IT_COMES = Wishes()
"""The wishes of a caller who has none."""
