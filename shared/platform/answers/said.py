"""What an answer says in its own words: a message, a code, and the ID of the request.

Every API has fields of its own for these. A field is recognized by its name alone, wherever it is
in the answer, so that the words of a platform or a gateway that is not known are told as well.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shared.diagnosis.outcomes import Fact, Failed
from shared.platform.answers.xml_answer import XmlAnswer
from shared.platform.http import HttpResponse

LONGEST_MESSAGE = 2000  # a longer one is no message; nothing is cut before secrets are removed
MOST_OBJECTS = 200
LONGEST_NAME = 40

# By the letters of their names, the most specific first: one answer often has several.
_MESSAGES = (
    *("details", "detail", "errordetail", "errormessage", "errormsg", "errordescription"),
    *("errortext", "defaultmessage", "localizedmessage", "message", "msg", "faultstring"),
    *("description", "reason", "title", "error", "errors"),
)
_CODES = (
    *("errorcode", "code", "errorname", "errortype", "faultcode", "exception", "error"),
    *("reason", "type", "status"),
)
_REFERENCES = ("requestid", "traceid", "correlationid", "hostid")
_REFERENCE_HEADERS = (
    *("x-request-id", "x-openstack-request-id", "x-compute-request-id", "x-amz-request-id"),
    *("x-amzn-requestid", "x-oss-request-id", "x-cos-request-id", "x-obs-request-id"),
    *("x-acs-request-id", "x-ms-request-id", "opc-request-id", "x-correlation-id", "x-trace-id"),
    *("request-id", "audit-id", "x-nutanix-request-id"),
)
_CODE_HEADERS = ("x-amzn-errortype", "x-ms-error-code", "x-oss-err", "grpc-status")
# Of a successful answer, only what is below one of these is an error.
_ERRORS = frozenset({"error", "errors", "fault", "errorresponse", "failure", "exception"})
_ANY_CODE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/#-]{0,79}")
_ANY_REFERENCE = re.compile(r"[A-Za-z0-9][\w.:/+=|-]{2,79}", re.ASCII)
_OF_CHALLENGE = re.compile(r'\b(error|error_description)="([^"]{1,500})"')  # RFC 6750 3
_BARE_CHALLENGE = re.compile("(Basic|Bearer|Digest|Negotiate) realm=", re.IGNORECASE)
# The names of statuses (RFC 9110 15), and words that say no more than that there is an error.
_PHRASES = frozenset(
    re.sub("[^a-z]", "", phrase.lower())
    for phrase in (
        *("ok", "created", "accepted", "no content", "multiple choices", "moved permanently"),
        *("found", "see other", "not modified", "temporary redirect", "permanent redirect"),
        *("bad request", "unauthorized", "unauthorised", "payment required", "forbidden"),
        *("not found", "method not allowed", "not acceptable", "proxy authentication required"),
        *("request timeout", "conflict", "gone", "length required", "precondition failed"),
        *("content too large", "payload too large", "uri too long", "unsupported media type"),
        *("expectation failed", "misdirected request", "unprocessable content", "locked"),
        *("too many requests", "internal server error", "internal error", "server error"),
        *("not implemented", "bad gateway", "service unavailable", "gateway timeout"),
        *("service temporarily unavailable", "gateway time-out", "http version not supported"),
        *("error", "fail", "failed", "failure", "unknown", "unknown error", "null", "none"),
        *("success", "true", "false"),
    )
)


@dataclass(frozen=True, slots=True)
class Said:
    """The words of an answer; each is empty if it has none. They are untrusted, and not cut."""

    message: str = ""
    code: str = ""
    reference: str = ""

    @classmethod
    def of(cls, response: HttpResponse) -> "Said":
        """Return what `response` says about why it is not the answer that was asked for.

        Of a web page nothing is returned: what it says is for people, and its title is known.
        """
        found = _in_body(response)
        challenge = dict(_OF_CHALLENGE.findall(_header(response, "www-authenticate")))
        message = found.message or challenge.get("error_description", "")
        return cls(
            message or _phrase(response),
            found.code or challenge.get("error", "") or _code_in_headers(response),
            _reference_in_headers(response) or found.reference,
        )

    @property
    def facts(self) -> dict[str, Fact]:
        """The words that there are, as the facts `says`, `error_code` and `reference`."""
        known = {"says": self.message, "error_code": self.code, "reference": self.reference}
        return {name: text for name, text in known.items() if text}


@contextmanager
def hearing(answer: HttpResponse | None) -> Iterator[None]:
    """Add the words of `answer` to a failure that it is judged to be.

    worker.http.exchange does so with each answer that a flow receives; a flow that judges an
    earlier one does it itself.
    """
    try:
        yield
    except Failed as failed:
        if answer:
            failed.hear(Said.of(answer).facts)
        raise


def _in_body(response: HttpResponse) -> Said:
    if response.looks_like_html:
        return Said()
    is_success = response.status < 300
    if content := response.json_value():
        return _in_json(content, is_error=not is_success)
    if response.body[:256].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return _in_xml(response)
    return Said() if is_success else Said(_first_line(response))


def _in_json(content: Any, *, is_error: bool) -> Said:
    """Return the words of the object that is nearest to the top and has any."""
    if isinstance(content, str) and is_error:
        return Said(_message(content))
    found = Said()
    for one in _objects(content, is_error=is_error):
        message = found.message or _first(one, _MESSAGES, _message)
        code = found.code or next((c for c in _codes(one) if c != message), "")
        found = Said(message, code, found.reference)
    everything = _objects(content, is_error=True)
    references = (_first(one, _REFERENCES, _reference) for one in everything)
    return Said(found.message, found.code, next(filter(None, references), ""))


def _in_xml(response: HttpResponse) -> Said:
    answer = XmlAnswer.of(response)
    if response.status < 300 and _letters(answer.root) not in _ERRORS:
        return Said()
    texts = {_letters(name): text for name, text in answer.texts.items()}
    message = _first(texts, _MESSAGES, _message)
    code = next((code for code in _codes(texts) if code != message), "")
    return Said(message, code, _first(texts, _REFERENCES, _reference))


def _objects(content: Any, *, is_error: bool) -> Iterator[Mapping[str, Any]]:
    """Yield the objects in `content` that describe an error, by depth; names are letters only."""
    level = [(content, is_error)]
    looked_at = 0
    while level and looked_at < MOST_OBJECTS:
        below: list[tuple[Any, bool]] = []
        for value, describes_error in level[: MOST_OBJECTS - looked_at]:
            looked_at += 1
            if isinstance(value, list):
                below += [(one, describes_error) for one in value[:3]]
            elif isinstance(value, dict):
                named = {_letters(name): part for name, part in list(value.items())[:100]}
                if isinstance(faults := named.get("errors"), dict):  # by the parameters' names
                    named["errors"] = [*faults.values()][:1]
                if describes_error:
                    yield named
                below += [(v, describes_error or n in _ERRORS) for n, v in named.items()]
        level = [one for one in below if isinstance(one[0], dict | list)]


def _letters(name: object) -> str:
    """Return the letters of a field's name, which APIs write in different ways."""
    return re.sub("[^a-z]", "", str(name)[:LONGEST_NAME].lower())


