"""OpenStack against Keystone, with a database, users, roles, credentials and a catalogue."""

import json
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.network.servers import hold, serving
from tests.products.own_server import own_server
from tests.products.pipeline import Outcome, outcome_of

PASSWORD = "pa55word-of-a-user"
SECRET = "s3cret-of-a-credential"


@dataclass(frozen=True)
class Keystone:
    """One that is up, asked by its administrator."""

    url: str
    database: Path
    token: str = ""

    def ask(
        self, method: str, path: str, content: object = None, token: str = ""
    ) -> tuple[Mapping[str, str], Any]:
        """Return headers and JSON of an answer that is a success."""
        headers = {"Content-Type": "application/json", "X-Auth-Token": token or self.token}
        body = json.dumps(content).encode() if content is not None else None
        request = urllib.request.Request(f"{self.url}/v3{path}", body, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            text = response.read()
            return dict(response.headers), json.loads(text) if text else {}

    def sign_in(self, name: str, password: str, project: str | None = None) -> str:
        """Return a token."""
        user = {"name": name, "password": password, "domain": {"id": "default"}}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
        if project:
            auth["scope"] = {"project": {"name": project, "domain": {"id": "default"}}}
        headers, _ = self.ask("POST", "/auth/tokens", {"auth": auth})
        return headers["X-Subject-Token"]

    def make(self, kind: str, **content: Any) -> str:
        """Return the id of what is made."""
        _, made = self.ask("POST", f"/{kind}s", {kind: content})
        found: str = made[kind]["id"]
        return found

    def user(self, name: str, *projects: str, role: str = "member", **more: Any) -> str:
        """Make a user with a role on projects; gives its id."""
        user = self.make("user", name=name, password=PASSWORD, domain_id="default", **more)
        _, roles = self.ask("GET", f"/roles?name={role}")
        for project in projects:
            _, found = self.ask("GET", f"/projects?name={project}")
            place = f"/projects/{found['projects'][0]['id']}/users/{user}"
            self.ask("PUT", f"{place}/roles/{roles['roles'][0]['id']}")
        return user

    def application(self, user: str, name: str, project: str, **more: Any) -> Mapping[str, str]:
        """Make an application credential of a user; gives it as a key pair."""
        _, found = self.ask("GET", f"/users?name={name}")
        own = self.sign_in(name, PASSWORD, project)
        content = {"application_credential": {"name": "c", "secret": SECRET, **more}}
        _, made = self.ask(
            "POST", f"/users/{found['users'][0]['id']}/application_credentials", content, own
        )
        assert user == found["users"][0]["id"]
        return {"accessKey": made["application_credential"]["id"], "secretKey": SECRET}

    def revoked(self) -> int:
        """Return how many tokens have been revoked."""
        with sqlite3.connect(self.database) as database:
            count: int = database.execute(
                "SELECT count(audit_id) FROM revocation_event"
            ).fetchone()[0]
        return count

    def test(self, keys: Mapping[str, str], **options: Any) -> Outcome:
        """Test it."""
        return outcome_of("openstack", f"{self.url}/v3", keys, **options)


@pytest.fixture(scope="module")
def keystone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    """Give a Keystone with two projects, a user on the first, and a compute service that is up."""
    home = tmp_path_factory.mktemp("keystone")
    with own_server("keystone", home) as said, serving(hold) as nova:
        keystone = Keystone(f"http://127.0.0.1:{said['port']}", home / "keystone.db")
        token = keystone.sign_in("admin", said["password"], "admin")
        keystone = replace(keystone, token=token)
        for name in ("shop", "lab"):
            keystone.make("project", name=name, domain_id="default")
        keystone.user("ops", "shop")
        register(keystone, "compute", f"http://127.0.0.1:{nova.port}/v2.1")
        yield keystone


def register(keystone: Keystone, kind: str, url: str, region: str = "RegionOne") -> str:
    """Put an endpoint into the catalogue; gives its id."""
    service = keystone.make("service", type=kind, name=kind)
    return keystone.make(
        "endpoint", service_id=service, interface="public", url=url, region_id=region
    )


def user(name: str, password: str = PASSWORD) -> Mapping[str, str]:
    """Return a user as a key pair."""
    return {"accessKey": name, "secretKey": password}


class TestUsers:
    """Names and passwords."""

    def test_a_user_of_one_project_passes_all_steps(self, keystone: Keystone) -> None:
        """The catalogue's endpoints are reached as well."""
        outcome = keystone.test(user("ops"))

        assert outcome.cause is None
        told = {
            "roles": ("member", "reader"),
            "project": "shop",
            "user": "ops",
            "domain": "Default",
        }
        assert told.items() <= outcome.facts("authenticate").items()
        assert outcome.facts("service_endpoints")["tested"] == 1
        missing = "api.catalog_service_missing"  # of network, image and volume
        assert outcome.warnings == {missing, "auth.sent_in_clear"}

    @pytest.mark.parametrize(
        ("keys", "options"),
        [
            (user("ops", "wrong"), {}),
            (user("nobody"), {}),
            (user("ops"), {"domain": "Elsewhere"}),
            (user("0" * 32), {"signInWith": "password"}),
        ],
    )
    def test_what_keystone_merges_is_said_to_be_merged(
        self, keystone: Keystone, keys: Mapping[str, str], options: Mapping[str, str]
    ) -> None:
        """It has one answer for a wrong password, an unknown user and an unknown domain."""
        assert keystone.test(keys, **options).cause == ("authenticate", "auth.invalid_credentials")

    def test_a_disabled_user_is_merged_too(self, keystone: Keystone) -> None:
        """Who is disabled is nobody's business who can't sign in."""
        keystone.user("gone", "shop", enabled=False)

        assert keystone.test(user("gone")).cause == ("authenticate", "auth.invalid_credentials")

    def test_a_locked_account_is_merged_too(self, keystone: Keystone) -> None:
        """After three wrong passwords here, the right one is refused as they were."""
        keystone.user("locked", "shop")
        for _ in range(3):
            with pytest.raises(urllib.error.HTTPError):
                keystone.sign_in("locked", "wrong")

        assert keystone.test(user("locked")).cause == ("authenticate", "auth.invalid_credentials")

    def test_an_expired_password_is_told_so(self, keystone: Keystone) -> None:
        """The user can mend that alone."""
        keystone.user("old", "shop")
        with sqlite3.connect(keystone.database) as database:
            database.execute(
                "UPDATE password SET expires_at = '2020-01-01', expires_at_int = 1577836800000000"
                " WHERE local_user_id = (SELECT id FROM local_user WHERE name = 'old')"
            )

        assert keystone.test(user("old")).cause == ("authenticate", "auth.password_expired")

    def test_a_project_of_somebody_else_is_told_from_a_wrong_password(
        self, keystone: Keystone
    ) -> None:
        """Asked for both at once, Keystone answers 401 to either."""
        for project in ("lab", "no-such-project"):
            outcome = keystone.test(user("ops"), project=project)
            assert outcome.cause == ("authorize", "auth.project_not_found")

    def test_a_user_of_two_projects_has_to_name_one(self, keystone: Keystone) -> None:
        """Unscoped, there is no catalogue."""
        keystone.user("both", "shop", "lab")

        assert keystone.test(user("both")).cause == ("authorize", "api.catalog_empty")
        assert keystone.test(user("both"), project="lab").cause is None

    def test_a_user_without_a_role_is_told_so(self, keystone: Keystone) -> None:
        """The password is right."""
        keystone.user("idle")

        assert keystone.test(user("idle")).cause == ("authorize", "authz.no_role")


class TestApplicationCredentials:
    """Keys for programs."""

    def test_a_credential_passes(self, keystone: Keystone) -> None:
        """It is of one project and needs no further words."""
        owner = keystone.user("owner", "shop")
        keys = keystone.application(owner, "owner", "shop")

        outcome = keystone.test(keys)

        assert outcome.cause is None
        assert outcome.facts("authenticate")["project"] == "shop"

    @pytest.mark.parametrize("kind", ["credential", "user"])
    def test_every_token_is_revoked(self, keystone: Keystone, kind: str) -> None:
        """One that stays is good for an hour, for whoever finds it."""
        name = f"leaver-{kind}"
        owner = keystone.user(name, "shop")
        pair = user(name)
        if kind == "credential":
            pair = keystone.application(owner, name, "shop")
        revoked = keystone.revoked()

        keystone.test(pair)

        assert keystone.revoked() - revoked == (1 if kind == "credential" else 2)

    def test_an_unknown_credential_is_told_from_a_wrong_secret(self, keystone: Keystone) -> None:
        """This one Keystone does tell."""
        owner = keystone.user("teller", "shop")
        keys = keystone.application(owner, "teller", "shop")

        unknown = keystone.test({**keys, "accessKey": "f" * 32})
        wrong = keystone.test({**keys, "secretKey": "wrong"})

        assert unknown.cause == ("authenticate", "auth.access_key_not_found")
        assert wrong.cause == ("authenticate", "auth.invalid_credentials")

    def test_a_credential_that_has_expired_is_merged(self, keystone: Keystone) -> None:
        """With a wrong secret: whoever reads it can't tell, and is told that."""
        owner = keystone.user("late", "shop")
        keys = keystone.application(owner, "late", "shop")
        assert keystone.test(keys).cause is None
        with sqlite3.connect(keystone.database) as database:
            database.execute("UPDATE application_credential SET expires_at = 1577836800000000")

        assert keystone.test(keys).cause == ("authenticate", "auth.invalid_credentials")


class TestCatalogue:
    """Where all else is."""

    def test_an_unknown_region_is_told(self, keystone: Keystone) -> None:
        """Names of regions differ in case and in dashes."""
        outcome = keystone.test(user("ops"), region="regionone")

        assert outcome.cause == ("authorize", "api.region_invalid")

    def test_an_interface_without_endpoints_is_told(self, keystone: Keystone) -> None:
        """Many clouds have public endpoints alone."""
        outcome = keystone.test(user("ops"), interface="internal")

        assert outcome.cause == ("authorize", "api.catalog_without_services")

    def test_an_endpoint_that_can_not_be_reached_is_a_warning(self, keystone: Keystone) -> None:
        """The name `controller` is known inside of the cloud alone."""
        there = register(keystone, "image", "http://controller.invalid:9292")
        try:
            outcome = keystone.test(user("ops"))
        finally:
            keystone.ask("DELETE", f"/endpoints/{there}")

        assert outcome.cause is None
        assert "api.catalog_endpoint_unreachable" in outcome.warnings


def test_the_other_products_take_it_for_what_it_is_not(keystone: Keystone) -> None:
    """No secret goes to a platform of another kind."""
    for product in ("aws", "s3", "cloudstack", "huaweicloud"):
        outcome = outcome_of(product, keystone.url, user("ops"))
        assert outcome.cause
        assert outcome.cause[0] == "product_identify"
