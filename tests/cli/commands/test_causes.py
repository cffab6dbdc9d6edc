import json

from typer.testing import CliRunner

from cli.main import app
from shared.diagnosis.catalogue import catalogue


def output_of(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["causes", *arguments], env={"LANG": "C.UTF-8"})
    assert result.exit_code == status, result.output
    return result.stdout if status == 0 else result.stderr


def test_every_cause_of_the_code_is_listed() -> None:
    """The installed command must be the catalogue, on a machine without the documents."""
    listed, shown = json.loads(output_of("--json")), output_of()

    assert [one["code"] for one in listed] == [*catalogue()]
    assert all(one["code"] in shown for one in listed)


def test_one_cause_is_explained() -> None:
    """A code from a log, a ticket or a batch leads to what to do."""
    shown = output_of("tcp.refused")

    assert "refused the connection" in shown
    assert "Check that" in shown
    assert "platform: can be fixed by the platform's administrator" in shown
    assert "endpoint" in shown


def test_a_family_is_listed_by_its_name() -> None:
    """`tls` is what one remembers."""
    codes = [one["code"] for one in json.loads(output_of("tls", "--json"))]

    assert codes
    assert all(code.startswith("tls.") for code in codes)


def test_a_mistyped_code_is_answered_with_the_near_ones() -> None:
    """A dead end would cost another look at the list."""
    assert "did you mean tls.expired" in output_of("tls.expird", status=2)


def test_a_cause_is_told_in_another_language() -> None:
    """With the texts that the service tells."""
    assert "拒绝了端口" in output_of("tcp.refused", "--lang", "zh-CN")
