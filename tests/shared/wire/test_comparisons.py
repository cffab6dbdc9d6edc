from typing import Any

import pytest
from pydantic import ValidationError

from shared.request import JobRequest
from shared.request.options import REVEAL
from shared.wire.comparisons import MOST_SITES, ComparisonRequest
from shared.wire.problems import invalid_fields
from tests.running.service import a_request


def asked(**changes: Any) -> ComparisonRequest:
    """Return a request to compare two sites."""
    content = {**a_request("192.0.2.1:8443"), "sites": ["default", "fra1"], **changes}
    return ComparisonRequest.model_validate(content)


def test_a_comparison_asks_each_site_for_the_documented_test() -> None:
    """The message to a worker has nothing in it of the comparison."""
    request = asked()

    assert type(request.test) is JobRequest
    assert request.test == JobRequest.model_validate(a_request("192.0.2.1:8443"))
    revealed = request.test.model_dump(by_alias=True, context=REVEAL)
    assert not {"sites", "signIn"} & revealed.keys()


def test_the_first_site_signs_in_unless_all_are_asked_to() -> None:
    """What could lock an account must be asked for."""
    assert asked().sign_in == "first"
    assert asked(signIn="all").sign_in == "all"


@pytest.mark.parametrize(
    "changes",
    [
        {"sites": []},
        {"sites": ["default", "default"]},
        {"sites": ["*", "default"]},
        {"sites": ["Frankfurt"]},
        {"sites": [f"s{n}" for n in range(MOST_SITES + 1)]},
        {"signIn": "none"},
        {"options": {"mock": "healthy"}},
        {"options": {"site": "fra1"}},
    ],
    ids=str,
)
def test_what_can_not_be_compared_is_refused(changes: dict[str, Any]) -> None:
    """A guess would test something else."""
    with pytest.raises(ValidationError):
        asked(**changes)


@pytest.mark.parametrize(
    ("sites", "reason"),
    [
        ([], 'must be a list of names of sites, or of "*" alone'),
        (["*", "fra1"], 'must be a list of names of sites, or of "*" alone'),
        ("*", "must be a list"),
    ],
    ids=str,
)
def test_a_list_of_sites_that_is_none_is_no_credential(sites: object, reason: str) -> None:
    """Whoever reads that a key is blank looks for it in the wrong place."""
    with pytest.raises(ValidationError) as raised:
        asked(sites=sites)

    (error,) = invalid_fields([dict(one) for one in raised.value.errors()])
    assert (error.field, error.reason, error.cause) == ("sites", reason, None)


def test_sites_must_be_named() -> None:
    """A comparison of whatever sites there are today means another thing tomorrow."""
    with pytest.raises(ValidationError):
        ComparisonRequest.model_validate(a_request("192.0.2.1:8443"))

    assert asked(sites=["*"]).sites == ("*",)
