"""Say why a service did not do what a command asked it for, in the command's own words."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from urllib.parse import urlsplit

from pydantic import ValidationError

from cli.arguments import settings_or_refuse
from cli.service_access import ServerChoice
from cli.terminal.exit_status import COULD_NOT_TEST, USAGE, refuse
from shared.request import JobRequest
from shared.text import printable

# Loopback is refused unless it is named.
_ANY_NETWORK = [ip_network(one) for one in ("0.0.0.0/0", "::/0", "127.0.0.0/8", "::1/128")]
_LOOK_S = 10  # for finding out why a service can't be reached


@contextmanager
def service_errors_refused(server: ServerChoice) -> Iterator[None]:
    """End the command with what the service says where it does not do what it is asked."""
    # Here, because a test in this process does not need the client.
    from conncheck_client import ClientError, InvalidRequestError

    try:
        yield
    except InvalidRequestError as error:
        refuse(str(error), USAGE)
    except ClientError as error:
        refuse(why_refused(server, error), COULD_NOT_TEST)


def why_refused(server: ServerChoice, error: Exception) -> str:
    """Return a sentence about the service at this URL, in the command's own words."""
    from conncheck_client import (
        NoSuchError,
        NotSignedInError,
        UnexpectedAnswerError,
        UnreachableError,
    )

    url = printable(server.url)
    if isinstance(error, NotSignedInError):
        return f"{url} does not accept the token: check CONNCHECK_TOKEN, --token-file or the login"
    if isinstance(error, UnreachableError):
        reason = _diagnosis_of(server)
        return f"{url} can't be used: {reason}" if reason else str(error)
    # A wrong path in the URL is as if there were no such call.
    is_elsewhere = isinstance(error, UnexpectedAnswerError | NoSuchError)
    return f"{url}: {error}" if is_elsewhere else str(error)


def _diagnosis_of(server: ServerChoice) -> str | None:
    """Return what a test of the service's own address finds; None if it finds nothing."""
    # Here, because most services can be reached.
    from cli.single.in_process import InProcess

    file = server.ca_file
    authorities = {"caCertificate": file.read_text(errors="replace")} if file else {}
    options = {"timeoutSeconds": _LOOK_S, "tls": authorities}
    asked = {"productType": urlsplit(server.url).scheme, "endpoint": server.url, "options": options}
    tester = InProcess(settings_or_refuse(), _ANY_NETWORK)
    try:
        request = JobRequest.model_validate(asked)
    except ValidationError as error:  # e.g. a URL with a query, or a bundle of all authorities
        first = error.errors()[0]
        return f"{first['msg']}." if first["loc"] == ("endpoint",) else None
    tester.run(request, tested := tester.begun(request))
    job = tested.job()
    failed = next((item for item in job.items if item.outcome == "failed"), None)
    if failed is None or failed.owner == "us" or str(failed.cause).startswith("policy."):
        return None
    return f"{failed.summary}. {job.recommendation}"
