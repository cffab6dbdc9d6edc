import pytest
import typer

from cli.bulk.wishes import labels_of, mapping_of


def test_a_header_may_contain_the_sign_that_ends_it() -> None:
    """A field never does, so the last one counts."""
    texts = ["a=b=endpoint", "3=label.owner", "Notes="]

    assert mapping_of(texts) == {"a=b": "endpoint", "3": "label.owner", "Notes": ""}


@pytest.mark.parametrize("texts", [["Account"], ["=endpoint"], ["a=name", "a=ref"]])
def test_a_mapping_that_says_nothing_is_refused(
    texts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a column would be read as if nothing had been said."""
    with pytest.raises(typer.Exit):
        mapping_of(texts)
    assert "--map" in capsys.readouterr().err


def test_a_label_is_told_by_its_name() -> None:
    """Its value may contain the sign, its name never does."""
    assert labels_of(["owner=Alice", "note=a=b", "site="]) == {
        "owner": "Alice",
        "note": "a=b",
        "site": "",
    }


@pytest.mark.parametrize("texts", [["owner"], ["=Alice"], ["owner=Alice", "owner=Bob"]])
def test_a_label_that_says_nothing_is_refused(
    texts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Else more would be tested again than was asked for."""
    with pytest.raises(typer.Exit):
        labels_of(texts)
    assert "--label" in capsys.readouterr().err
