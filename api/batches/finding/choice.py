"""Which items of a batch are wanted: in results, and to be retried."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from api.filters import CauseFilter, Filters, ProductFilter, WantedOutcome, invalid_parameter
from shared.labels import LONGEST_LABEL, LONGEST_LABEL_NAME, MOST_LABELS, is_label_name
from shared.site_name import SiteName
from shared.store.batches.batch import BatchItem
from shared.wire.batches import LONGEST_TEXT, BatchResult

MOST_REFS = 100


def _label(text: str) -> str:
    name, equals, _ = text.partition("=")
    if not equals or not is_label_name(name):
        raise invalid_parameter("must be NAME=VALUE, such as owner=Alice")
    return text


_LabelFilter = Annotated[
    str, Field(max_length=LONGEST_LABEL_NAME + 1 + LONGEST_LABEL), AfterValidator(_label)
]
_RefFilter = Annotated[str, Field(max_length=LONGEST_TEXT)]


@dataclass(frozen=True, slots=True)
class Choice:
    """The items that match all of these conditions; every item where there is none."""

    outcome: WantedOutcome | None = None
    cause: str | None = None
    product_type: str | None = None
    site: str | None = None
    labels: Sequence[tuple[str, str]] = ()
    """Names and values; an empty value means items without the label."""
    refs: frozenset[str] = frozenset()
    """One of them; none for any reference."""

    @property
    def is_everything(self) -> bool:
        """Whether it has no condition."""
        return self == EVERYTHING

    def matches(self, one: BatchItem | BatchResult) -> bool:
        """Return whether an item matches what an item itself says; not its outcome or cause."""
        if self.product_type is not None and one.product_type != self.product_type:
            return False
        if self.site is not None and one.site != self.site:
            return False
        if self.refs and one.ref not in self.refs:
            return False
        return all(one.labels.get(name, "") == value for name, value in self.labels)


EVERYTHING: Final = Choice()


class ItemFilters(Filters):
    """The parameters that choose items of a batch."""

    outcome: WantedOutcome | None = Field(default=None, description="Only items in this state.")
    cause: CauseFilter | None = Field(
        default=None, description="Only with this cause.", examples=["tls.expired"]
    )
    product_type: ProductFilter | None = Field(
        default=None, description="Only this product type.", examples=["zstack"]
    )
    site: SiteName | None = Field(
        default=None, description="Only items of this site.", examples=["fra1"]
    )
    label: list[_LabelFilter] = Field(
        default=[],
        max_length=MOST_LABELS,
        description=(
            "Only with this label, as NAME=VALUE; may be repeated, and all must match. Without a "
            "VALUE, only those without the label."
        ),
        examples=[["owner=Alice"]],
    )
    ref: list[_RefFilter] = Field(
        default=[],
        max_length=MOST_REFS,
        description="Only with this reference; may be repeated, and one of them must match.",
        examples=[["asset-0042"]],
    )

    @property
    def choice(self) -> Choice:
        """What they choose."""
        parts = (one.partition("=") for one in self.label)
        labels = tuple((name, value) for name, _, value in parts)
        refs = frozenset(self.ref)
        return Choice(self.outcome, self.cause, self.product_type, self.site, labels, refs)