def _first(named: Mapping[str, Any], names: Iterable[str], read: Any) -> str:
    return next(filter(None, (read(named[name]) for name in names if name in named)), "")


def _message(value: Any) -> str:
    """Return `value` as one line if it says more than the name of a status."""
    if isinstance(value, list):
        value = next(iter(value), "")
    if not isinstance(value, str) or len(value) > LONGEST_MESSAGE:
        return ""
    text = " ".join(value.split())
    letters = re.sub("[^a-z]", "", text.lower())
    is_bare = letters in _PHRASES or (text.isascii() and not letters)
    return "" if is_bare or _BARE_CHALLENGE.match(text) else text


def _codes(named: Mapping[str, Any]) -> Iterator[str]:
    for name in _CODES:
        value = named.get(name)
        text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
        is_status = text.isdigit() and len(text) == 3 and text[0] in "12345"
        if _ANY_CODE.fullmatch(text) and not is_status and _letters(text) not in _PHRASES:
            yield text


def _reference(value: Any) -> str:
    return value if isinstance(value, str) and _ANY_REFERENCE.fullmatch(value) else ""


def _first_line(response: HttpResponse) -> str:
    lines = response.body[: 4 * LONGEST_MESSAGE].decode("utf-8", "replace").splitlines()
    line = next((line for line in lines if line.strip()), "")
    return "" if "\N{REPLACEMENT CHARACTER}" in line or "\0" in line else _message(line)


def _phrase(response: HttpResponse) -> str:
    """Return the reason phrase if it is not the usual one: some servers say it only there."""
    phrase = _message(response.reason)
    return "" if phrase.isascii() and phrase.replace(" ", "").isupper() else phrase


def _header(response: HttpResponse, name: str) -> str:
    return response.headers.get(name, "")[:LONGEST_MESSAGE]


def _code_in_headers(response: HttpResponse) -> str:
    # AWS adds the address of the error's documentation behind a colon.
    given = (_header(response, name).partition(":")[0] for name in _CODE_HEADERS)
    return next((code for code in given if _ANY_CODE.fullmatch(code)), "")


def _reference_in_headers(response: HttpResponse) -> str:
    given = (_reference(_header(response, name)) for name in _REFERENCE_HEADERS)
    return next(filter(None, given), "")
