"""Read the files `credentials` and `config` of the AWS command line: a row for each profile.

Facts are from the AWS CLI user guide ("Configuration and credential file settings") and botocore's
configloader.py and credentials.py.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.diagnosis.outcomes import Failed
from shared.diagnosis.sentences import Sentence
from shared.endpoint import parse_endpoint
from shared.uploads.inventories.entries import doubt_authority, entry, place_of
from shared.uploads.inventories.sections import Section, settings_by_name
from shared.uploads.reading import Reading
from shared.uploads.row import Row

_KEY_PAIR = ("aws_access_key_id", "aws_secret_access_key")
_SETTINGS = frozenset(
    {
        *(*_KEY_PAIR, "aws_session_token", "credential_process", "credential_source"),
        *("role_arn", "source_profile", "sso_session", "sso_start_url", "sso_account_id"),
        *("region", "endpoint_url", "login_session", "web_identity_token_file"),
    }
)
_OTHER_SECTION = re.compile(r"(sso-session|services|plugins|preview)(\s.*)?")
_OF_AWS = re.compile(r"(?:.*\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)")
_OTHER_WAYS = {
    "role_arn": Sentence(
        "assumes a role; put the key pair and the session token of the role into the file: aws "
        "configure export-credentials"
    ),
    "sso_session": Sentence(
        "signs in with IAM Identity Center; put its temporary key pair into the file: aws "
        "configure export-credentials"
    ),
    "credential_process": Sentence("gets its key pair from a program (credential_process)"),
}
_ALSO = {
    "sso_start_url": "sso_session",
    "login_session": "sso_session",
    "web_identity_token_file": "role_arn",
}


@dataclass(slots=True)
class _Profile:
    """What the files say of a profile."""

    settings: dict[str, str] = field(default_factory=dict, repr=False)
    nested: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)


def is_aws(sections: Sequence[Section]) -> bool:
    """Return whether these are profiles of AWS."""
    return any(
        section.name.startswith("profile ") or not _SETTINGS.isdisjoint(section.settings)
        for section in sections
    )


def profiles(documents: Sequence[Sequence[Section]], reading: Reading) -> Iterator[Row]:
    """Yield a row for each profile; `credentials` has precedence over `config`."""
    found: dict[str, _Profile] = {}
    services: dict[str, Mapping[str, Mapping[str, str]]] = {}
    for sections in sorted(documents, key=lambda one: not _is_config(one)):
        for title, section in settings_by_name(list(sections)):
            if title.startswith("services "):
                services[_unquoted(title.removeprefix("services "))] = section.nested
            if _OTHER_SECTION.fullmatch(title):
                continue
            profile = found.setdefault(_unquoted(title.removeprefix("profile ")), _Profile())
            profile.settings |= section.settings
            profile.nested |= section.nested
    for name, profile in found.items():
        own = services.get(profile.settings.get("services", ""), {})
        yield _row(name, profile.settings, {**profile.nested, **own}, reading)


def _is_config(sections: Sequence[Section]) -> bool:
    return any(
        section.name.startswith("profile ") or _OTHER_SECTION.fullmatch(section.name)
        for section in sections
    ) or not any(_KEY_PAIR[0] in section.settings for section in sections)


def _unquoted(name: str) -> str:
    return name.strip().strip("\"'")


def _row(
    name: str,
    settings: Mapping[str, str],
    nested: Mapping[str, Mapping[str, str]],
    reading: Reading,
) -> Row:
    place = place_of("profile", name)
    access_key, secret_key = (settings.get(part, "") for part in _KEY_PAIR)
    if not access_key or not secret_key:
        return Row(place, {}, _why_without(settings))
    if settings.get("ca_bundle"):
        doubt_authority(reading, place)
    region = settings.get("region", "")
    product, endpoint = _endpoint(region, settings, nested)
    token = settings.get("aws_session_token", "") or settings.get("aws_security_token", "")
    options: dict[str, Any] = {"sessionToken": token}
    if product == "s3" or not endpoint.startswith("sts."):
        options["region"] = region
    key_pair = (access_key, secret_key)
    return entry(place, product, endpoint, name=name, key_pair=key_pair, options=options)


def _why_without(settings: Mapping[str, str]) -> Sentence:
    way = next((way for way in (*_OTHER_WAYS, *_ALSO) if settings.get(way)), "")
    without = Sentence("has no key pair; send the file credentials together with config")
    return _OTHER_WAYS.get(_ALSO.get(way, way), without)


def _endpoint(
    region: str, settings: Mapping[str, str], nested: Mapping[str, Mapping[str, str]]
) -> tuple[str, str]:
    """Return the product and the endpoint: another store's S3, a stand-in's STS, or AWS itself."""
    own = {service: given.get("endpoint_url", "") for service, given in nested.items()}
    if url := own.get("s3") or own.get("s3api"):
        return "s3", url
    if url := own.get("sts"):
        return "aws", url
    if (url := settings.get("endpoint_url", "")) and not _is_of_aws(url):
        return "s3", url  # most programs that stand in for AWS have S3, and few have STS
    if not region:
        return "aws", "sts.amazonaws.com"
    return "aws", f"sts.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def _is_of_aws(url: str) -> bool:
    try:
        return bool(_OF_AWS.fullmatch(parse_endpoint(url).server_name))
    except Failed:
        return False
