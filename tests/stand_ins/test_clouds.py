"""Each cloud that signs through the whole pipeline, against a stand-in that verifies signatures."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from tests.products.pipeline import Outcome, outcome_of
from tests.stand_ins.answering import answering_by
from tests.stand_ins.clouds import CLOUDS, KEY, SECRET, Cloud

EACH = pytest.mark.parametrize("product", CLOUDS)
PAIR: Mapping[str, str] = {"accessKey": KEY, "secretKey": SECRET}


def told(product: str, cloud: Cloud, keys: Mapping[str, str] = PAIR) -> Outcome:
    """Return what the pipeline finds out about a stand-in."""
    with answering_by(lambda asked: CLOUDS[product](cloud, asked)) as port:
        return outcome_of(product, f"http://127.0.0.1:{port}", keys)


@EACH
def test_the_right_key_pair_passes_all_steps(product: str) -> None:
    """Every byte of the request counts, and secrets have odd characters."""
    cloud = Cloud()

    outcome = told(product, cloud)

    assert outcome.cause is None
    assert outcome.warnings == set()
    assert cloud.judged
    assert all(cloud.judged)


@EACH
def test_a_wrong_secret_is_presented_once(product: str) -> None:
    """Some clouds lock a key after a few."""
    cloud = Cloud()

    outcome = told(product, cloud, {**PAIR, "secretKey": "wrong"})

    merged = product == "cloudstack"
    code = "auth.invalid_credentials" if merged else "auth.secret_mismatch"
    assert outcome.cause == ("authenticate", code)
    assert cloud.judged == [False]


@EACH
def test_an_unknown_key_is_told_as_the_cloud_tells_it(product: str) -> None:
    """CloudStack merges it with the rest, two can't tell it from a disabled one."""
    codes = {
        "alibabacloud": "auth.access_key_not_found",
        "cloudstack": "auth.invalid_credentials",
    }

    outcome = told(product, Cloud(), {**PAIR, "accessKey": "AKIDUNKNOWN"})

    assert outcome.cause == ("authenticate", codes.get(product, "auth.unknown_access_key"))


@EACH
def test_a_key_without_rights_signs_in_and_is_denied(product: str) -> None:
    """The remedy is a policy, not another key."""
    outcome = told(product, Cloud(denies_reading=True))

    assert outcome.cause == ("authorize", "authz.denied")


@EACH
@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_is_far_off_is_a_warning(product: str, hours: int) -> None:
    """The request is signed with the clock that the platform shows."""
    outcome = told(product, Cloud(clock_ahead=timedelta(hours=hours)))

    assert outcome.cause is None
    assert outcome.warnings == {"api.clock_off"}


@EACH
def test_a_clock_that_is_off_and_hidden_is_told_where_the_cloud_does(product: str) -> None:
    """Then our own clock is all there is to sign with."""
    cloud = Cloud(clock_ahead=timedelta(hours=3), shows_its_clock=False)

    outcome = told(product, cloud)

    merged = product == "cloudstack"
    code = "auth.invalid_credentials" if merged else "auth.clock_skew"
    assert outcome.cause == ("authenticate", code)


@EACH
def test_the_secret_is_in_nothing_that_is_kept(product: str) -> None:
    """Nor is the key: both come back in some refusals."""
    outcome = told(product, Cloud(), {**PAIR, "accessKey": "AKIDUNKNOWN"})

    for entry in outcome.ended.values():
        assert "AKIDUNKNOWN" not in entry.model_dump_json()
        assert SECRET not in entry.model_dump_json()
