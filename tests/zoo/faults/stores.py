"""S3 stores: what one that works may say to strangers, and what a refusal leaves open."""

from collections.abc import Iterator
from dataclasses import replace

from tests.stand_ins.answering import Asked, Reply, answering_by
from tests.stand_ins.store import KEY, SECRET, Store, error, garage, minio, swift
from tests.zoo.fault import Target, fault, healthy
from tests.zoo.web import nginx


def _target(port: int, path: str = "", secret: str = SECRET, **options: str) -> Target:
    return Target(f"http://127.0.0.1:{port}{path}", "s3", KEY, secret, options)


def _at(store: Store, secret: str = SECRET, **options: str) -> Iterator[Target]:
    def rule(asked: Asked) -> Reply:
        return Reply(200) if asked.path.startswith("/minio/") else store.answer(asked)

    with answering_by(rule) as port:
        yield _target(port, secret=secret, **options)


@healthy()
def garage_signs_for_a_region_of_its_own() -> Iterator[Target]:
    """A Garage, without RequestId in its errors, names its region when another was signed for."""
    yield from _at(garage())


@healthy()
def swift_is_no_s3_to_strangers() -> Iterator[Target]:
    """A Swift answers unsigned requests with a web page."""
    yield from _at(swift())


@healthy()
def a_store_hides_from_strangers() -> Iterator[Target]:
    """A store answers unsigned requests with 404, and nothing else."""
    yield from _at(replace(minio(), strangers=Reply(404)))


@healthy()
def a_key_is_for_one_bucket() -> Iterator[Target]:
    """A key that may read one bucket alone is tested with the name of the bucket."""
    denied = error(403, "AccessDenied", "Access Denied.")
    yield from _at(replace(minio(), listing=denied, unknown=denied), bucket="backups")


@fault("authenticate", "auth.secret_mismatch")
def the_stores_secret_is_wrong() -> Iterator[Target]:
    """The secretKey of a MinIO is mistyped."""
    yield from _at(minio(), secret="MISTYPED")


@fault("authenticate", "auth.secret_mismatch")
def a_wrong_secret_is_called_a_denial() -> Iterator[Target]:
    """A Garage says AccessDenied, "Invalid signature"."""
    yield from _at(garage(), secret="MISTYPED")


@fault("authenticate", "auth.signature_mismatch")
def a_proxy_changes_host() -> Iterator[Target]:
    """A proxy before a store puts another Host into the requests."""
    with (
        answering_by(minio().answer) as behind,
        nginx(f"location / {{ proxy_pass http://127.0.0.1:{behind}; }}") as port,
    ):
        yield _target(port)


@fault("authenticate", "auth.signature_mismatch")
def a_proxy_cuts_the_path_off() -> Iterator[Target]:
    """A store is below a path of a proxy, which cuts the path off."""
    passed = "proxy_set_header Host $http_host;"
    with (
        answering_by(minio().answer) as behind,
        nginx(f"location /s3/ {{ {passed} proxy_pass http://127.0.0.1:{behind}/; }}") as port,
    ):
        yield _target(port, "/s3")


@fault("authenticate", "auth.key_not_judged")
def a_proxy_takes_the_signature_away() -> Iterator[Target]:
    """A proxy before a store removes the header Authorization."""
    passed = 'proxy_set_header Host $http_host; proxy_set_header Authorization "";'
    with (
        answering_by(minio().answer) as behind,
        nginx(f"location / {{ {passed} proxy_pass http://127.0.0.1:{behind}; }}") as port,
    ):
        yield _target(port)


@fault("authenticate", "auth.account_problem")
def the_account_is_unpaid() -> Iterator[Target]:
    """A store knows the key, but its account is overdue."""
    yield from _at(replace(minio(), listing=error(403, "UserDisable", "UserDisable")))


@fault("authenticate", "api.region_needed")
def the_tenancys_region_is_needed() -> Iterator[Target]:
    """A store looks keys up in the region that was signed for."""
    says = "The region must be specified if this is not the home region for the tenancy."
    yield from _at(replace(minio(), listing=error(403, "SignatureDoesNotMatch", says)))


@fault("authorize", "authz.denied")
def the_key_may_not_list_buckets() -> Iterator[Target]:
    """A right key may not list the buckets, and no bucket was named."""
    yield from _at(replace(minio(), listing=error(403, "AccessDenied", "Access Denied.")))


@fault("authorize", "authz.policy_limit")
def the_network_endpoint_has_a_policy() -> Iterator[Target]:
    """A right key is denied by the policy of the VPC endpoint."""
    says = "is not authorized to perform: s3:ListAllMyBuckets because no VPC endpoint policy allows"
    yield from _at(replace(minio(), listing=error(403, "AccessDenied", says)))


@fault("authorize", "authz.explicit_deny")
def the_organisation_denies_the_call() -> Iterator[Target]:
    """A right key is denied by a service control policy."""
    says = "is not authorized to perform: s3:ListAllMyBuckets with an explicit deny in a service"
    yield from _at(replace(minio(), listing=error(403, "AccessDenied", f"{says} control policy")))


@fault("authorize", "api.bucket_in_name")
def the_bucket_belongs_into_the_name() -> Iterator[Target]:
    """A store accepts buckets in the host name alone."""
    says = "Please use virtual hosted style to access."
    refused = error(403, "SecondLevelDomainForbidden", says)
    yield from _at(replace(minio(), bucket=refused), bucket="backups")


@fault("authenticate", "api.sigv4_unsupported")
def a_store_knows_older_signatures_alone() -> Iterator[Target]:
    """A store accepts signatures of version 2 alone."""
    words = "The authorization mechanism you have provided is not supported. Please use AWS V2."
    refused = error(400, "InvalidRequest", words)
    yield from _at(replace(minio(), unknown=refused, mismatch=refused, listing=refused))


@fault("authenticate", "api.bucket_needed")
def a_store_does_not_list_its_buckets() -> Iterator[Target]:
    """A store cannot list buckets, and none is named."""
    words = "The specified method is not allowed against this resource."
    yield from _at(replace(minio(), listing=error(405, "MethodNotAllowed", words)))


@healthy()
def a_store_without_lists_has_the_bucket() -> Iterator[Target]:
    """A store cannot list buckets, and the bucket of the key is named."""
    words = "The specified method is not allowed against this resource."
    yield from _at(
        replace(minio(), listing=error(405, "MethodNotAllowed", words)), bucket="backups"
    )
