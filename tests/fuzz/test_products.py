"""Answer each product's questions with whatever comes (hypothesis).

Its flows must end in Passed, or in Failed with a cause that docs/causes.md has; and what they ask
must fit into a request, whatever they were told.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import cycle
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from shared.diagnosis.catalogue import catalogue
from shared.diagnosis.outcomes import Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.product import Credentials, ProductOptions
from shared.products import PRODUCTS, AnyProduct
from tests.network.loopback import KNOWN

pytestmark = pytest.mark.timeout(3600)
ENDPOINT = Endpoint("cloud.example.com", 8443, "https")
KEYS = Credentials(SecretStr("AKIDCANARY0001"), SecretStr("c4nary-secret"))
MOST_QUESTIONS = 100
SIGNING_IN = sorted(name for name, one in PRODUCTS.items() if one.needs_key_pair)
_STATUSES = [200, 201, 202, 204, 301, 302, 400, 401, 403, 404, 405, 409, 410, 429, 500, 502, 503]
_ODD = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**30,
    float("inf"),
    "",
    "\ud800",
    "a\r\nX: y",
    "\x00",
    "9" * 5000,
]


@cache
def words_of(name: str) -> list[str]:
    """Return the texts in the product's own module: the names and values that it looks for."""
    source = inspect.getsource(sys.modules[PRODUCTS[name].hello.__module__])
    return sorted(set(re.findall(r'"([^"\n\\{}]{1,40})"', source)))


def answers(product: AnyProduct) -> st.SearchStrategy[HttpResponse]:
    """Return a strategy for answers that the product half understands."""
    words = st.sampled_from(words_of(product.name))
    leaf = st.one_of(words, st.sampled_from(_ODD), st.text(max_size=10), st.integers())
    value = st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=2), st.dictionaries(words, inner, max_size=3)
        ),
        max_leaves=6,
    )
    objects = st.dictionaries(words, value, max_size=6).map(lambda v: json.dumps(v).encode())
    tags = st.lists(st.tuples(words, words), max_size=5).map(_xml)
    body = st.one_of(objects, value.map(lambda v: json.dumps(v).encode()), tags, st.binary())
    headers = st.dictionaries(words.map(str.lower), st.one_of(words, st.text(max_size=20)))
    return st.builds(
        lambda status, named, content: HttpResponse(status, "", named, content, datetime.now(UTC)),
        st.one_of(st.just(200), st.sampled_from(_STATUSES)),
        headers,
        body,
    )


def _xml(pairs: list[tuple[str, str]]) -> bytes:
    names = [(re.sub(r"\W", "", name) or "a", text) for name, text in pairs]
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in names)
    return f'<?xml version="1.0"?><a xmlns="urn:x">{inner}</a>'.encode()


def options_of(product: AnyProduct) -> ProductOptions:
    """Return the product's options, the required ones filled in."""
    try:
        found: ProductOptions = product.options()
    except ValidationError as error:
        missing = {str(one["loc"][0]): "x" for one in error.errors()}
        found = product.options.model_validate(missing)
    return found


def values_of(flow: Any, place: int) -> st.SearchStrategy[Any]:
    """Return a strategy for what an earlier flow hands to `flow`, by its annotation.

    Its texts are such as fit into a header: the flow that found them has seen to that.
    """
    function = flow.func if isinstance(flow, partial) else flow
    name = list(inspect.signature(function).parameters)[place]
    kind = get_type_hints(function)[name]
    return st.none() if kind in (None, type(None)) else st.deferred(lambda: st.from_type(kind))


_PLAIN = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
_AWARE = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
# Some of them are the beginning of a path.
st.register_type_strategy(str, st.one_of(st.just(""), _PLAIN.map("/{}".format)))
st.register_type_strategy(datetime, _AWARE)
# A clock that is days off is not signed with, see shared/platform/keys/server_clock.py.
st.register_type_strategy(timedelta, st.timedeltas(timedelta(days=-1), timedelta(days=1)))
st.register_type_strategy(SecretStr, _PLAIN.map(SecretStr))
st.register_type_strategy(Endpoint, st.just(ENDPOINT))
for _product in PRODUCTS.values():
    st.register_type_strategy(_product.options, st.just(options_of(_product)))


@pytest.mark.parametrize("name", SIGNING_IN)
@pytest.mark.parametrize("step", ["identify", "authenticate", "authorize"])
@given(data=st.data())
def test_flows_end_in_a_verdict_whatever_is_answered(
    name: str, step: str, data: st.DataObject
) -> None:
    """Every byte of an answer is the platform's to choose, at each of the steps."""
    product = PRODUCTS[name]
    answered = data.draw(st.lists(answers(product), min_size=1, max_size=8))
    following = cycle(answered)
    check_request(product.hello(ENDPOINT))
    product.recognizes(answered[0])
    with failing_well(product):
        if step == "identify":
            passed(product, product.identify(ENDPOINT, next(following)), following)
        elif step == "authenticate":
            identity = data.draw(values_of(product.authenticate, 2))
            signing_in = product.authenticate(ENDPOINT, options_of(product), identity, KEYS)
            session = passed(product, signing_in, following)
            look_further(product, session)
        else:
            session = data.draw(values_of(product.authorize, 1))
            passed(product, product.authorize(ENDPOINT, session), following)
            look_further(product, session)


@contextmanager
def failing_well(product: AnyProduct) -> Iterator[None]:
    """Let a flow fail, with causes that are declared and can be said."""
    try:
        yield
    except Failed as failed:
        for finding in failed.findings:
            check_finding(product, finding)


def look_further(product: AnyProduct, session: Any) -> None:
    """See that what comes after the last flow can be looked at."""
    if product.service_endpoints:
        assert all(len(pair) == 2 for pair in product.service_endpoints(session))


def passed(product: AnyProduct, flow: Flow[Passed[Any]], following: "cycle[HttpResponse]") -> Any:
    """Return what the flow found out; its questions and its words are looked at."""
    try:
        request = next(flow)
        for _ in range(MOST_QUESTIONS):
            check_request(request)
            answer = next(following)
            if request.sign_out and (sign_out := request.sign_out(answer)):
                check_request(sign_out)
            request = flow.send(answer)
    except StopIteration as done:
        result: Passed[Any] = done.value
        for finding in result.warnings:
            check_finding(product, finding)
        json.dumps(dict(result.facts), default=str)
        return result.value
    raise AssertionError("it asks without an end")


def check_request(request: HttpRequest) -> None:
    """See that a request can be sent as it is, and begins no other one."""
    lines = [f"{request.method} {request.path} HTTP/1.1"]
    lines += [f"{header}: {value}" for header, value in request.headers.items()]
    assert not any(character in line for line in lines for character in "\r\n\0"), lines
    assert "\r\n".join(lines).encode()
    assert request.path.startswith("/")
    assert " " not in request.path


def check_finding(product: AnyProduct, finding: Finding) -> None:
    """See that a finding is a declared one, and can be said."""
    means = {"access_key_is": product.access_key_is, "secret_key_is": product.secret_key_is}
    of_product = {**product.port_facts(ENDPOINT), **means, "product": product.title}
    known = {**KNOWN, **of_product, "url": "u", "job": "4f2a"}
    assert finding.cause.code in catalogue()
    assert finding.summary(known)
    assert all(finding.remedies(known))
