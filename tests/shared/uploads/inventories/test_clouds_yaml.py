import pytest

from tests.shared.uploads.inventories.looking import entries, look
from tests.shared.uploads.uploading import CANARY, FORM, read_with, together

CLOUDS = f"""\
# Written by the dashboard
clouds:
  prod:
    auth:
      auth_url: https://keystone.example.com:5000/v3
      username: "alice"
      password: {CANARY}
      project_id: 8e1d0c3f5a2b4c6d8e1d0c3f5a2b4c6d
      project_name: "web"
      user_domain_name: "Default"
    region_name: "RegionOne"
    interface: "public"
    identity_api_version: 3
  robot:
    auth_type: "v3applicationcredential"
    auth:
      auth_url: https://10.0.0.5:5000
      application_credential_id: "21dced0fd20347869b93710d2b98aae0"
      application_credential_secret: {CANARY}
    verify: false
"""


def test_clouds_become_platforms() -> None:
    """A user's file has a password, a program's an application credential."""
    assert entries(CLOUDS) == {
        "cloud prod": {
            "productType": "openstack",
            "endpoint": "https://keystone.example.com:5000/v3",
            "name": "prod",
            "accessKey": "alice",
            "secretKey": CANARY,
            "options": {
                "signInWith": "password",
                "domain": "Default",
                "project": "web",
                "region": "RegionOne",
            },
        },
        "cloud robot": {
            "productType": "openstack",
            "endpoint": "https://10.0.0.5:5000",
            "name": "robot",
            "accessKey": "21dced0fd20347869b93710d2b98aae0",
            "secretKey": CANARY,
            "options": {"signInWith": "applicationCredential", "tls": {"verify": False}},
        },
    }
    assert look(CLOUDS)[1].format == "clouds.yaml"


def cloud(auth: str, *more: str) -> str:
    lines = "".join(f"    {line}\n" for line in more)
    return f"clouds:\n  c:\n    auth: {{{auth}}}\n{lines}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (cloud(f"username: a, password: {CANARY}"), "has no auth_url"),
        (
            cloud(f"username: a, password: {CANARY}", "profile: rackspace"),
            "has no auth_url of its own but that of the profile rackspace; add auth_url",
        ),
        (
            cloud("auth_url: http://a/v3", "auth_type: v3oidcpassword"),
            "signs in with v3oidcpassword; only a password or an application credential can be "
            "tested",
        ),
        (
            cloud(f"auth_url: http://a/v3, token: {CANARY}", "auth_type: v3token"),
            "signs in with v3token; only a password or an application credential can be tested",
        ),
        (cloud("auth_url: http://a/v3, username: a"), "has no password; send secure.yaml too if "),
        (cloud(f"auth_url: http://a/v3, password: {CANARY}"), "has no username"),
        (
            cloud(f"auth_url: http://a/v3, user_id: a, password: {CANARY}"),
            "has the user's ID; use username and user_domain_name instead",
        ),
        (
            cloud(
                "auth_url: http://a/v3, application_credential_name: n, username: u",
                "auth_type: v3applicationcredential",
            ),
            "has the application credential's name; use application_credential_id instead",
        ),
        (
            cloud("auth_url: http://a/v3", "auth_type: v3applicationcredential"),
            "has no application credential",
        ),
    ],
)
def test_a_cloud_that_can_not_be_tested_says_why(text: str, problem: str) -> None:
    """The others can still be tested."""
    assert problem in entries(text)["cloud c"]


def test_a_cloud_has_a_row_for_each_of_its_regions() -> None:
    """Each region has endpoints of its own."""
    auth = f"auth_url: http://a/v3, username: a, password: {CANARY}"
    found = entries(cloud(auth, "regions: [north, {name: south, values: {}}]"))

    assert {place: content["options"]["region"] for place, content in found.items()} == {
        "cloud c north": "north",
        "cloud c south": "south",
    }


def test_numbers_and_old_names_are_what_openstack_takes_them_for() -> None:
    """A project's ID can be digits only, and the tenant is a project."""
    auth = "auth_url: http://a/v3, username: a, password: 12345678, tenant_id: 610275"
    found = entries(cloud(auth, "insecure: true", "endpoint_type: internalURL"))["cloud c"]

    assert found["secretKey"] == "12345678"
    assert found["options"] == {
        "signInWith": "password",
        "project": "610275",
        "interface": "internal",
        "tls": {"verify": False},
    }


def test_a_file_of_certificates_is_a_doubt() -> None:
    """The test may fail without it, and nobody would know why."""
    auth = f"auth_url: http://a/v3, username: a, password: {CANARY}"
    _, reading = look(cloud(auth, "cacert: /etc/ca.pem"))

    (doubt,) = reading.doubts
    assert (doubt.place, doubt.field) == ("cloud c", "options.tls.caCertificate")


SECURE = f"clouds:\n  prod:\n    auth:\n      password: {CANARY}\n"


@pytest.mark.parametrize("is_first", [True, False])
def test_secure_yaml_has_the_passwords(*, is_first: bool) -> None:
    """The order of the files in a form is the browser's."""
    files = [("clouds.yaml", CLOUDS.replace(CANARY, "old")), ("secure.yaml", SECURE)]
    body = together(*(reversed(files) if is_first else files))
    rows, _ = read_with(body, FORM)

    assert {row.place: row.content["secretKey"] for row in rows} == {
        "cloud prod": CANARY,
        "cloud robot": "old",
    }


def test_a_vendor_of_clouds_public_yaml_gives_the_address() -> None:
    """It is the third of OpenStack's files."""
    vendors = "public-clouds:\n  own:\n    auth: {auth_url: 'https://own.example.com:5000'}\n"
    mine = cloud(f"username: a, password: {CANARY}", "profile: own")
    body = together(("clouds.yaml", mine), ("clouds-public.yaml", vendors))

    (row,), _ = read_with(body, FORM)

    assert row.content["endpoint"] == "https://own.example.com:5000"


def test_clouds_can_be_json() -> None:
    """OpenStack reads clouds.json as well."""
    text = (
        '{"clouds": {"c": {"auth": {"auth_url": "http://a:5000", "username": "u", '
        '"password": "sesame"}}}}'
    )

    assert entries(text)["cloud c"]["endpoint"] == "http://a:5000"
