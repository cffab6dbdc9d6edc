import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme
from pydantic import BaseModel, ValidationError

from shared.diagnosis.causes import Cause
from shared.endpoint import PORT_INVALID
from shared.platform.keys.input_checks import (
    CONSOLE_INSTEAD_OF_API,
    CREDENTIAL_BLANK,
    CREDENTIAL_FORMAT,
    CREDENTIAL_HIDDEN_CHARACTER,
    CREDENTIAL_MISTYPED,
    CREDENTIAL_SWAPPED,
    CREDENTIAL_WHITESPACE,
    PRODUCT_UNKNOWN,
)
from shared.platform.product import LONGEST_CREDENTIAL
from shared.products.zstack import ZstackOptions
from shared.request import OPTION, JobRequest
from shared.request.inspection import InspectionRequest
from shared.request.message import ComparedPart, JobMessage, first_entry, queue_target
from shared.request.options import REVEAL

ACCESS_KEY, SECRET_KEY = "AKID1234567890", "secret-value-xyz"
DOCUMENTED = {
    "productType": "zstack",
    "endpoint": "192.168.1.100:8080",
    "accessKey": ACCESS_KEY,
    "secretKey": SECRET_KEY,
}
CA = trustme.CA()
PEM = CA.cert_pem.bytes().decode()
FINGERPRINT = hashlib.sha256(b"certificate").hexdigest()

# The field that is wrong, its value, and pydantic's type of the error.
REFUSED_FIELDS: list[tuple[str, object, str]] = [
    ("productType", "vmwre", "invalid"),
    ("productType", "", "invalid"),
    ("productType", "ZStack", "invalid"),
    ("productType", 7, "string_type"),
    ("productType", None, "string_type"),
    ("endpoint", "h:0", "invalid"),
    ("endpoint", "", "invalid"),
    ("endpoint", 8080, "string_type"),
    ("endpoint", None, "string_type"),
    ("endpoint", True, "string_type"),
    ("endpoint", ["h"], "string_type"),
    *[
        (key, value, kind)
        for key in ("accessKey", "secretKey")
        for value, kind in (
            ("", "too_short"),
            ("x" * (LONGEST_CREDENTIAL + 1), "too_long"),
            ("a\r\nX-Injected: 1", "invalid"),  # attack D4
            ("a\n", "invalid"),
            ("a\x00b", "invalid"),
            ("\ufeffa", "invalid"),
            ("a\u200bb", "invalid"),
            (12345, "string_type"),
            (None, "string_type"),
            (True, "string_type"),
            ({"a": "b"}, "string_type"),
        )
    ],
    ("options", None, "model_type"),
    ("options", "x", "model_type"),
    ("options", [], "model_type"),
]

REFUSED_OPTIONS: list[tuple[str, object]] = [
    ("timeoutSeconds", 0),
    ("timeoutSeconds", 121),
    ("timeoutSeconds", "30"),
    ("timeoutSeconds", True),
    ("timeoutSeconds", float("nan")),
    ("timeoutSeconds", float("inf")),
    ("tls", None),
    ("tls", True),
    ("force", "true"),
    ("force", 1),
    ("force", None),
    ("mock", "sites.names_differ"),
]

