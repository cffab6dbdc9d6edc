"""Tell the columns of a table without a header by what stands in them."""

from collections.abc import Callable, Iterator, Sequence

from shared.diagnosis.sentences import Sentence
from shared.products import PRODUCTS
from shared.uploads.product_names import product_named
from shared.uploads.reading import ReadColumn
from shared.uploads.tables.cells import trimmed
from shared.uploads.tables.header import MAX_COLUMNS, Header, shown, without_empty_end
from shared.uploads.tables.header_search import address_in, is_certain_address
from shared.uploads.tables.wished_columns import Wished

MASK = "•••"
_MOST_SHOWN = 12
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
        fields = self._wished_fields() if self._wished else self._fields()
        if "endpoint" not in fields and "host" not in fields:
            return None
        if "productType" not in fields and not self._product:
            return None
        left_out = Sentence("has no header and is left out")
        columns = [
            ReadColumn(number, "", field, None if field else left_out)
            for number, field in enumerate(fields, start=1)
        ]
        return Header(columns, self._product)

    @property
    def first_names_columns(self) -> bool:
        """Whether the first row has a word where all the others have an address."""
        addresses = self._columns_of(_is_address, begin=1)
        first = self.rows[0]
        return any(n < len(first) and not address_in(first[n]) for n in addresses)

    @property
    def lacks_product(self) -> bool:
        """Whether there are addresses, and neither the rows nor the caller name a product."""
        has_addresses = bool(self._columns_of(is_certain_address))
        return has_addresses and not self._product and not self._columns_of(_is_product)

    def first_row(self) -> str:
        """Return the first row as it may be shown: without what could be a key."""
        shown_cells = [*map(_masked, self.rows[0][:_MOST_SHOWN])]
        if len(self.rows[0]) > _MOST_SHOWN:
            shown_cells.append("…")
        return " | ".join(shown_cells)

    def _wished_fields(self) -> list[str]:
        wishes = self._wished.by_number([""] * self.width)
        fields = [wishes.get(number, "") for number in range(1, self.width + 1)]
        told = self._fields()
        for name in ("endpoint", "productType"):
            number = told.index(name) if name in told else -1
            if number >= 0 and number + 1 not in wishes and not _sets(fields, name):
                fields[number] = name
        return fields

    def _fields(self) -> list[str]:
        """Return the field of each column, of which only the order and the content tell."""
        fields = [""] * self.width
        products = self._columns_of(_is_product)
        addresses = self._columns_of(_is_address)
        certain = self._columns_of(is_certain_address)
        if len(products) > 1 or not addresses or len(certain) > 1:
            return fields
        product = products[0] if products else -1
        if not certain and len(addresses) > 1 and addresses[0] != product + 1:
            return fields
        address = certain[0] if certain else addresses[0]
        named = {product: "productType", address: "endpoint"}
        named.update(self._after(address, [n for n in range(self.width) if n not in named]))
        if len({n for n in named if n >= 0}) < self.width and not self._is_plain:
            return fields
        return [named.get(number, "") for number in range(self.width)]

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
        product = PRODUCTS.get(self._product)
        return product is not None and not product.needs_key_pair

    def _columns_of(self, is_one: Callable[[str], bool], begin: int = 0) -> list[int]:
        """Return the columns in which every cell that is not empty is such a one."""
        columns = range(self.width)
        return [n for n in columns if _are_all(is_one, n, self.rows[begin:])]


def _are_all(is_one: Callable[[str], bool], column: int, rows: Sequence[Sequence[str]]) -> bool:
    cells = (trimmed(row[column]) for row in rows if column < len(row))
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(map(is_one, filled))


def _sets(fields: Sequence[str], name: str) -> bool:
    return name in fields or (name == "endpoint" and "host" in fields)


def _is_address(cell: str) -> bool:
    return address_in(cell) is not None


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
