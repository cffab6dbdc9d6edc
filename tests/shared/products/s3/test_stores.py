"""Stores that follow S3 in words of their own, each as its source or its users show it."""

from collections.abc import Callable

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import (
    HTTP_403_FORBIDDEN,
    HTTP_404_BASE_PATH,
    WRONG_PORT_ROLE,
)
from shared.platform.answers.unexplained import CALL_MISSING, SIGN_IN_FORBIDDEN, SIGN_IN_REFUSED
from shared.platform.http import HttpRequest, HttpResponse
from shared.platform.keys.key_pair import (
    DENIED,
    HEADER_LOST,
    KEY_NOT_JUDGED,
    POLICY_LIMIT,
    SECRET_MISMATCH,
    SIGNATURE_MISMATCH,
    UNKNOWN_ACCESS_KEY,
)
from shared.products.s3 import (
    BUCKET_ELSEWHERE,
    BUCKET_IN_NAME,
    BUCKET_NEEDED,
    BUCKET_NOT_FOUND,
    S3Options,
    authenticate,
    authorize,
    hello,
    identify,
)
from tests.shared.products.conversation import Platform, answer, key_pair

KEY, SECRET, BUCKET = "GK31c2f218a2e44f485b94239e", "s3cret", "backups"
STORE = Endpoint("store.example.com", 443, "https")
LISTED = answer(
    200, "<ListAllMyBucketsResult><Owner><ID>o</ID></Owner><Buckets/></ListAllMyBucketsResult>"
)
OBJECTS = answer(200, "<ListBucketResult><Name>backups</Name></ListBucketResult>")
NOT_KNOWN = "The access key ID that you provided does not exist."
SWIFTS_ID = "tx0123456789abcdef01234-0065f1a2b3"

Judge = Callable[[HttpRequest], HttpResponse]
"""Answers what is signed with the right ID."""


def error(
    status: int, code: str, message: str = "", more: str = "", **headers: str
) -> HttpResponse:
    """Return an error of S3 that has the least of it."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    return answer(status, body, **headers)


class Store:
    """A store: what it says to strangers, to unknown keys, and to the key that it knows."""

    def __init__(self, strangers: HttpResponse, unknown: HttpResponse, known: Judge) -> None:
        self.strangers, self.unknown, self.known = strangers, unknown, known
        self.platform = Platform(rule=self._answer)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        signed = request.headers.get("Authorization", "")
        if not signed:
            return self.strangers
        return self.known(request) if f"Credential={KEY}/" in signed else self.unknown

    def test(self, endpoint: Endpoint = STORE, **options: str) -> None:
        """Go through all steps."""
        identity = self.platform.talk(identify(endpoint, self._answer(hello(endpoint)))).value
        given = S3Options.model_validate(options)
        keys = key_pair(KEY, SECRET)
        session = self.platform.talk(authenticate(endpoint, given, identity, keys)).value
        self.platform.talk(authorize(endpoint, session))

    def failure(self, endpoint: Endpoint = STORE, **options: str) -> Failed:
        """Return how the test fails."""
        with pytest.raises(Failed) as caught:
            self.test(endpoint, **options)
        return caught.value

    @property
    def presented(self) -> int:
        """How often the caller's key was presented."""
        signed = (request.headers.get("Authorization", "") for request in self.platform.asked)
        return sum(f"Credential={KEY}/" in one for one in signed)


def always(reply: HttpResponse) -> Judge:
    """Return a judge that gives one answer to all."""
    return lambda _: reply


def garage(judged: HttpResponse) -> Store:
    """Return a Garage: errors without RequestId, and a region of its own."""
    own = "<Region>garage</Region><Resource>/</Resource>"

    def in_region(request: HttpRequest) -> HttpResponse:
        says = (
            "Authorization header malformed, unexpected scope: 20260319/us-east-1/s3/aws4_request"
        )
        wants = error(400, "AuthorizationHeaderMalformed", says, own)
        return judged if "/garage/s3/" in request.headers["Authorization"] else wants

    strangers = error(403, "AccessDenied", "Forbidden: no anonymous access", own)
    return Store(strangers, error(403, "AccessDenied", "Forbidden: No such key: X", own), in_region)


