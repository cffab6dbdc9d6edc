"""Read rclone.conf: a row for each remote that is an S3.

Facts are from rclone's documentation of S3 and its backend/s3/s3.go.
"""

from collections.abc import Iterator, Mapping, Sequence

from shared.diagnosis.outcomes import Fact
from shared.uploads.inventories.entries import entry, place_of, quoted
from shared.uploads.inventories.sections import Section, settings_by_name
from shared.uploads.inventories.values import truth
from shared.uploads.reading import Reading
from shared.uploads.row import Row, unreadable


def is_rclone(sections: Sequence[Section]) -> bool:
    """Return whether these are remotes of rclone: each section has a type."""
    named = [section for section in sections if section.name]
    return bool(named) and all("type" in section.settings for section in named)


def remotes(documents: Sequence[Sequence[Section]], _: Reading) -> Iterator[Row]:
    """Yield a row for each remote."""
    for sections in documents:
        for name, section in settings_by_name(list(sections)):
            yield _row(name, section.settings)


def _row(name: str, settings: Mapping[str, str]) -> Row:
    place, kind = place_of("remote", name), settings["type"]
    if kind != "s3":
        facts: dict[str, Fact] = {"kind": quoted(kind)} if kind else {}
        return unreadable(place, "is not an S3[ but {kind}]; only S3 can be tested", **facts)
    key_pair = settings.get("access_key_id", ""), settings.get("secret_access_key", "")
    if not all(key_pair) and truth(settings.get("env_auth")):
        return unreadable(place, "takes its key pair from the environment (env_auth)")
    if not all(key_pair):
        return unreadable(place, "has no key pair: it is used without signing in")
    region = settings.get("region", "")
    endpoint = settings.get("endpoint", "") or _of_aws(settings, region)
    if not endpoint:
        return unreadable(place, "has no endpoint")
    options = {"sessionToken": settings.get("session_token", "")}
    # The names of AWS's own endpoints have the region; rclone writes this for Ceph's "any".
    if (
        not endpoint.endswith((".amazonaws.com", ".amazonaws.com.cn"))
        and region != "other-v2-signature"
    ):
        options["region"] = region
    return entry(place, "s3", endpoint, name=name, key_pair=key_pair, options=options)


def _of_aws(settings: Mapping[str, str], region: str) -> str:
    if settings.get("provider", "AWS") != "AWS":
        return ""
    end = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"s3.{region}.{end}" if region else f"s3.{end}"