REFUSED_TLS: list[tuple[str, object]] = [
    ("verify", "false"),
    ("verify", 0),
    ("verify", None),
    ("insecure", True),
    ("caCertificate", ""),
    ("caCertificate", "not a certificate"),
    ("caCertificate", CA.private_key_pem.bytes().decode()),
    ("caCertificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ("caCertificate", 7),
    ("caCertificate", PEM * 1000),
    ("fingerprintSha256", ""),
    ("fingerprintSha256", FINGERPRINT[:-1]),
    ("fingerprintSha256", FINGERPRINT + "0"),
    ("fingerprintSha256", FINGERPRINT[:-1] + "g"),
    ("fingerprintSha256", 7),
]

REFUSED_PRODUCT_OPTIONS: list[tuple[str, object]] = [
    ("timeZone", ""),
    ("timeZone", "UTC+8"),
    ("timeZone", "localtime"),
    ("timeZone", "Mars/Olympus"),
    ("timeZone", "../../../etc/passwd"),
    ("timeZone", "/etc/passwd"),
    ("timeZone", "Asia/Shanghai\r\nX: y"),
    ("timeZone", "\x00"),
    ("timeZone", "x" * 5000),
    ("timeZone", 8),
    ("timeZone", {"name": "UTC"}),
    ("region", "cn-hangzhou"),
]


def request_with(**changes: object) -> JobRequest:
    """Return the documented request with some fields changed."""
    return JobRequest.model_validate({**DOCUMENTED, **changes})


def only_error_of(content: dict[str, Any]) -> dict[str, Any]:
    """Return the one thing that is wrong with a request."""
    with pytest.raises(ValidationError) as caught:
        JobRequest.model_validate(content)
    errors = caught.value.errors()
    assert len(errors) == 1
    return dict(errors[0])


def test_the_documented_request_is_accepted() -> None:
    """It is the contract."""
    request = JobRequest.model_validate(DOCUMENTED)

    assert request.product.name == "zstack"
    assert str(request.endpoint) == "192.168.1.100:8080"
    assert request.credentials.access_key.get_secret_value() == ACCESS_KEY
    assert request.credentials.secret_key.get_secret_value() == SECRET_KEY
    assert request.options.tls.verify is True
    assert request.options.timeout_seconds is None
    assert request.options.force is False


def test_all_options_are_accepted_together() -> None:
    """An on-premises platform needs its own authority, a pin and its time zone at once."""
    spelled = FINGERPRINT.upper()
    with_colons = ":".join(spelled[n : n + 2] for n in range(0, 64, 2))
    tls = {"verify": False, "caCertificate": PEM, "fingerprintSha256": with_colons}
    options = {"timeoutSeconds": 2.5, "tls": tls, "timeZone": "America/New_York"}

    request = request_with(options=options)

    assert request.options.timeout_seconds == 2.5
    assert request.options.tls.verify is False
    assert request.options.tls.ca_certificate == PEM
    assert request.options.tls.fingerprint_sha256 == FINGERPRINT
    assert request.product_options == ZstackOptions(time_zone="America/New_York")


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_field_is_required(name: str) -> None:
    """The document says so."""
    error = only_error_of({key: value for key, value in DOCUMENTED.items() if key != name})

    assert (error["type"], error["loc"]) == ("missing", (name,))


@pytest.mark.parametrize(("name", "value", "kind"), REFUSED_FIELDS, ids=lambda v: repr(v)[:30])
def test_a_wrong_field_is_refused_and_named(name: str, value: object, kind: str) -> None:
    """A caller who is told the field corrects it; a guess would test something else."""
    error = only_error_of({**DOCUMENTED, name: value})

    assert (error["type"], error["loc"]) == (kind, (name,))


def test_an_unknown_field_is_refused() -> None:
    """A misspelled option would otherwise be ignored in silence."""
    error = only_error_of({**DOCUMENTED, "acessKey": "x"})

    assert (error["type"], error["loc"]) == ("extra_forbidden", ("acessKey",))


@pytest.mark.parametrize(("name", "value"), REFUSED_OPTIONS, ids=repr)
def test_a_wrong_option_is_refused(name: str, value: object) -> None:
    """A budget of the wrong type must not become no budget."""
    with pytest.raises(ValidationError) as caught:
        request_with(options={name: value})

    assert all(error["loc"][:2] == ("options", name) for error in caught.value.errors())


@pytest.mark.parametrize(("name", "value"), REFUSED_TLS, ids=lambda value: repr(value)[:20])
def test_a_wrong_tls_option_is_refused(name: str, value: object) -> None:
    """Whoever misspells a pin must not be tested without one."""
    error = only_error_of({**DOCUMENTED, "options": {"tls": {name: value}}})

    assert error["loc"] == ("options", "tls", name)


@pytest.mark.parametrize(
    ("name", "value"), REFUSED_PRODUCT_OPTIONS, ids=lambda value: repr(value)[:40]
)
def test_a_wrong_option_of_the_product_is_refused_without_repeating_it(
    name: str, value: object
) -> None:
    """The field is named as the caller wrote it; a value in an error would end up in logs."""
    error = only_error_of({**DOCUMENTED, "options": {name: value}})

    assert error["ctx"]["field"] == f"options.{name}"
    assert not isinstance(value, str) or len(value) < 4 or value not in error["msg"]


def test_an_option_of_no_product_is_called_unknown() -> None:
    """'Extra inputs are not permitted' helps nobody who never heard of pydantic."""
    error = only_error_of({**DOCUMENTED, "options": {"region": "x"}})

    assert (error["type"], error["ctx"]["kind"]) == (OPTION, "extra_forbidden")


def test_a_wrong_endpoint_is_told_with_its_cause() -> None:
    """Front ends branch on the cause's code."""
    error = only_error_of({**DOCUMENTED, "endpoint": "h:0"})

    assert error["ctx"]["cause"] == PORT_INVALID.code
    assert error["msg"] == PORT_INVALID.summary


def test_an_unknown_product_is_answered_with_the_choices() -> None:
    """Nobody can guess the spelling of the others."""
    error = only_error_of({**DOCUMENTED, "productType": "vmwre"})

    assert "is unknown; choose " in error["msg"]
    assert "zstack" in error["msg"]
    assert "vmwre" not in error["msg"]
    assert error["ctx"]["cause"] == PRODUCT_UNKNOWN.code


def test_a_product_by_another_name_is_reported_by_its_own() -> None:
    """Lists, reports and filters would otherwise have two names for one product."""
    keys = {"accessKey": "administrator@vsphere.local", "secretKey": "secret"}
    request = JobRequest.model_validate({"productType": "vmware", "endpoint": "vc", **keys})
    inspection = InspectionRequest.model_validate({"productType": "vcenter", "endpoint": "vc"})

    assert (request.product_type, inspection.product_type) == ("vsphere", "vsphere")


@pytest.mark.parametrize("typed", ["ZStack", "zstak", "z-stack"])
def test_a_misspelt_product_is_answered_with_the_nearest(typed: str) -> None:
    """Most wrong product types are one key away from a right one."""
    error = only_error_of({**DOCUMENTED, "productType": typed})

    assert "Nearest: zstack" in error["msg"]


@pytest.mark.parametrize(
    ("access_key", "secret_key", "cause", "field"),
    [
        ("***", SECRET_KEY, CREDENTIAL_BLANK, None),
        (ACCESS_KEY, "<hidden>", CREDENTIAL_BLANK, None),
        (ACCESS_KEY, f"{SECRET_KEY}\n", CREDENTIAL_HIDDEN_CHARACTER, None),
        (f" {ACCESS_KEY}", SECRET_KEY, CREDENTIAL_WHITESPACE, "accessKey"),
        (ACCESS_KEY, f"{SECRET_KEY} ", CREDENTIAL_WHITESPACE, "secretKey"),
        ("s" * 40, "a" * 20, CREDENTIAL_SWAPPED, "accessKey"),
    ],
)
def test_a_mistyped_key_is_refused_with_its_cause(
    access_key: str, secret_key: str, cause: Cause, field: str | None
) -> None:
    """It is noticed before anything is sent, and no lock-out is risked for it."""
    error = only_error_of({**DOCUMENTED, "accessKey": access_key, "secretKey": secret_key})

    assert error["ctx"]["cause"] == cause.code
    assert error["ctx"].get("field") == field
    assert access_key not in error["msg"]
    assert secret_key not in error["msg"]


@pytest.mark.parametrize(
    ("product", "endpoint"),
    [
        ("aws", "https://eu-west-1.console.aws.amazon.com/ec2"),
        ("aws", "https://123456789012.signin.aws.amazon.com/console"),
        ("s3", "https://s3.console.aws.amazon.com/s3/buckets"),
        ("alibabacloud", "https://ecs.console.aliyun.com"),
        ("tencentcloud", "https://console.cloud.tencent.com/cvm"),
        ("huaweicloud", "https://console-intl.huaweicloud.com/console"),
    ],
)
def test_a_web_console_of_a_cloud_is_refused(product: str, endpoint: str) -> None:
    """It is what the browser shows, and no key pair is ever good there."""
    keys = {"accessKey": "x", "secretKey": "y"}
    error = only_error_of({"productType": product, "endpoint": endpoint, **keys})

    assert error["ctx"]["cause"] == CONSOLE_INSTEAD_OF_API.code
    assert error["ctx"]["field"] == "endpoint"


@pytest.mark.parametrize(
    ("access_key", "options", "is_refused"),
    [
        ("ASIA" + "Q" * 16, {}, True),
        ("ASIA" + "Q" * 16, {"sessionToken": "FwoG"}, False),
        ("AKIA" + "Q" * 16, {}, False),
    ],
)
def test_a_temporary_key_of_a_cloud_needs_its_token(
    access_key: str, options: dict[str, str], is_refused: bool
) -> None:
    """The cloud itself knows such a key by its token alone; a stand-in may take any."""
    content = {
        "productType": "aws",
        "endpoint": "sts.eu-west-1.amazonaws.com",
        "accessKey": access_key,
        "secretKey": "s" * 40,
        "options": options,
    }

    if is_refused:
        assert only_error_of(content)["ctx"]["field"] == "options.sessionToken"
        JobRequest.model_validate({**content, "endpoint": "localhost:4566"})
    else:
        JobRequest.model_validate(content)


def test_a_key_of_another_cloud_is_refused_by_a_cloud_alone() -> None:
    """AWS knows no key of Alibaba Cloud; whoever stands in for AWS may."""
    content = {
        "productType": "aws",
        "endpoint": "sts.eu-west-1.amazonaws.com",
        "accessKey": "LTAI5t8nWb6mFhQz3XkPc2Rd",
        "secretKey": "s" * 40,
    }
    error = only_error_of(content)

    assert (error["ctx"]["cause"], error["ctx"]["field"]) == (CREDENTIAL_MISTYPED.code, "accessKey")
    assert "Alibaba Cloud" in error["msg"]
    assert JobRequest.model_validate({**content, "endpoint": "localhost:4566"}).doubts()


def test_the_doubts_about_a_key_pair_wait_for_its_rejection() -> None:
    """A platform may take keys of another form; the documented example has such."""
    doubts = request_with().doubts()

    assert [(doubt.cause, doubt.facts["field"]) for doubt in doubts] == [
        (CREDENTIAL_FORMAT, "accessKey"),
        (CREDENTIAL_FORMAT, "secretKey"),
    ]


def test_a_bucket_in_the_path_is_a_doubt_about_a_signature_as_well() -> None:
    """A store that is asked for a path signs it differently than one that is asked for /."""
    keys = {"accessKey": "minioadmin", "secretKey": "minioadmin"}
    content = {"productType": "s3", "endpoint": "http://minio:9000/backups", **keys}

    (doubt,) = JobRequest.model_validate(content).doubts()

    assert doubt.cause.code == "input.bucket_in_path"
    assert not JobRequest.model_validate({**content, "endpoint": "http://minio:9000"}).doubts()


def test_a_request_can_not_be_changed() -> None:
    """What was validated is what is tested."""
    request = request_with()

    with pytest.raises(ValidationError, match="frozen"):
        request.product_type = "zsphere"  # type: ignore[misc]


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        lambda request: str(request.model_dump()),
        lambda request: str(request.model_dump(mode="json")),
        lambda request: request.model_dump_json(),
        lambda request: request.model_dump_json(by_alias=True, context={"reveal": "yes"}),
        lambda request: str(request.credentials),
        lambda request: str(vars(request)),
    ],
    ids=["str", "repr", "dump", "dump-json", "json", "other-context", "credentials", "vars"],
)
def test_a_request_never_shows_its_key_pair(show: Any) -> None:
    """A request ends up in logs, in tracebacks and in debuggers."""
    shown = show(request_with())

    for secret in (ACCESS_KEY, SECRET_KEY):
        assert secret not in shown
        assert base64.b64encode(secret.encode()).decode() not in shown


