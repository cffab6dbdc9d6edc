"""Tell from the header of a table what its columns mean."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.diagnosis.outcomes import Fact
from shared.diagnosis.sentences import Sentence
from shared.labels import LABEL, LONGEST_LABEL_NAME, is_secret_name
from shared.text import printable
from shared.uploads.field_names import (
    KEY_PAIR,
    NEEDED,
    WEAK,
    Meaning,
    field_of,
    nearest,
    spelling,
)
from shared.uploads.key_pairs import of_other_pair
from shared.uploads.product_names import needs_no_key_pair
from shared.uploads.reading import LONGEST_HEADER, ReadColumn, Reading
from shared.uploads.row import UploadError
from shared.uploads.tables.header_search import MAX_COLUMNS
from shared.uploads.tables.wished_columns import Wished

PROBLEM_COLUMN = "conncheck: problem"
"""The last column of the file of bad rows that this service writes."""

_WISHED = 5
"""The strength of what the caller says of a column; see field_names."""
_ADDRESS = ("endpoint", "host")
_OF_RESULTS = frozenset({"outcome", "errormsg", "jobid", "statusurl"})
_URI_OF_LOGINS = "loginuri"


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a table, and the product of the rows that name none."""

    columns: Sequence[ReadColumn]
    product: str = ""
    was_written_here: bool = False
    """Whether it is the header of a file of bad rows, whose cells are guarded against formulas."""


@dataclass(slots=True)
class _Claim:
    """A column, and the field that it asks for."""

    number: int
    header: str
    field: str = ""
    strength: int = 0
    product: str = ""
    note: Sentence | None = None
    is_unknown: bool = False

    @property
    def slot(self) -> str:
        """What only one column can set."""
        return "endpoint" if self.field in _ADDRESS else self.field

    def give_up(self, note: Sentence) -> None:
        self.field, self.product, self.note = "", "", note


def header_of(
    cells: Sequence[str], place: str, wished: Wished, product: str, reading: Reading
) -> Header:
    """Return what the columns under the header `cells` mean.

    `product` is the productType of rows that give none, if the caller names one. `reading` gets the
    columns of a header that is refused, too: the caller can say what they mean.

    Raises:
        UploadError: The header doesn't tell it; the texts of its columns are quoted.
    """
    cells = without_empty_end(cells)
    if len(cells) > MAX_COLUMNS:
        detail = "{place}: has more than {most} columns."
        raise UploadError(detail, place=place, most=MAX_COLUMNS)
    wishes = wished.by_number(cells)
    claims = [_claim(number, cell, wishes) for number, cell in enumerate(cells, start=1)]
    _settle_results(claims)
    _settle_ids(claims)
    _settle_pairs(claims)
    _settle_types(claims)
    reading.columns = _columns_of(claims)
    for slot in dict.fromkeys(claim.slot for claim in claims if claim.field):
        _settle(slot, [claim for claim in claims if claim.slot == slot], place)
    reading.columns = _columns_of(claims)
    _refuse_nested(claims, place)
    product = product or next((claim.product for claim in claims if claim.product), "")
    _check(claims, place, product)
    return Header(_columns_of(claims), product, spelling(PROBLEM_COLUMN) in map(spelling, cells))


def _columns_of(claims: Sequence[_Claim]) -> Sequence[ReadColumn]:
    return tuple(ReadColumn(one.number, one.header, one.field, one.note) for one in claims)


def without_empty_end(cells: Sequence[str], count: int = 0) -> Sequence[str]:
    """Return `cells` without the empty ones at their end that are beyond the first `count`."""
    end = len(cells)
    while end > count and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def shown(header: str) -> str:
    """Return the text of a header as it may be quoted."""
    return printable(header.strip("\ufeff \t\r\n"), LONGEST_HEADER - 1)


def _claim(number: int, cell: str, wishes: Mapping[int, str]) -> _Claim:
    claim = _Claim(number, shown(cell))
    if number in wishes:
        claim.field, claim.strength = wishes[number], _WISHED
        if not claim.field:
            claim.note = Sentence("is left out, as you said")
    elif not cell.strip():
        claim.note = Sentence("has no header and is left out")
    elif cell.strip().casefold().startswith(LABEL) and field_of(cell) is None:
        claim.note = _no_label(cell.strip()[len(LABEL) :])
    elif spelling(cell) != spelling(PROBLEM_COLUMN):
        _understand(claim, field_of(cell))
    return claim


def _no_label(name: str) -> Sentence:
    if is_secret_name(name.strip()):
        return Sentence(
            "is left out: labels are shown with the results, and this is a secret's name"
        )
    return Sentence(
        "is left out; a label's name has 1 to {most} letters, digits, blanks, dots, dashes and "
        "underscores",
        {"most": LONGEST_LABEL_NAME},
    )


