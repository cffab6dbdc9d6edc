import random
import zlib

import pytest

from shared.store.batches.batch import BatchItem
from shared.store.batches.item_index import (
    MOST_GROUPED,
    MOST_VALUES,
    TEXTS,
    ItemGroup,
    ItemIndex,
    both,
    places,
    texts_from_bytes,
)
from tests.shared.store.batches.batches import new_item


def item(product: str = "zstack", name: str = "", ref: str = "", **labels: str) -> BatchItem:
    return new_item(0).item._replace(product_type=product, name=name, ref=ref, labels=labels)


def index_of(*items: BatchItem) -> ItemIndex:
    index = ItemIndex()
    for one in items:
        index.add(one)
    return index


def groups(index: ItemIndex) -> dict[str, list[str]]:
    """Return the value of each item, by group, as who reads it from Redis finds it."""
    contents = {
        name: one
        for name, one in index.contents().items()
        if name not in ("name", "ref") and not name.startswith(TEXTS)
    }
    read = {name: ItemGroup.from_bytes(one) for name, one in contents.items()}
    return {name: [one.values[n] for n in one.numbers] for name, one in read.items() if one}


def test_each_item_has_its_product_and_its_labels() -> None:
    """A label may begin late, and an item may have none."""
    index = index_of(item(), item("aws", owner="Alice"), item(site="北京"), item(owner="Bob"))

    assert groups(index) == {
        "productType": ["zstack", "aws", "zstack", "zstack"],
        "label.owner": ["", "Alice", "", "Bob"],
        "label.site": ["", "", "北京", ""],
    }
    assert index.labels == ("owner", "site")


@pytest.mark.parametrize("values", [1, 255, 256, 257, MOST_VALUES - 1])
def test_a_value_is_found_however_many_there_are(values: int) -> None:
    """Up to 256 values an item takes a byte, else two."""
    chosen = [random.Random(1).randrange(values) for _ in range(3000)]
    index = index_of(*(item(owner=f"o-{n}") for n in chosen))

    group = ItemGroup.from_bytes(index.contents()["label.owner"])

    assert group
    wanted = chosen[0]
    assert [*places(group.having(f"o-{wanted}"))] == [
        n for n, v in enumerate(chosen) if v == wanted
    ]
    assert group.having("nobody") == bytes(3000)
    assert group.having("") == bytes(3000)


def test_a_label_that_has_another_value_in_each_row_is_no_group() -> None:
    """A serial number groups nothing, and does not take the place of what does."""
    items = [item(serial=str(n), owner=str(n % 3)) for n in range(MOST_VALUES + 1)]

    index = index_of(*items, item(), item(serial="x"), item())

    assert list(groups(index)) == ["productType", "label.owner"]
    texts = texts_from_bytes(index.contents()["texts:label.serial"])
    assert texts == [*map(str, range(MOST_VALUES + 1)), "", "x", ""]


def test_the_first_labels_are_groups() -> None:
    """Each row may have others; what is kept of them is bounded."""
    items = [item(**{f"label-{n}": "x"}) for n in range(50)]

    index = index_of(*items)

    named = [f"label.label-{n}" for n in range(MOST_GROUPED)]
    assert list(index.contents()) == ["productType", *named]


def test_names_and_references_are_kept_in_order() -> None:
    """An item without one keeps the place of the others right."""
    contents = index_of(item(name="上海 1"), item(), item(name="b")).contents()

    assert texts_from_bytes(contents["name"]) == ["上海 1", "", "b"]
    assert "ref" not in contents


def test_a_batch_without_labels_takes_next_to_nothing() -> None:
    """Most batches have none, and one product."""
    contents = index_of(*[item() for _ in range(50_000)]).contents()

    assert sum(len(one) for one in contents.values()) < 200


@pytest.mark.parametrize("content", [b"", b"x", zlib.compress(b'{"new":1}\n\0')])
def test_what_another_version_wrote_is_no_group(content: bytes) -> None:
    """It is told from what can be read."""
    assert ItemGroup.from_bytes(content) is None


def test_items_are_those_that_match_each_condition() -> None:
    """Conditions are bytes of items, and joined together."""
    assert [*places(both(b"\1\0\1\1", b"\1\1\0\1"))] == [0, 3]
    assert [*places(b"")] == []
    assert both(b"", b"") == b""
