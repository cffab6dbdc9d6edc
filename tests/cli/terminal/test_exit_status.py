import pytest
import typer

from cli.terminal.exit_status import COULD_NOT_TEST, bugs_are_no_failures, refuse


def test_a_bug_of_ours_is_no_verdict() -> None:
    """Python itself would end with 1, and somebody's platform would be blamed."""
    with pytest.raises(typer.Exit) as ended, bugs_are_no_failures():
        raise KeyError("x")

    assert ended.value.exit_code == COULD_NOT_TEST


@pytest.mark.parametrize("status", [0, 1, 2])
def test_a_verdict_stays_what_it_is(status: int) -> None:
    """The rule above is for bugs alone."""
    with pytest.raises(typer.Exit) as ended, bugs_are_no_failures():
        raise typer.Exit(status)

    assert ended.value.exit_code == status


def test_a_refusal_is_one_neutral_line(capsys: pytest.CaptureFixture[str]) -> None:
    """What a server says may end up in it."""
    with pytest.raises(typer.Exit):
        refuse("a\x1b[2J\nb")

    assert (
        capsys.readouterr().err
        == "conncheck: a\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}b\n"
    )
