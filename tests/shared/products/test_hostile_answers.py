"""Whatever answers, a product tells it for what it is: nothing breaks."""

import json
from contextlib import suppress
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.diagnosis.outcomes import Failed, Passed
from shared.endpoint import Endpoint
from shared.platform.http import HttpResponse
from shared.platform.product import Credentials
from shared.products import PRODUCTS, AnyProduct
from tests.shared.products.conversation import NOW, Platform

CLOUDS = (*("alibabacloud", "aws", "cloudstack", "huaweicloud", "openstack", "s3", "tencentcloud"),)
KEYS = Credentials(SecretStr("0123456789abcdef0123456789abcdef"), SecretStr("s3cret"))
USER = Credentials(SecretStr("ops"), SecretStr("s3cret"))
WORDS = (
    *("version", "versions", "values", "id", "v3.14", "media-types", "error", "message", "token"),
    *("project", "projects", "name", "enabled", "roles", "catalog", "endpoints", "type", "url"),
    *("interface", "public", "region", "compute", "Response", "Error", "Code", "RequestId"),
    *("HostId", "Arn", "AccountId", "Type", "TotalCount", "error_code", "error_msg", "account_id"),
    *("principal_urn", "APIGW.0301", "count", "api", "zone", "capability", "listzonesresponse"),
    *("listcapabilitiesresponse", "application/vnd.openstack.identity-v3+json", "acs:ram::1:u"),
)
TAGS = ("ErrorResponse", "Error", "Code", "Message", "Region", "ListAllMyBucketsResult", "Arn")
HEADERS = ("server", "date", "x-subject-token", "www-authenticate", "x-amzn-requestid", "location")

word = st.sampled_from(WORDS) | st.text(max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | word,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(word, inner, max_size=5),
    max_leaves=25,
)
xml_texts = st.recursive(
    st.sampled_from(("AccessDenied", "SignatureDoesNotMatch", "Signature expired", "", "\u0661")),
    lambda inner: st.tuples(st.sampled_from(TAGS), inner, inner).map(
        lambda parts: f"<{parts[0]} cloud-stack-version='4'>{parts[1]}{parts[2]}</{parts[0]}>"
    ),
    max_leaves=8,
)


@st.composite
def answers(draw: st.DrawFn) -> HttpResponse:
    """Draw an answer that could be one of the products', and is not."""
    body = draw(
        json_values.map(lambda value: json.dumps(value).encode())
        | xml_texts.map(str.encode)
        | st.binary()
    )
    headers = draw(st.dictionaries(st.sampled_from(HEADERS), st.text(max_size=20), max_size=4))
    status = draw(
        st.sampled_from((200, 201, 204, 300, 301, 400, 401, 403, 404, 412, 429, 500, 503))
    )
    return HttpResponse(status, "", headers, body, NOW)


def _walk(
    product: AnyProduct, keys: Credentials, first: HttpResponse, drawn: list[HttpResponse]
) -> None:
    """Go through all flows with what was drawn as answers, whose every fact must be one."""
    endpoint, nothing = product.complete(Endpoint("cloud.example.com")), first
    platform = Platform(rule=lambda _: drawn.pop() if drawn else nothing)
    identity = _fine(platform.talk(product.identify(endpoint, first)))
    signing_in = product.authenticate(endpoint, product.options(), identity, keys)
    session = _fine(platform.talk(signing_in))
    _fine(platform.talk(product.authorize(endpoint, session)))
    if product.service_endpoints:
        product.service_endpoints(session)


def _fine(passed: Passed[Any]) -> Any:
    for fact in passed.facts.values():
        parts = fact if isinstance(fact, tuple) else (fact,)
        assert all(isinstance(part, str | int | float) for part in parts)
    return passed.value


@pytest.mark.parametrize("keys", [KEYS, USER], ids=["key", "user"])
@pytest.mark.parametrize("name", CLOUDS)
@settings(max_examples=40, deadline=None)
@given(data=st.data(), drawn=st.lists(answers(), min_size=1, max_size=4))
def test_no_answer_breaks_a_product(
    name: str, keys: Credentials, data: st.DataObject, drawn: list[HttpResponse]
) -> None:
    """A crash is told as a failure of ours, and hides what is wrong with the platform."""
    hellos = import_module(f"tests.shared.products.test_{name}").HELLOS
    first = data.draw(st.sampled_from(hellos) | answers())

    with suppress(Failed):
        _walk(PRODUCTS[name], keys, first, drawn)