def test_a_message_to_the_worker_carries_the_whole_request() -> None:
    """The worker has nothing else to go by."""
    options = {"timeoutSeconds": 30, "tls": {"caCertificate": PEM}, "timeZone": "UTC"}
    message = JobMessage(
        request=request_with(endpoint="https://[2001:db8::7]/zstack", options=options),
        budget_s=30,
        start_by=datetime(2026, 11, 23, 17, 43, 52, tzinfo=UTC),
    )

    content = message.to_bytes()

    assert SECRET_KEY.encode() in content
    assert JobMessage.from_bytes(content) == message


ALIBABA = {**DOCUMENTED, "productType": "alibabacloud"}


class TestExpect:
    """Whose key pair it must be."""

    def test_the_parts_that_are_given_are_expected(self) -> None:
        """The others may be anything."""
        request = request_with(productType="alibabacloud", options={"expect": {"account": "1968"}})

        assert request.expected == {"account": "1968"}
        assert request_with().expected == {}

    @pytest.mark.parametrize(
        ("value", "kind"),
        [
            (1968, "string_type"),
            (["1968"], "string_type"),
            ("x" * 257, "string_too_long"),
            ("a\nb", "invalid"),
            ("\u202e", "invalid"),
            (" ", "invalid"),
            ("", "invalid"),
        ],
    )
    def test_a_value_that_can_be_no_name_is_refused(self, value: object, kind: str) -> None:
        """It is compared with what a platform tells, and shown beside it."""
        options = {"expect": {"account": value}}

        error = only_error_of({**ALIBABA, "options": options})

        assert (error["loc"], error["type"]) == (("options", "expect", "account"), kind)

    def test_a_part_that_the_product_never_tells_is_refused_with_those_that_it_tells(self) -> None:
        """To pass without a comparison would say that it is the right one."""
        options = {"expect": {"account": "1968", "tenant": "t"}}

        error = only_error_of({**ALIBABA, "options": options})

        assert error["ctx"]["field"] == "options.expect.tenant"
        told = (
            "Alibaba Cloud does not tell the tenant of a key pair; what it tells is account, user"
        )
        assert str(error["ctx"]["problem"]) == told

    def test_a_product_without_a_sign_in_tells_nothing(self) -> None:
        """There is no key pair."""
        plain = {"productType": "tcp", "endpoint": "h", "options": {"expect": {"user": "u"}}}

        problem = str(only_error_of(plain)["ctx"]["problem"])

        assert problem == "the service does not tell the user of a key pair"

    def test_a_message_carries_it_to_the_worker(self) -> None:
        """The worker compares."""
        request = request_with(productType="alibabacloud", options={"expect": {"user": "alice"}})
        message = JobMessage(request=request, budget_s=30, start_by=datetime.now(UTC))

        assert JobMessage.from_bytes(message.to_bytes()).request == request


