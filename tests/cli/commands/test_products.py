import json

import pytest
from typer.testing import CliRunner

from cli.main import app
from shared.products import PRODUCTS


def output_of(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["products", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_every_product_is_listed() -> None:
    """It is where somebody looks for the word that `conncheck test` wants."""
    shown = output_of()

    for product in PRODUCTS.values():
        assert product.name in shown
        assert product.title in shown


@pytest.mark.parametrize("name", PRODUCTS)
def test_each_says_what_its_key_pair_is_and_what_can_be_told(name: str) -> None:
    """What a platform calls its key pair is the first thing that one gets wrong."""
    words = " ".join(output_of(name).split())
    (told,) = json.loads(output_of(name, "--json"))

    if PRODUCTS[name].needs_key_pair:
        assert " ".join(PRODUCTS[name].access_key_is.split()[:3]) in words
    assert f"conncheck test {name} {PRODUCTS[name].example}" in words
    assert told["defaultPort"] == PRODUCTS[name].default_port
    for option in told["options"].get("properties", {}):
        assert f"{option}=" in words


def test_an_unknown_product_is_answered_with_the_choice() -> None:
    """It is mistyped more often than missing."""
    result = CliRunner().invoke(app, ["products", "zstak"])

    assert result.exit_code == 2
    assert "'zstak' is unknown; did you mean zstack" in result.stderr
    assert "? Choose from alibabacloud, aws, " in result.stderr