def _understand(claim: _Claim, meaning: Meaning | None) -> None:
    if meaning is None:
        claim.is_unknown = True
        claim.note = Sentence(
            "is unknown and left out; a header that begins with label. is kept as a label"
        )
    else:
        claim.field, claim.strength = meaning.field, meaning.strength
        claim.product = meaning.product


def _settle_results(claims: Sequence[_Claim]) -> None:
    """In a file of results the columns of the upload come first, and have precedence."""
    spelled = [spelling(claim.header) for claim in claims]
    if {*spelled} >= _OF_RESULTS:
        for claim in claims[spelled.index("outcome") :]:
            claim.strength = _WISHED if claim.strength == _WISHED else 0


def _settle_ids(claims: Sequence[_Claim]) -> None:
    """An `id` belongs to a secret that has no other access key; else it is a reference."""
    fields = {claim.field for claim in claims}
    of_key = "secretKey" in fields and "accessKey" not in fields
    for claim in claims:
        if claim.field == "id":
            claim.field = "accessKey" if of_key else "ref"


def _settle_types(claims: Sequence[_Claim]) -> None:
    """In an export of a password manager a `type` is that of the entry: a login or a note."""
    if any(spelling(claim.header) == _URI_OF_LOGINS for claim in claims):
        for claim in claims:
            if claim.field == "productType" and claim.strength == WEAK:
                claim.give_up(Sentence("is left out; it is the type of a password manager's entry"))


def _settle_pairs(claims: Sequence[_Claim]) -> None:
    """Leave out the user where there is a pair of keys, or the key where there is a password."""
    pair = [claim for claim in claims if claim.field in KEY_PAIR]
    if any(claim.strength == _WISHED for claim in pair):
        return
    others = of_other_pair((claim.header, claim.field, claim.strength) for claim in pair)
    for claim in pair:
        if claim.header in others:
            claim.give_up(Sentence("is left out; it does not belong to the key pair"))


def _settle(slot: str, claims: Sequence[_Claim], place: str) -> None:
    winner, *others = sorted(claims, key=lambda claim: -claim.strength)
    for other in others:
        if other.strength == winner.strength:
            first, second = sorted((winner, other), key=lambda claim: claim.number)
            raise UploadError(
                "{place}: columns {earlier} ({first}) and {number} ({second}) set the same field, "
                "{field}; remove one of them, or say what they mean.",
                place=place,
                earlier=first.number,
                first=first.header,
                number=second.number,
                second=second.header,
                field=slot,
            )
        facts: dict[str, Fact] = {"field": slot, "winner": winner.header}
        other.give_up(Sentence("is left out; {field} is taken from the column {winner}", facts))


def _refuse_nested(claims: Sequence[_Claim], place: str) -> None:
    for claim in claims:
        for other in claims:
            if claim.field and other.field.startswith(f"{claim.field}."):
                raise UploadError(
                    "{place}: columns {first} and {second} set the same option.",
                    place=place,
                    first=claim.header,
                    second=other.header,
                )


def _check(claims: Sequence[_Claim], place: str, product: str) -> None:
    """Raise if a needed column is missing, or is probably there under an unknown name."""
    missing = list(_missing(claims, product))
    slots = {claim.slot for claim in claims}
    for claim in claims:
        like = nearest(claim.header) if claim.is_unknown else None
        if like is None:
            continue
        slot = "endpoint" if like.field in _ADDRESS else like.field
        if slot not in slots and (slot in missing or (like.is_slip and slot in KEY_PAIR)):
            raise UploadError(
                "{place}: column {number} ({header}) is unknown and resembles {known}; rename it, "
                "or say what it means.",
                place=place,
                number=claim.number,
                header=claim.header,
                known=like.known,
            )
        known: dict[str, Fact] = {"known": like.known}
        claim.note = Sentence("is unknown and left out, although it resembles {known}", known)
    if missing == ["productType"]:
        detail = "{place}: no column is the productType; add one, or name the product of all rows."
        raise UploadError(detail, place=place)
    if missing:
        detail = "{place}: required columns are missing: {missing}."
        raise UploadError(detail, place=place, missing=tuple(missing))


def _missing(claims: Sequence[_Claim], product: str) -> Iterator[str]:
    slots = {claim.slot for claim in claims}
    # A table of plain products has no key pairs; validation tells whether a row needs one.
    has_pair = {*KEY_PAIR} & slots and not needs_no_key_pair(product)
    needed = (*NEEDED, *KEY_PAIR) if has_pair else NEEDED
    for name in needed:
        if name not in slots and not (name == "productType" and product):
            yield name