def test_a_message_that_can_not_be_read_is_refused_without_repeating_it() -> None:
    """An API and a worker of two releases may disagree; the error ends up in the worker's log."""
    content = f'{{"request": {{"accessKey": "{ACCESS_KEY}", "secretKey": "{SECRET_KEY}"}}}}'

    with pytest.raises(ValidationError) as caught:
        JobMessage.from_bytes(content.encode())

    assert ACCESS_KEY not in str(caught.value)
    assert SECRET_KEY not in str(caught.value)


SESSION_TOKEN = "FwoGZXIvYXdzEXAMPLETOKEN=="
TEMPORARY = {
    "productType": "aws",
    "endpoint": "sts.eu-central-1.amazonaws.com",
    "options": {"sessionToken": SESSION_TOKEN, "region": "eu-central-1"},
}


@pytest.mark.parametrize("name", ["sessionToken", "session_token"])
@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        lambda request: str(request.model_dump()),
        lambda request: str(request.model_dump(mode="json")),
        lambda request: request.model_dump_json(by_alias=True),
        lambda request: str(request.options),
        lambda request: str(request.options.model_extra),
        lambda request: str(request.product_options),
        lambda request: str(request.credentials),
    ],
)
def test_a_secret_option_is_never_shown_either(show: Any, name: str) -> None:
    """A session token is as good as the key that it came with."""
    request = request_with(**{**TEMPORARY, "options": {name: SESSION_TOKEN}})

    assert SESSION_TOKEN not in show(request)


