from datetime import UTC, datetime

from cli.single.process_memory import ProcessMemory
from shared.request import JobRequest
from tests.running.service import a_request


def request(**changes: object) -> JobRequest:
    return JobRequest.model_validate(a_request("192.168.1.1", **changes))


def test_a_rejected_pair_is_known_for_a_while() -> None:
    """The second row with the same pair must not count as a second attempt."""
    memory = ProcessMemory()
    memory.remember_rejection(request(), "auth.secret_mismatch")

    known = memory.look(request())()

    assert known.of_this_pair_until
    assert known.of_this_pair_until > datetime.now(UTC)
    assert known.of_other_secrets == 0


def test_other_secrets_of_the_account_are_counted() -> None:
    """Platforms lock accounts after a number of them."""
    memory = ProcessMemory()
    memory.remember_rejection(request(secretKey="one"), "auth.secret_mismatch")
    memory.remember_rejection(request(secretKey="two"), "auth.secret_mismatch")

    assert memory.look(request(secretKey="three"))().of_other_secrets == 2
    assert memory.look(request(accessKey="another"))().of_other_secrets == 0


def test_a_corrected_option_of_the_product_is_presented_again() -> None:
    """The time zone is part of what a node judges."""
    memory = ProcessMemory()
    memory.remember_rejection(request(options={"timeZone": "UTC"}), "auth.secret_mismatch")

    corrected = memory.look(request(options={"timeZone": "Asia/Shanghai"}))()

    assert corrected.of_this_pair_at is None
    assert corrected.of_other_secrets == 1


def test_an_accepted_pair_ends_it() -> None:
    """The platform counts anew then."""
    memory = ProcessMemory()
    memory.remember_rejection(request(secretKey="one"), "auth.secret_mismatch")

    memory.forget(request())

    assert memory.look(request(secretKey="one"))().of_this_pair_until is None


def test_no_secret_is_kept() -> None:
    """A memory dump would show thousands."""
    memory = ProcessMemory()
    memory.remember_rejection(request(secretKey="hunter2-hunter2"), "auth.secret_mismatch")

    assert "hunter2" not in repr(memory)