def test_garage_passes_in_the_region_that_it_names() -> None:
    """It has looked at the region before the key."""
    store = garage(LISTED)

    store.test()

    assert store.presented == 2


@pytest.mark.parametrize(
    ("says", "cause"),
    [
        ("Forbidden: Invalid signature", SECRET_MISMATCH),
        (f"Forbidden: No such key: {KEY}", UNKNOWN_ACCESS_KEY),
    ],
)
def test_garage_calls_a_wrong_key_pair_a_denial(says: str, cause: Cause) -> None:
    """Its code is AccessDenied, which elsewhere follows the sign-in."""
    assert garage(error(403, "AccessDenied", says)).failure().cause is cause


def swift(judged: HttpResponse) -> Store:
    """Return a Swift, whose s3api passes over what is not signed; so Swift itself answers."""
    bad = answer(412, "Bad URL", content_type="text/html; charset=UTF-8", x_trans_id=SWIFTS_ID)
    unknown = error(403, "SignatureDoesNotMatch", "m", x_amz_request_id=SWIFTS_ID)
    return Store(bad, unknown, always(judged))


def test_swift_passes_with_the_right_key() -> None:
    """To strangers it is no S3 at all."""
    store = swift(LISTED)

    store.test()

    assert store.presented == 1


def test_swift_does_not_say_whether_it_knows_the_key() -> None:
    """It calls the signature of an unknown user wrong."""
    failed = swift(error(403, "SignatureDoesNotMatch", "m")).failure()

    assert failed.cause is SIGNATURE_MISMATCH


def test_swift_with_keystone_refuses_with_401() -> None:
    """Its middleware s3token says AccessDenied of every key that Keystone refuses."""
    failed = swift(error(401, "AccessDenied", "Access denied")).failure()

    assert failed.cause is SIGN_IN_REFUSED


def test_a_swift_without_an_s3_is_none() -> None:
    """It answers a signed request as it answers any other."""
    bad = answer(412, "Bad URL", content_type="text/html", x_trans_id=SWIFTS_ID)
    store = Store(bad, bad, always(bad))

    assert store.failure().cause.code == "http.html_not_api"
    assert store.presented == 0


@pytest.mark.parametrize(
    "to_strangers",
    [
        error(400, "InvalidArgument", "Authorization", x_amz_request_id="R"),
        error(404, "NoSuchBucket"),
        answer(403, b""),
        answer(404, "not found"),
        answer(401, {"message": "missing key"}),
        answer(307, b"", server="AmazonS3", x_amz_request_id="R", location="https://aws.com/s3/"),
        answer(200, "\ufeff<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"),
    ],
    ids=lambda response: f"{response.status} {response.text[:30]}",
)
def test_a_store_passes_whatever_it_says_to_strangers(to_strangers: HttpResponse) -> None:
    """Its answer to a made-up key is one of S3."""
    unknown = error(403, "InvalidAccessKeyId", NOT_KNOWN)

    Store(to_strangers, unknown, always(LISTED)).test()


@pytest.mark.parametrize(
    ("to_strangers", "cause"),
    [
        (answer(404, "not found"), HTTP_404_BASE_PATH),
        (answer(403, "<html>no</html>"), HTTP_403_FORBIDDEN),
    ],
)
def test_what_never_speaks_s3_is_sent_no_key(to_strangers: HttpResponse, cause: Cause) -> None:
    """It answers a made-up key as it answers none."""
    store = Store(to_strangers, to_strangers, always(LISTED))

    assert store.failure().cause is cause
    assert store.presented == 0


def test_a_gateway_that_refuses_all_but_the_right_key_is_left_to_the_sign_in() -> None:
    """What it says to a right key is S3's, or it judges nothing."""
    forbidden = answer(403, "Forbidden")

    Store(forbidden, forbidden, always(LISTED)).test()

    assert Store(forbidden, forbidden, always(forbidden)).failure().cause is SIGN_IN_FORBIDDEN