def test_a_secret_option_reaches_the_worker_and_the_product() -> None:
    """Sealing is the one place that writes it in clear."""
    request = request_with(**TEMPORARY)
    start_by = datetime(2026, 11, 23, tzinfo=UTC)

    content = JobMessage(request=request, budget_s=30, start_by=start_by).to_bytes()
    received = JobMessage.from_bytes(content).request

    assert SESSION_TOKEN.encode() in content
    assert received == request
    assert SESSION_TOKEN not in str(received)
    assert [secret.get_secret_value() for secret in received.credentials.further] == [SESSION_TOKEN]


@pytest.mark.parametrize("token", ["", " ", "a\r\nHost: b", "x" * 8193, 5])
def test_a_secret_option_is_as_strict_as_a_key(token: object) -> None:
    """It goes into a header."""
    with pytest.raises(ValidationError) as caught:
        request_with(**{**TEMPORARY, "options": {"sessionToken": token}})

    assert "options.sessionToken" in str(caught.value.errors()[0]["ctx"]["field"])
    assert str(token).strip() == "" or str(token) not in str(caught.value)


def test_only_the_context_of_sealing_reveals() -> None:
    """One place in the code writes credentials, so that one place can be watched."""
    revealed = request_with().model_dump_json(context=REVEAL)

    assert ACCESS_KEY in revealed
    assert SECRET_KEY in revealed


