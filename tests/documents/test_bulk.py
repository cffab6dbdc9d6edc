"""What docs/bulk.md says of headers, labels and errors is what the service does."""

import json
import re
from pathlib import Path

import pytest

from shared.labels import LABEL, LONGEST_LABEL, LONGEST_LABEL_NAME, MOST_LABELS
from shared.uploads.field_names import field_of
from shared.wire.uploads import ERRORS_SHOWN, RowError

PAGE = (Path(__file__).parents[2] / "docs" / "bulk.md").read_text()
NAMED = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE, re.MULTILINE))


@pytest.mark.parametrize("field", NAMED)
def test_each_header_means_what_the_page_says(field: str) -> None:
    """A reader renames columns by this table."""
    for name in (field, *NAMED[field].split(", ")):
        meaning = field_of(name)
        assert meaning is not None, name
        assert meaning.field == field


def test_every_field_has_its_line() -> None:
    """A name that is missing here is one that nobody tries."""
    assert {"productType", "endpoint", "accessKey", "secretKey", "name", "ref"} <= NAMED.keys()
    assert field_of("label.owner") is not None
    assert LABEL == "label."


def test_the_example_of_an_invalid_row_has_each_part() -> None:
    """Programs are written by it."""
    example = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    parts = {one.alias or name for name, one in RowError.model_fields.items()}

    assert json.loads(example[1]).keys() == parts


def test_the_limits_are_those_of_the_service() -> None:
    """They are numbers, and change."""
    flat = " ".join(PAGE.split())

    assert f"the first {ERRORS_SHOWN} in the same shape" in flat
    assert f"at most {MOST_LABELS} labels" in flat
    assert f"names of {LONGEST_LABEL_NAME} and values of {LONGEST_LABEL} characters" in flat
