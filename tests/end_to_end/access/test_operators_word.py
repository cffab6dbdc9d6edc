"""What the operator forbids nobody gets: not by the API, nor past it."""

from pathlib import Path

from tests.certificates.crafted import self_signed
from tests.running.service import Service, running_service
from tests.stand_ins.zstack import zstack_node

STRICT = {"CONNCHECK_REQUIRE_TLS": "true", "CONNCHECK_REQUIRE_TLS_VERIFY": "true"}


def test_the_api_refuses_at_the_door_and_says_which_field(tmp_path: Path) -> None:
    """A caller who is told can mend it."""
    with running_service(tmp_path, **STRICT) as service, zstack_node() as (node, port):
        plain = service.test(f"127.0.0.1:{port}")
        blind = service.test("https://127.0.0.1", options={"tls": {"verify": False}})

    assert (plain.status_code, blind.status_code) == (403, 403)
    told = [answer.json()["errors"][0] for answer in (plain, blind)]
    assert [(one["field"], one["cause"]) for one in told] == [
        ("endpoint", "policy.tls_required"),
        ("options.tls.verify", "policy.tls_verify_required"),
    ]
    assert not node.requests


def test_without_verification_the_answer_says_so_loudly(service: Service) -> None:
    """The documented answer has one place for it, whatever else went wrong."""
    with zstack_node(tls=self_signed("127.0.0.1").server_context()) as (_, port):
        options = {"tls": {"verify": False}}
        answers = [
            service.test(f"https://127.0.0.1:{port}", options=options, secretKey=secret).json()
            for secret in ("SECRET", "WRONG")
        ]

    assert [answer["success"] for answer in answers] == [True, False]
    for answer in answers:
        assert "identity of 127.0.0.1 was not verified" in answer["recommendation"]


def test_the_api_itself_is_no_platform(service: Service) -> None:
    """B11: the service must not be set on itself."""
    (item, *_) = reversed(service.test(service.url).json()["items"])

    assert item["name"] == "tcp_connect"
    assert "belongs to this service itself" in item["errorMsg"]