@pytest.mark.parametrize(
    ("endpoint", "target"),
    [
        ("h", "http://h:8080"),
        ("h:8080", "http://h:8080"),
        ("h:5443", "https://h:5443"),
        ("h:443", "https://h:443"),
        ("h:80", "http://h:80"),
        ("h:5000", "http://h:5000"),
        ("h:1234", "http://h:1234"),
        ("https://h", "https://h:443"),
        ("http://h", "http://h:80"),
        ("https://h:8080", "https://h:8080"),
        ("http://h:443", "http://h:443"),
        ("[2001:db8::7]/zstack", "http://[2001:db8::7]:8080/zstack"),
    ],
)
def test_the_product_fills_in_scheme_and_port(endpoint: str, target: str) -> None:
    """Most callers type a host; ZStack's API is plain http on 8080, whatever others do."""
    assert str(request_with(endpoint=endpoint).target) == target


def test_requests_for_the_same_address_share_a_target_however_they_are_spelled() -> None:
    """Turns at a platform would be worth nothing if a capital letter got another one."""
    spelled = ["h", "H:8080", "http://h:8080/zstack/v1", "h.:8080"]

    assert {request_with(endpoint=text).target_name for text in spelled} == {"h:8080"}
    assert request_with(endpoint="h:8081").target_name == "h:8081"


