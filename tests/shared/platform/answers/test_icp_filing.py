import pytest

from shared.platform.answers.icp_filing import NO_ICP_FILING, blocked_name
from shared.platform.answers.not_the_product import not_the_product
from shared.platform.answers.plain_answer import doubts_about_answer
from shared.platform.http import HttpResponse
from tests.shared.platform.responses import response, said

FRAME = b'<title>Non-compliance ICP Filing</title>src= "http://batit.aliyun.com/alww.html?id=1"'
WEB_BLOCK = "https://dnspod.qcloud.com/static/webblock.html?d=a.example"


@pytest.mark.parametrize(
    ("answer", "provider"),
    [
        (response(403, FRAME, server="Beaver"), "Alibaba Cloud"),
        (response(302, location=WEB_BLOCK), "Tencent Cloud"),
    ],
)
def test_the_providers_answer_is_not_the_servers(answer: HttpResponse, provider: str) -> None:
    """The server is not asked at all, and its administrator finds nothing in its log."""
    failed = not_the_product(answer)

    assert failed.cause is NO_ICP_FILING
    assert said(failed).startswith(f"{provider} blocks cloud.example.com")
    assert [doubt.cause.code for doubt in doubts_about_answer(answer)] == [NO_ICP_FILING.code]


@pytest.mark.parametrize(
    "answer",
    [
        response(200, FRAME),
        response(403, b"Forbidden", server="Beaver"),
        response(302, location="https://dnspod.qcloud.com/"),
    ],
)
def test_a_mention_of_a_filing_blocks_nothing(answer: HttpResponse) -> None:
    """Sites in China show the number of their filing on each page."""
    assert blocked_name(answer) is None