@pytest.mark.parametrize(
    "shown",
    [
        error(403, "AccessDenied", "S3 API Request made to Console port. Use the API port."),
        answer(200, "<!doctype html><title>MinIO Console</title>"),
    ],
)
def test_the_console_behind_another_port_is_told(shown: HttpResponse) -> None:
    """MinIO's web UI words its refusal as an S3 does, or shows its page to everybody."""
    failed = Store(shown, shown, always(shown)).failure()

    assert failed.cause is WRONG_PORT_ROLE
    assert failed.finding.facts["default_port"] == 9000
    assert failed.finding.facts["web_ui"] == "MinIO's console"


DENIES = error(403, "AccessDenied", "Access Denied.")
UNKNOWN = error(403, "InvalidAccessKeyId", NOT_KNOWN)


def test_a_denial_as_of_an_unknown_key_judges_nothing() -> None:
    """The signature may have got lost, the key be wrong, or the right be missing."""
    store = Store(DENIES, DENIES, always(DENIES))

    assert store.failure().cause is KEY_NOT_JUDGED
    assert store.failure(bucket=BUCKET).cause is KEY_NOT_JUDGED


def test_a_denial_that_unknown_keys_do_not_get_is_of_a_right_key() -> None:
    """What strangers hear is the same, which says nothing."""
    failed = Store(DENIES, UNKNOWN, always(DENIES)).failure()

    assert failed.cause is DENIED
    assert failed.finding.facts["option"] == "options.bucket"
    assert failed.finding.facts["says"] == "Access Denied."


def test_a_key_for_one_bucket_passes_without_a_further_question() -> None:
    """The bucket's list is proof enough, also where the store tells nothing else apart."""
    store = Store(DENIES, DENIES, lambda asked: OBJECTS if BUCKET in asked.path else DENIES)

    store.test(bucket=BUCKET)

    assert [request.presents_credentials for request in store.platform.asked] == [True, True]


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (error(404, "NoSuchBucket"), BUCKET_NOT_FOUND),
        (error(403, "SecondLevelDomainForbidden", "virtual hosted style"), BUCKET_IN_NAME),
        (
            error(403, "AccessDenied", "m", "<Endpoint>oss-cn-beijing.aliyuncs.com</Endpoint>"),
            BUCKET_ELSEWHERE,
        ),
        (
            error(400, "AuthorizationHeaderMalformed", "m", "<Region>eu-central-1</Region>"),
            BUCKET_ELSEWHERE,
        ),
        (
            error(403, "AccessDenied", "because no VPC endpoint policy allows the action"),
            POLICY_LIMIT,
        ),
    ],
)
def test_a_bucket_that_can_not_be_read_is_told_why(reply: HttpResponse, cause: Cause) -> None:
    """Each has a remedy of its own."""
    store = Store(DENIES, UNKNOWN, lambda asked: reply if BUCKET in asked.path else LISTED)

    assert store.failure(bucket=BUCKET).cause is cause


def test_a_denial_that_names_the_caller_is_believed_at_once() -> None:
    """Only a store that knows whose the key is can say so."""
    says = "User: arn:aws:iam::1:user/x is not authorized to perform: s3:ListAllMyBuckets"
    store = Store(DENIES, DENIES, always(error(403, "AccessDenied", says)))

    assert store.failure().cause is DENIED
    assert len(store.platform.asked) == 1


def test_a_store_that_can_not_list_its_buckets_passes_with_one() -> None:
    """Gateways before few buckets have no such call."""
    none = error(501, "NotImplemented", "m")

    Store(DENIES, UNKNOWN, lambda asked: OBJECTS if BUCKET in asked.path else none).test(
        bucket=BUCKET
    )

    refused = Store(DENIES, UNKNOWN, lambda asked: MISMATCH if BUCKET in asked.path else none)
    assert refused.failure(bucket=BUCKET).cause is SECRET_MISMATCH
    assert Store(DENIES, UNKNOWN, always(none)).failure().cause is BUCKET_NEEDED
    assert Store(DENIES, UNKNOWN, always(none)).failure(bucket=BUCKET).cause is CALL_MISSING