def test_a_copy_with_another_endpoint_or_key_has_nothing_of_the_first() -> None:
    """What a request computes once is from its fields, and a copy may have other ones."""
    request = JobRequest.model_validate(DOCUMENTED)
    assert (request.target_name, request.credentials.access_key.get_secret_value()) == (
        "192.168.1.100:8080",
        ACCESS_KEY,
    )
    others = JobRequest.model_validate({**DOCUMENTED, "endpoint": "h", "accessKey": "AKID0987654"})
    changed = {"endpoint": others.endpoint, "access_key": others.access_key}
    copied = request.model_copy(update=changed)
    assert (copied.target, copied.credentials) == (others.target, others.credentials)


def test_a_forced_test_takes_no_turns() -> None:
    """Its caller knows that the platform is slow, and does not want to stand in line."""
    assert queue_target(request_with(endpoint="h:8081")) == "h:8081"
    assert queue_target(request_with(endpoint="h:8081", options={"force": True})) == ""


def test_a_story_begins_with_who_asks_for_what_but_no_key() -> None:
    """The first entry is kept as long as the report."""
    request = request_with(endpoint="h:8081")

    entry = first_entry(request, datetime.now(UTC), tenant="acme", token_name="portal")

    assert (entry.tenant, entry.token_name, entry.client) == ("acme", "portal", "")
    assert (entry.endpoint, entry.target) == (str(request.target), "h:8081")
    assert entry.steps == request.steps
    assert request.secret_key.get_secret_value() not in entry.model_dump_json()


class TestPlainProducts:
    """Those that end before the sign-in."""

    def test_a_plain_product_needs_no_key_pair(self) -> None:
        """There is nobody to present it to."""
        request = JobRequest.model_validate({"productType": "tcp", "endpoint": "h:5432"})

        assert request.steps == ("dns_lookup", "tcp_connect")
        assert not request.credentials.access_key.get_secret_value()

    @pytest.mark.parametrize("endpoint", ["h:5432", "h:80", "[2001:db8::1]:443"])
    def test_a_port_without_http_is_shown_without_http(self, endpoint: str) -> None:
        """Nothing is sent to it, least of all a request."""
        request = JobRequest.model_validate({"productType": "tcp", "endpoint": endpoint})

        assert str(request.target) == endpoint
        assert request.target_name == endpoint.strip("[").replace("]", "")

    def test_an_empty_key_pair_is_as_good_as_none(self) -> None:
        """A table of platforms has empty cells there."""
        content = {"productType": "https", "endpoint": "h", "accessKey": "", "secretKey": ""}

        assert JobRequest.model_validate(content).target.scheme == "https"

    def test_a_plain_request_survives_the_way_to_the_worker(self) -> None:
        """The worker reads with the same rules what the API has written."""
        request = JobRequest.model_validate({"productType": "http", "endpoint": "h"})
        message = JobMessage(request=request, budget_s=1, start_by=datetime.now(UTC))

        assert JobMessage.from_bytes(message.to_bytes()) == message

    def test_a_key_pair_that_is_given_all_the_same_is_hidden_all_the_same(self) -> None:
        """Whoever changes the productType in a form leaves it in there."""
        request = JobRequest.model_validate({**DOCUMENTED, "productType": "tcp"})

        assert SECRET_KEY not in request.model_dump_json()
        assert request.secret_key.get_secret_value() == SECRET_KEY

    @pytest.mark.parametrize("name", ["zstack", "unknown", ["tcp"], None])
    def test_for_all_others_the_key_pair_stays_required(self, name: object) -> None:
        """That is the documented contract."""
        with pytest.raises(ValidationError) as caught:
            JobRequest.model_validate({"productType": name, "endpoint": "h"})

        missing = {e["loc"] for e in caught.value.errors() if e["type"] == "missing"}
        assert missing == {("accessKey",), ("secretKey",)}

    def test_the_schema_says_who_needs_a_key_pair(self) -> None:
        """Programs check their requests against it."""
        schema = JobRequest.model_json_schema()

        assert schema["required"] == ["productType", "endpoint"]
        assert schema["anyOf"] == [
            {"required": ["accessKey", "secretKey"]},
            {"properties": {"productType": {"enum": ["http", "https", "tcp"]}}},
        ]


