"""Faults of what was typed, which show in what a platform says to it."""

from collections.abc import Iterator

from tests.stand_ins.zstack import zstack_node
from tests.zoo.fault import Target, fault, healthy


@fault("authenticate", "auth.unknown_access_key", "input.credential_format")
def the_access_key_was_cut_off() -> Iterator[Target]:
    """The accessKey lacks its end."""
    with zstack_node() as (_, port):
        yield Target(f"http://127.0.0.1:{port}", access_key="AKI")


@fault("authenticate", "auth.secret_mismatch", "input.credential_format")
def the_secret_key_was_cut_off() -> Iterator[Target]:
    """The secretKey lacks its end."""
    with zstack_node() as (_, port):
        yield Target(f"http://127.0.0.1:{port}", secret_key="SECRE")


@fault("authenticate", "auth.unknown_access_key", "input.credential_mistyped")
def the_access_key_is_in_quotation_marks() -> Iterator[Target]:
    """The accessKey was copied from a file, with its quotation marks."""
    with zstack_node() as (_, port):
        yield Target(f"http://127.0.0.1:{port}", access_key='"AKID"')


@fault("authenticate", "auth.secret_mismatch", "input.credential_mistyped")
def the_secret_key_is_masked() -> Iterator[Target]:
    """The secretKey was copied from a page that shows its ends alone."""
    with zstack_node() as (_, port):
        yield Target(f"http://127.0.0.1:{port}", secret_key="SE****ET")


@fault("product_identify", "api.wrong_base_path", "input.path_doubled")
def the_path_is_that_of_a_call() -> Iterator[Target]:
    """The endpoint was copied from a manual, with the path of a call."""
    with zstack_node() as (_, port):
        yield Target(f"http://127.0.0.1:{port}/zstack/v1/zones")


@fault("product_identify", "http.404_base_path", "input.bucket_in_path")
def the_path_is_a_bucket() -> Iterator[Target]:
    """The endpoint of an S3 store has the bucket behind it, and another port."""
    with zstack_node() as (_, port):
        yield Target(f"http://127.0.0.1:{port}/backups", "s3")


@fault("product_identify", "api.wrong_base_path", "api.not_deployed", "input.path_unexpected")
def the_path_is_a_web_pages() -> Iterator[Target]:
    """The endpoint was copied from a browser, with the path of a page."""
    with zstack_node() as (_, port):
        yield Target(f"http://127.0.0.1:{port}/ui")


@healthy()
def keys_of_another_form() -> Iterator[Target]:
    """A key pair that is shorter than usual, and is right."""
    with zstack_node() as (_, port):
        yield Target(f"http://127.0.0.1:{port}")