def test_an_endpoint_that_is_a_buckets_own_lists_objects() -> None:
    """It says nothing of the list of buckets."""
    store = Store(DENIES, UNKNOWN, always(OBJECTS))
    identity = store.platform.talk(identify(STORE, DENIES)).value
    flow = authenticate(STORE, S3Options(), identity, key_pair(KEY, SECRET))

    passed = store.platform.talk(authorize(STORE, store.platform.talk(flow).value))

    assert passed.facts["have"] == ("s3:ListBucket",)


def test_cloudflares_r2_refuses_a_made_up_key_for_its_length() -> None:
    """Its errors have a code and a message, and nothing else of S3."""
    strangers = error(400, "InvalidArgument", "Authorization")
    unknown = error(400, "InvalidArgument", "Credential access key has length 20, should be 32")

    Store(strangers, unknown, always(LISTED)).test()
    failed = Store(strangers, unknown, always(error(401, "Unauthorized"))).failure()
    assert failed.cause is SIGN_IN_REFUSED


def test_errors_in_json_are_judged_and_pass_nothing() -> None:
    """Baidu's store words errors like this; a denial in JSON may be a gateway's."""
    hidden = answer(403, {"code": "AccessDenied", "message": "Access Denied."})
    wrong = answer(403, {"code": "SignatureDoesNotMatch", "message": "m", "requestId": "R"})

    assert Store(hidden, hidden, always(wrong)).failure().cause is SECRET_MISMATCH
    assert Store(hidden, wrong, always(hidden)).failure().cause is SIGN_IN_FORBIDDEN
    Store(hidden, wrong, always(LISTED)).test()


MISMATCH = error(403, "SignatureDoesNotMatch", "The request signature we calculated differs.")


@pytest.mark.parametrize(
    ("endpoint", "headers", "cause", "seen"),
    [
        (STORE, {"server": "MinIO"}, SECRET_MISMATCH, {}),
        (STORE, {"server": "nginx/1.24.0"}, SIGNATURE_MISMATCH, {"proxy": "nginx"}),
        (STORE, {"via": "1.1 px.corp"}, SIGNATURE_MISMATCH, {"proxy": "1.1 px.corp"}),
        (Endpoint("h", 80, "http", "/s3"), {}, SIGNATURE_MISMATCH, {"path": "/s3"}),
        (Endpoint("s3.us-west-004.backblazeb2.com", 443, "https"), {"server": "nginx"}, None, {}),
    ],
)
def test_a_wrong_signature_has_rivals(
    endpoint: Endpoint, headers: dict[str, str], cause: Cause | None, seen: dict[str, str]
) -> None:
    """What was seen on the way decides which comes first; a provider's nginx is no proxy."""
    store = Store(DENIES, UNKNOWN, always(answer(403, MISMATCH.body, **headers)))

    failed = store.failure(endpoint)

    assert failed.cause is (cause or SECRET_MISMATCH)
    facts = failed.finding.facts
    assert {name: facts[name] for name in ("proxy", "path") if name in facts} == seen


def test_the_strangers_answer_to_a_signed_request_means_a_lost_signature() -> None:
    """A proxy that has a sign-in of its own often takes the header Authorization away."""
    missing = error(400, "InvalidArgument", "Authorization", "<RequestId>R</RequestId>")
    nobodys = answer(
        200,
        "<ListAllMyBucketsResult><Owner><ID>anonymous</ID></Owner></ListAllMyBucketsResult>",
        x_amz_request_id="tx000001b5-0065f1-10d8-default",
    )

    assert Store(missing, missing, always(missing)).failure().cause is HEADER_LOST
    ceph = Platform(answer(404))
    identity = ceph.talk(identify(STORE, nobodys)).value
    flow = authenticate(STORE, S3Options(), identity, key_pair(KEY, SECRET))
    assert Platform(nobodys).failure(flow).cause is HEADER_LOST