NAMES = [
    ("openstack", "admin", True),
    ("openstack", "0123456789abcdef" * 2, False),
    ("vsphere", "administrator@vsphere.local", True),
    ("vsphere", "VSPHERE\\\\svc", True),
    ("vsphere", "root", True),
    ("vsphere", "Tr0ub4dor", False),
    ("proxmox", "root@pam!conncheck", True),
    ("ovirt", "admin@internal", True),
    ("nutanix", "admin", True),
    ("kubernetes", "system:serviceaccount:default:conncheck", True),
    ("kubernetes", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", False),
    ("zstack", ACCESS_KEY, False),
    ("aws", "AKIAIOSFODNN7EXAMPLE", False),
]


@pytest.mark.parametrize(("product", "access_key", "is_public"), NAMES)
def test_a_user_s_name_is_no_secret_and_a_key_s_id_is(
    product: str, access_key: str, *, is_public: bool
) -> None:
    """A name of the product's users may be read in results; another text may be the password."""
    content = {**DOCUMENTED, "productType": product, "accessKey": access_key}

    assert JobRequest.model_validate(content).credentials.access_key_is_public is is_public


@pytest.mark.parametrize(
    "also",
    [
        {"endpoint": "https://s3.example.com/backups-of-ci"},
        {"endpoint": "https://backups-of-ci.s3.example.com"},
        {"endpoint": "backups-of-ci"},
        {"options": {"bucket": "backups-of-ci"}},
    ],
)
def test_what_is_given_in_clear_as_well_is_no_secret(also: dict[str, object]) -> None:
    """Small S3 stores have one key per bucket, of the same name."""
    content = {**DOCUMENTED, "productType": "s3", "accessKey": "backups-of-ci", **also}
    other = {**content, "accessKey": "backups-of-cd"}

    assert JobRequest.model_validate(content).credentials.access_key_is_public
    assert not JobRequest.model_validate(other).credentials.access_key_is_public


def test_what_is_given_as_a_secret_option_stays_one() -> None:
    """It is not in clear there."""
    options = {"sessionToken": ACCESS_KEY}
    content = {**DOCUMENTED, "productType": "aws", "options": options}

    assert not JobRequest.model_validate(content).credentials.access_key_is_public


@pytest.mark.parametrize("model", [JobRequest, InspectionRequest])
def test_a_product_type_of_a_megabyte_is_compared_with_nothing(model: type[BaseModel]) -> None:
    """The search for the nearest name took two seconds, in which nobody else was answered."""
    with pytest.raises(ValidationError) as refused:
        model.model_validate({"endpoint": "a", "productType": "zstack" * 80_000})

    assert {e["type"] for e in refused.value.errors() if e["loc"] == ("productType",)} == {
        "string_too_long"
    }


def test_a_part_in_a_comparison_is_told_only_where_there_is_one() -> None:
    """A worker of the version before refuses what it does not know."""
    request = request_with()
    message = JobMessage(request=request, budget_s=30, start_by=datetime.now(UTC))
    part = ComparedPart(ends_after="product_identify")
    compared = message.model_copy(update={"compared": part})

    assert b"compared" not in message.to_bytes()
    assert JobMessage.from_bytes(compared.to_bytes()).compared == part
    assert part.steps_of(request)[-1] == "product_identify"
    assert ComparedPart().steps_of(request) == request.steps
