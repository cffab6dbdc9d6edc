"""Read clouds.yaml and secure.yaml of OpenStack.

Facts are from openstacksdk's documentation ("Configuring OpenStack SDK Applications") and its
openstack/config/loader.py; the types of sign-in are keystoneauth's plug-ins.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from shared.diagnosis.sentences import Sentence
from shared.uploads.inventories.entries import (
    doubt_authority,
    entry,
    place_of,
    quoted,
    with_authority,
)
from shared.uploads.inventories.values import first_text, listed, mapping, text_of, truth
from shared.uploads.reading import Reading
from shared.uploads.row import Row, unreadable

_PASSWORD = ("", "password", "v3password", "v2password")
_APPLICATION = ("v3applicationcredential", "application_credential")
_INTERFACES = ("public", "internal", "admin")
_LEVELS = 8  # that merging goes down


def is_clouds(document: Any) -> bool:
    """Return whether this is a clouds.yaml, a secure.yaml or a clouds-public.yaml."""
    content = mapping(document)
    return bool(mapping(content.get("clouds")) or mapping(content.get("public-clouds")))


def clouds(documents: Sequence[Any], reading: Reading) -> Iterator[Row]:
    """Yield a row for each cloud, one for each region of those with several.

    What is in several documents is merged; secure.yaml, which has no address, has precedence.
    """
    merged: dict[str, Any] = {}
    for document in sorted(documents, key=lambda one: not _has_address(one)):
        merged = _merged(merged, document, _LEVELS)
    vendors = mapping(merged.get("public-clouds"))
    for name, content in mapping(merged.get("clouds")).items():
        cloud = mapping(content)
        vendor = mapping(vendors.get(first_text(cloud, "profile", "cloud")))
        yield from _cloud(name, _merged(vendor, cloud, _LEVELS), reading)


def _has_address(document: Any) -> bool:
    clouds = mapping(mapping(document).get("clouds")).values()
    return any("auth_url" in mapping(mapping(cloud).get("auth")) for cloud in clouds)


def _merged(base: Any, over: Any, levels: int) -> Any:
    if not isinstance(base, dict) or not isinstance(over, dict) or not levels:
        return over
    return {
        **base,
        **{name: _merged(base.get(name), value, levels - 1) for name, value in over.items()},
    }


def _cloud(name: str, cloud: dict[str, Any], reading: Reading) -> Iterator[Row]:
    regions = [
        text_of(mapping(one).get("name")) or text_of(one) for one in listed(cloud.get("regions"))
    ]
    for region in regions or [first_text(cloud, "region_name")]:
        shown = f"{name} {region}" if len(regions) > 1 else name
        yield _row(shown, place_of("cloud", shown), region, cloud, reading)


def _row(name: str, place: str, region: str, cloud: dict[str, Any], reading: Reading) -> Row:
    # Files from before plug-ins have what belongs to `auth` beside it.
    auth = {**cloud, **mapping(cloud.get("auth"))}
    kind = first_text(cloud, "auth_type")
    url = first_text(auth, "auth_url")
    if not url and (vendor := first_text(cloud, "profile", "cloud")):
        return unreadable(
            place,
            "has no auth_url of its own but that of the profile {profile}; add auth_url",
            profile=quoted(vendor),
        )
    if not url:
        return unreadable(place, "has no auth_url")
    if kind not in (*_PASSWORD, *_APPLICATION):
        return unreadable(
            place,
            "signs in with {kind}; only a password or an application credential can be tested",
            kind=quoted(kind),
        )
    key_pair, options = _application(auth) if kind in _APPLICATION else _user(auth)
    if problem := _problem(kind, auth, key_pair):
        return Row(place, {}, problem)
    interface = first_text(cloud, "interface", "endpoint_type").removesuffix("URL")
    options |= {"region": region, "interface": interface if interface in _INTERFACES[1:] else ""}
    options = _with_tls(options, cloud, place, reading)
    return entry(place, "openstack", url, name=name, key_pair=key_pair, options=options)


def _application(auth: dict[str, Any]) -> tuple[tuple[str, str], dict[str, Any]]:
    pair = (
        first_text(auth, "application_credential_id"),
        first_text(auth, "application_credential_secret"),
    )
    return pair, {"signInWith": "applicationCredential"}


def _user(auth: dict[str, Any]) -> tuple[tuple[str, str], dict[str, Any]]:
    domain = ("user_domain_name", "user_domain_id", "domain_name", "domain_id", "default_domain")
    project = ("project_name", "project_id", "tenant_name", "tenant_id")
    pair = first_text(auth, "username", "user"), first_text(auth, "password")
    options = {
        "signInWith": "password",
        "domain": first_text(auth, *domain),
        "project": first_text(auth, *project),
    }
    return pair, options


def _problem(kind: str, auth: dict[str, Any], key_pair: tuple[str, str]) -> Sentence | None:
    access_key, secret_key = key_pair
    if kind in _APPLICATION:
        if not access_key and auth.get("application_credential_name"):
            return Sentence(
                "has the application credential's name; use application_credential_id instead"
            )
        return None if access_key and secret_key else Sentence("has no application credential")
    if not access_key and auth.get("user_id"):
        return Sentence("has the user's ID; use username and user_domain_name instead")
    if not access_key:
        return Sentence("has no username")
    return None if secret_key else Sentence("has no password; send secure.yaml too if it is there")


def _with_tls(
    options: dict[str, Any], cloud: dict[str, Any], place: str, reading: Reading
) -> dict[str, Any]:
    # `insecure` is the old opposite of `verify`, which has precedence over `cacert`.
    if truth(cloud.get("verify")) is False or truth(cloud.get("insecure")):
        return {**options, "tls": {"verify": False}}
    authority = first_text(cloud, "cacert")
    if authority.lstrip().startswith("-----BEGIN"):
        return with_authority(options, authority)
    if authority:
        doubt_authority(reading, place)
    return options
