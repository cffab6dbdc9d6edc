import pytest

from shared.platform.http import HttpResponse
from shared.products.s3.kinds import edition_of, is_of_s3
from tests.shared.products.conversation import answer


@pytest.mark.parametrize(
    ("response", "is_one"),
    [
        (answer(403, "<Error><Code>AccessDenied</Code></Error>"), True),
        (answer(500, "<Error><Code>InternalError</Code></Error>"), False),
        (answer(500, "<Error><Code>InternalError</Code><HostId>h</HostId></Error>"), True),
        (
            answer(403, "<Error><Code>AccessDenied</Code></Error>", x_ms_request_id="R"),
            False,
        ),
        (answer(200, "<ListBucketResult/>"), True),
        (answer(403, "<ErrorResponse><Code>AccessDenied</Code></ErrorResponse>"), False),
        (answer(403, "<Error><Code>no code</Code></Error>"), False),
        (answer(307, "", server="AmazonS3", x_amz_request_id="R"), True),
        (answer(403, "", x_amz_request_id="R"), False),
    ],
)
def test_a_store_is_told_by_its_own_words(response: HttpResponse, is_one: bool) -> None:
    """Azure's blobs have the same root, and headers of S3 are sent by others, too."""
    assert is_of_s3(response) is is_one


@pytest.mark.parametrize(
    ("response", "edition"),
    [
        (answer(403, "", server="MinIO/RELEASE.2024"), "MinIO"),
        (answer(403, "", server="ViPR/1.0"), "Dell ECS"),
        (answer(403, "", x_amz_request_id="tx000001b5-0065f1-10d8-default"), "Ceph RGW"),
        (answer(412, "", x_trans_id="tx0123456789abcdef01234-0065f1a2b3"), "OpenStack Swift"),
        (answer(403, "<Error><Region>garage</Region></Error>"), "Garage"),
        (answer(403, "<Error><Region>garage</Region></Error>", server="nginx"), "Garage"),
        (answer(403, "", server="nginx"), "S3"),
    ],
)
def test_a_store_that_says_its_name_is_called_by_it(response: HttpResponse, edition: str) -> None:
    """Few do, and a proxy may put its own there."""
    assert edition_of(response) == edition
