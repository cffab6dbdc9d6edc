"""What a client is made with."""

import pytest

from conncheck_client import AsyncClient, Client
from tests.client.scripted import Reply, scripted

URL = "https://conncheck.example.com"


@pytest.mark.parametrize("token", ["", "\n", "s3cret\ntoken", "s3crét-token"])
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(
    kind: type[Client] | type[AsyncClient], token: str
) -> None:
    """The error of the first call would quote the token."""
    with pytest.raises(ValueError, match=r"^token is empty or contains a character") as refused:
        kind(URL, token)

    assert "s3cr" not in str(refused.value)


def test_a_token_is_taken_from_a_file_as_it_is() -> None:
    """An editor ends the file with a newline."""
    with scripted(Reply(200, '{"items": []}')) as script, Client(script.url, "token\n") as client:
        client.product_types()

    assert script.headers[0]["Authorization"] == "Bearer token"


@pytest.mark.parametrize(
    "url", ["", "conncheck.example.com", "ftp://h", "https://", "https://u:pass@h"]
)
def test_a_url_that_leads_nowhere_is_refused_and_not_shown(url: str) -> None:
    """Calls would be repeated for seconds, and a password in the URL be sent."""
    with pytest.raises(ValueError, match=r"^url is not a URL such as https://HOST:PORT$"):
        Client(url, "token")
