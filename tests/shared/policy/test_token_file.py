import json
import stat
from pathlib import Path

import pytest

from shared.policy.token_file import Limits, TenantEntry, TokenFile, new_entry, usual_ports
from shared.products import PRODUCTS

DIGEST = "ab" * 32


def test_a_file_that_was_written_is_read_back(tmp_path: Path) -> None:
    """Revoking one token must not change another."""
    path = tmp_path / "tokens.json"
    kept = TokenFile(tokens=(new_entry("ci", DIGEST, tenant="acme", scopes=("bulk",)),))

    kept.write(path)

    assert TokenFile.read(path) == kept
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_token_without_ports_may_use_those_of_the_products_alone() -> None:
    """A token that was made without a thought must not be one for scanning."""
    entry = new_entry("ci", DIGEST)

    assert entry.policy.with_ports().ports == usual_ports()
    assert entry.policy.with_ports((9443,)).ports == (*usual_ports(), 9443)
    assert {80, 443, *(product.default_port for product in PRODUCTS.values())} <= set(usual_ports())
    assert 22 not in usual_ports()


def test_a_name_stands_in_the_file_once() -> None:
    """Two tokens of one name could not be told apart when one is revoked."""
    first = TokenFile(tokens=(new_entry("a", DIGEST), new_entry("b", "12" * 32)))

    again = first.with_token(new_entry("a", "cd" * 32))

    assert [(one.name, one.sha256[:2]) for one in again.tokens] == [("b", "12"), ("a", "cd")]
    assert again.without("a").tokens == first.without("a").tokens


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"tokens":[{"name":"x","sha256":"hunter2"}]}',
        '{"tokens":[{"name":"x","sha256":"' + DIGEST + '","token":"hunter2"}]}',
        '{"tokens":[{"name":"x","sha256":"' + DIGEST + '","scopes":["hunter2"]}]}',
    ],
)
def test_a_file_that_is_wrong_is_refused_without_repeating_it(tmp_path: Path, content: str) -> None:
    """Somebody may have put the token itself where its hash belongs."""
    path = tmp_path / "tokens.json"
    path.write_text(content)

    with pytest.raises(ValueError, match=str(path)) as raised:
        TokenFile.read(path)

    assert "hunter2" not in str(raised.value)


def test_ports_are_those_of_today_unless_the_token_names_its_own(tmp_path: Path) -> None:
    """A product that comes later is tested with old tokens too; "none named" is not "any"."""
    path = tmp_path / "tokens.json"
    named = new_entry("b", "cd" * 32, policy={"ports": [9000]})
    any_port = new_entry("c", "ef" * 32, policy={"ports": []})
    TokenFile(tokens=(new_entry("a", DIGEST), named, any_port)).write(path)

    usual, own, unlimited = (one.policy.with_ports((9443,)) for one in TokenFile.read(path).tokens)

    assert "policy" not in json.loads(path.read_text())["tokens"][0]
    assert usual.ports == (*usual_ports(), 9443)
    assert (own.ports, unlimited.ports) == ((9000,), ())


@pytest.mark.parametrize(
    "double",
    [
        {"tokens": [{"name": "a", "sha256": DIGEST}, {"name": "a", "sha256": "cd" * 32}]},
        {"tokens": [{"name": "a", "sha256": DIGEST}, {"name": "b", "sha256": DIGEST}]},
        {"tenants": [{"tenant": "oidc:acme"}, {"tenant": "oidc:acme"}]},
    ],
)
def test_nothing_stands_in_the_file_twice(tmp_path: Path, double: dict[str, object]) -> None:
    """Which of the two is in force would be chance, and a revoked name would go on."""
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps(double))

    with pytest.raises(ValueError, match=r"same|twice"):
        TokenFile.read(path)


@pytest.mark.parametrize("tenant", ["acme", "oidc:", "oidc:a b"])
def test_the_limits_of_web_tokens_are_for_tenants_of_web_tokens(tenant: str) -> None:
    """A limit for a tenant that no token can have would be none."""
    with pytest.raises(ValueError, match="tenant"):
        TenantEntry(tenant=tenant)


def test_a_token_that_names_no_site_may_test_from_the_default_one(tmp_path: Path) -> None:
    """A token of before must not reach the networks of a site that is added later."""
    path = tmp_path / "tokens.json"
    named = new_entry("b", "cd" * 32, sites=("fra1", "sin1"))
    anywhere = new_entry("c", "ef" * 32, sites=("*",))
    TokenFile(tokens=(new_entry("a", DIGEST), named, anywhere)).write(path)

    tokens = TokenFile.read(path).tokens

    assert "sites" not in json.loads(path.read_text())["tokens"][0]
    assert [sorted(one.site_names) for one in tokens] == [["default"], ["fra1", "sin1"], ["*"]]
    assert Limits().site_names == {"default"}


def test_a_token_may_have_a_policy_of_its_own_at_a_site(tmp_path: Path) -> None:
    """10.20.0.0/16 is another network at another site."""
    path = tmp_path / "tokens.json"
    at_fra1 = {"networks": ["10.20.0.0/16"], "ports": [8443]}
    entry = {"name": "ci", "sha256": DIGEST, "sites": ["default", "fra1"]}
    tenant = {"tenant": "oidc:acme", "sites": ["*"], "sitePolicies": {"fra1": {"domains": ["x"]}}}
    path.write_text(
        json.dumps({"tokens": [entry | {"sitePolicies": {"fra1": at_fra1}}], "tenants": [tenant]})
    )

    file = TokenFile.read(path)

    own = file.tokens[0].policies_with_ports((9443,))
    assert [str(one) for one in own["fra1"].networks] == ["10.20.0.0/16"]
    assert own["fra1"].ports == (8443,)
    of_web_tokens = file.tenants[0].policies_with_ports((9443,))
    assert of_web_tokens["fra1"].ports == (*usual_ports(), 9443)
    file.write(path)
    assert TokenFile.read(path) == file


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"sites": ["Fra1"]}, r"tokens\.0\.sites\.0"),
        ({"sites": ["fra*"]}, r"tokens\.0\.sites\.0"),
        ({"sitePolicies": {"fra1": {}}}, "sitePolicies has fra1"),
        ({"sites": ["fra1"], "sitePolicies": {"default": {}}}, "sitePolicies has default"),
        ({"sites": ["*"], "sitePolicies": {"Fra1": {}}}, r"sitePolicies\.Fra1"),
        ({"sites": ["fra1"], "sitePolicies": {"fra1": {"network": []}}}, r"fra1\.network"),
    ],
)
def test_a_policy_that_would_never_apply_is_refused(
    tmp_path: Path, wrong: dict[str, object], problem: str
) -> None:
    """A mistyped limit would be none: the wider policy would apply there."""
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps({"tokens": [{"name": "ci", "sha256": DIGEST, **wrong}]}))

    with pytest.raises(ValueError, match=problem):
        TokenFile.read(path)
