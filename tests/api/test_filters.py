import pytest
from pydantic import ValidationError

from api.batches.results import ResultQuery


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"outcome": "green"}, "'queued', 'running', 'passed'"),
        ({"cause": "tcp.refussed"}, "Nearest: tcp.refused"),
        ({"cause": "nonsense"}, "auth.secret_mismatch, "),
        ({"productType": "ztack"}, "zstack"),
        ({"cursor": "-1"}, "`nextCursor`"),
        (
            {"result": "failed"},
            "outcome, cause, productType, site, label, ref, sort, cursor, limit, format",
        ),
        ({"product_type": "zstack"}, "productType"),
    ],
)
def test_an_invalid_filter_is_refused_with_the_valid_values(
    given: dict[str, str], said: str
) -> None:
    """A mistyped filter that matches everything, or nothing, is a wrong answer."""
    with pytest.raises(ValidationError, match=said):
        ResultQuery.model_validate(given)


def test_valid_filters_are_taken() -> None:
    """Each parameter may be left out."""
    given = {"outcome": "warning", "cause": "tls.expired", "productType": "aws", "limit": "3"}

    query = ResultQuery.model_validate(given)

    assert (query.outcome, query.cause, query.product_type) == ("warning", "tls.expired", "aws")
    assert (query.cursor, query.limit, query.format) == ("0", 3, None)


def test_a_product_is_filtered_by_each_of_its_names() -> None:
    """Results have the product's own name, whatever the upload called it."""
    assert ResultQuery.model_validate({"productType": "vmware"}).product_type == "vsphere"
