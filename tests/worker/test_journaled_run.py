"""What the texts of a run know before its first step."""

import pytest

from shared.reporting.job_facts import facts_of_inspection
from shared.request.inspection import InspectionRequest


@pytest.mark.parametrize(
    ("content", "usual"),
    [
        ({"endpoint": "h:9"}, None),
        ({"endpoint": "h:9", "productType": "vsphere"}, 443),
        ({"endpoint": "h", "productType": "vsphere"}, None),
        ({"endpoint": "h:9", "productType": "zstack"}, None),
    ],
    ids=["any host", "another port", "the usual port", "usually without TLS"],
)
def test_an_inspection_names_a_usual_port_only_if_tls_is_usual_there(
    content: dict[str, str], usual: int | None
) -> None:
    """A closed port 9 was called usual, because it had been asked for."""
    request = InspectionRequest.model_validate(content)

    assert facts_of_inspection(request.target, request.product).get("usual_port") == usual
