"""Tell the columns of a table without a header by what stands in them."""

from collections.abc import Callable, Iterator, Sequence

from shared.diagnosis.sentences import Sentence
from shared.text import MASK
from shared.uploads.product_names import needs_no_key_pair, product_named
from shared.uploads.reading import ReadColumn
from shared.uploads.tables.cells import trimmed
from shared.uploads.tables.header import Header, shown, without_empty_end
from shared.uploads.tables.header_search import MAX_COLUMNS, address_in, is_certain_address
from shared.uploads.tables.wished_columns import Wished

_MOST_SHOWN = 12
_URLS = ("http://", "https://")
_USUAL_PORTS = frozenset(
    {"22", "80", "443", "902", "5000", "5480", "6443", "8006", "8080", "8443", "9000", "9440"}
)


class Headerless:
    """The first rows of a table that has no header."""

    def __init__(self, rows: Sequence[Sequence[str]], wished: Wished, product: str) -> None:
        self.rows = [without_empty_end(row) for row in rows]
        self._wished = wished
        self._product = product
        self.width = max(map(len, self.rows), default=0)

    def header(self) -> Header | None:
        """Return the columns; None if they can't be told.

        Raises:
            UploadError: The caller named a column that there isn't.
        """
        if self.width > MAX_COLUMNS:
            return None
        fields = self._told()
        if "endpoint" not in fields and "host" not in fields:
            return None
        if "productType" not in fields and not self._product:
            return None
        return Header(_columns(fields), self._product)

    def unknown_columns(self) -> Sequence[ReadColumn]:
        """Return the columns where they can't all be told: the caller can say what they mean."""
        return _columns(self._told() if self.width <= MAX_COLUMNS else [""] * MAX_COLUMNS)

    @property
    def first_names_columns(self) -> bool:
        """Whether the first row has a word where all the others have an address."""
        addresses = self._columns_of(_is_address, begin=1)
        first = self.rows[0]
        return any(n < len(first) and not address_in(first[n]) for n in addresses)

    @property
    def lacks_product(self) -> bool:
        """Whether there are addresses, and neither the rows nor the caller name a product."""
        is_one = _is_address if self.width == 1 else _is_certain
        has_addresses = bool(self._columns_of(is_one))
        return has_addresses and not self._product and not self._columns_of(_is_product)

    def first_row(self) -> str:
        """Return the first row as it may be shown: without what could be a key."""
        shown_cells = [*map(_masked, self.rows[0][:_MOST_SHOWN])]
        if len(self.rows[0]) > _MOST_SHOWN:
            shown_cells.append("…")
        return " | ".join(shown_cells)

    def _told(self) -> list[str]:
        return self._wished_fields() if self._wished else self._fields()

    def _wished_fields(self) -> list[str]:
        wishes = self._wished.by_number([""] * self.width)
        fields = [wishes.get(number, "") for number in range(1, self.width + 1)]
        free = [n for n in range(self.width) if n + 1 not in wishes]
        for column, name in self._product_and_address(free).items():
            is_set = name in fields or (name == "endpoint" and "host" in fields)
            fields[column] = "" if is_set else name
        return fields

    def _fields(self) -> list[str]:
        """Return the field of each column, of which only the order and the content tell."""
        columns = range(self.width)
        told = self._product_and_address(columns)
        address = next((n for n, name in told.items() if name == "endpoint"), None)
        if address is not None:
            told.update(self._after(address, [n for n in columns if n not in told]))
        if len(told) < self.width and not self._is_plain:
            return [""] * self.width
        return [told.get(number, "") for number in columns]

    def _product_and_address(self, columns: Sequence[int]) -> dict[int, str]:
        """Return which of these columns are the product and the address, where that is certain."""
        products = [n for n in self._columns_of(_is_product) if n in columns]
        addresses = [n for n in self._columns_of(_is_address) if n in columns]
        certain = [n for n in self._columns_of(_is_certain) if n in columns]
        told = {products[0]: "productType"} if len(products) == 1 else {}
        if len(certain) == 1:
            told[certain[0]] = "endpoint"
        elif not certain and len(addresses) == 1:
            told[addresses[0]] = "endpoint"
        elif not certain and addresses and addresses[0] - 1 in told:
            told[addresses[0]] = "endpoint"  # a secret may have a dot as well
        return told

    def _after(self, address: int, rest: Sequence[int]) -> Iterator[tuple[int, str]]:
        """Yield what the other columns are: a port and a key pair, in this order."""
        if rest and rest[0] == address + 1 and _are_all(_is_port, rest[0], self.rows):
            yield rest[0], "port"
            rest = rest[1:]
        pair = 2
        if not self._is_plain and len(rest) == pair and rest[0] > address:
            yield from zip(rest, ("accessKey", "secretKey"), strict=True)

    @property
    def _is_plain(self) -> bool:
        """Whether the caller has named a product that has no key pairs."""
        return needs_no_key_pair(self._product)

    def _columns_of(self, is_one: Callable[[str], bool], begin: int = 0) -> list[int]:
        """Return the columns in which every cell that is not empty is such a one."""
        columns = range(self.width)
        return [n for n in columns if _are_all(is_one, n, self.rows[begin:])]


def _columns(fields: Sequence[str]) -> Sequence[ReadColumn]:
    left_out = Sentence("has no header and is left out")
    return [
        ReadColumn(number, "", field, None if field else left_out)
        for number, field in enumerate(fields, start=1)
    ]


def _are_all(is_one: Callable[[str], bool], column: int, rows: Sequence[Sequence[str]]) -> bool:
    cells = (trimmed(row[column]) for row in rows if column < len(row))
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(map(is_one, filled))


def _is_address(cell: str) -> bool:
    return address_in(cell) is not None or _is_certain(cell)


def _is_certain(cell: str) -> bool:
    """Return whether a cell is an address; a URL is one even if it can't be an endpoint."""
    return is_certain_address(cell) or cell.lower().startswith(_URLS)


def _is_product(cell: str) -> bool:
    name, is_certain = product_named(cell)
    return bool(name) and is_certain


def _is_port(cell: str) -> bool:
    return cell.isascii() and cell.isdecimal() and 0 < int(cell[:6]) < 65536


def _masked(cell: str) -> str:
    text = trimmed(cell)
    if not text or text in _USUAL_PORTS or _is_product(text):
        return text
    address = address_in(text) if is_certain_address(text) else None
    if address is None:
        return MASK
    port = f":{address.port}" if address.port else ""
    return shown(f"{address.bracketed_host}{port}")
