"""Check the facts that a worker tells: each has a name that is declared here, and its form.

A stolen worker must not be able to have more said than a platform could that is tested. So a text
of our own must be one that we have, and only what a platform says is any text, in one short line.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from shared.diagnosis.outcomes import Fact, Facts
from shared.diagnosis.translations import translations
from shared.text import printable

LARGEST: Final = 1e15
OUT_OF_RANGE: Final = "out of range"
"""What stands for a number beyond LARGEST, which JSON or Python may not have."""
MOST_PARTS, MOST_CHARACTERS = 50, 4000
"""Of a list: a name may have 4,000 addresses, and results are kept for a day."""

_LONGEST_NAME = 64
_CERTIFICATE = re.compile(r"[0-9]\.")
"""Precedes the facts of one of the certificates that a host sends."""
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}(, [0-9A-Fa-f:.]{2,45}){0,7}")
_HOST = re.compile(r"[A-Za-z0-9_.:-]{1,253}…?")
_PLACE = re.compile(r"[A-Za-z0-9_.:-]{1,253}( \([0-9A-Fa-f:.]{2,45}\))?…?")
_WORD = re.compile(r"[A-Za-z0-9_.:/+-]{1,64}")
_MOMENT = re.compile(r"[0-9T:.+-]{4,32}( [0-9:]{5,8})?( UTC)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_AND_MORE = re.compile(r"and [0-9]{1,9} more")
_CHARACTER = re.compile(r"U\+([0-9A-F]{4,6}) \(")


def _text(told: str) -> str:
    return printable(told)


def _name(told: str) -> str:
    """Of a product, a program or a protocol: the platform does not choose it freely."""
    return printable(told, _LONGEST_NAME)


def _unbroken(told: str) -> str:
    """A URL, a path or a name of the platform's: without blanks it is no sentence."""
    return "%20".join(printable(told).split())


def _our_words(told: str) -> str:
    """What we say has a translation, and a platform says nothing in its place."""
    return told if told in translations("zh-CN")["sentences"] else ""


def _shaped(shape: re.Pattern[str]) -> Callable[[str], str]:
    return lambda told: told if shape.fullmatch(told) else ""


def _character(told: str) -> str:
    named = _CHARACTER.match(told)
    if not named or (code := int(named[1], 16)) > 0x10FFFF:
        return _our_words(told)
    name = unicodedata.name(chr(code), "a control character").lower()
    return told if told == f"U+{code:04X} ({name})" else ""


_NUMBER_NAMES = """
    accepted_count acknowledged_bytes after_bytes ahead_s alert_number allowed_s api_port behind_s
    buckets certificates clock_skew_s code completed count days default_port errno expires_in_s
    icmp_code icmp_type key_bits line locked_min most most_bytes most_headers most_interim
    most_places named not_tested open_port other_port out_of_order path_length plain_status port
    position projects received_bytes rejected retransmitted retry_after_s rtt_ms seen segment_bytes
    sent_certificates shown_skew_s skew_s status tested time_zones took_s tried_count unreachable
    untried_count usual_port verify_code waited_s zones
"""
_NUMBERS = frozenset(_NUMBER_NAMES.split())
_FLAGS = frozenset({"trusted"})
_TEXTS: Mapping[Callable[[str], str], str] = {
    _text: """
        account account_id account_name allowed api as_in asked authorities authority
        aws_region broken_line bucket canaries chain coding constrained control critical_subject
        default_subject domain domain_id early_subject edition endpoints entry error_code excluded
        expected_account expected_tenant expected_user expired_on expired_subject extended
        extension failed failing_control first_bytes given given_expired given_invalid have
        ignored_names invalid_subject issuer issuer_subject issuer_usages key_usages known lack
        lacks limit limited_by missing names not_asked offered other_subject outside
        permitted pinned_subject principal principal_id project project_id projects proxy rcode
        reference region regions resources right_endpoint right_entry right_region roles said says
        seen_host sent_expired server service services session_left_open similar subject
        tenant time_zone title told_account told_tenant told_user types unknown_account
        unknown_tenant unknown_user usage_subject usages user user_id verdicts version weak_subject
    """,
    _name: """
        algorithm best challenge cipher container default_site family firewall found gateway
        interceptor kind protocol provider software wanted
    """,
    _our_words: """
        access_looks_like alert_says ca_fault ca_source elsewhere end enter_instead fault flaw
        granted_by ignored_because kept_in looks_like mistyped_as policy problem read_over reason
        repeated right_kind rule secret_looks_like side system violation web_ui wrong_kind
    """,
    _unbroken: """
        alias api_at found_as hops identity_path instead issuer_url keystone location looked_up
        nearest origin path seen_as segment top_level url valid_for zone
    """,
    _shaped(_ADDRESS): """
        accepting address addresses answering egress failed_addresses loopback name_servers
        otherwise private refusing resolvers sender silent unrouted untested without_ipv6
    """,
    _shaped(_HOST): "example host",
    _shaped(_PLACE): "where",
    _shaped(_WORD): """
        alert build error field interface key_type minimum_version option partition product_types
        schemes signature_hash since step
    """,
    _shaped(_MOMENT): """
        date end_of_life expired_at not_after not_before our_clock rejected_at until valid_from
    """,
    _shaped(_SHA256): "good_sha256 key_sha256 other_sha256 pinned_sha256 sha256",
    _character: "character",
}
_CHECK_BY_NAME = {name: check for check, names in _TEXTS.items() for name in names.split()}


def is_declared(name: str) -> bool:
    """Return whether a worker may tell a fact of this `name`."""
    name = _CERTIFICATE.sub("", name, count=1)
    return name in _CHECK_BY_NAME or name in _NUMBERS or name in _FLAGS


def checked(facts: Facts) -> dict[str, Fact]:
    """Return those of the facts that a worker told which are declared, each in its form.

    A text is cut to one short line, a list to MOST_PARTS and MOST_CHARACTERS. What has another form
    than its name says is left out.
    """
    found = {name: _checked(name, fact) for name, fact in facts.items()}
    return {name: fact for name, fact in found.items() if fact is not None}


def _checked(name: str, fact: Fact) -> Fact | None:
    if name[0:1].isdigit() and _CERTIFICATE.match(name):
        name = name[2:]
    check = _CHECK_BY_NAME.get(name)
    if isinstance(fact, str):
        shown = check(fact) if check else ""
        is_kept = shown or (check and not fact) or (fact == OUT_OF_RANGE and name in _NUMBERS)
        return (shown or fact) if is_kept else None
    if isinstance(fact, tuple):
        return _checked_list(check, fact) if check else None
    allowed = _FLAGS if isinstance(fact, bool) else _NUMBERS
    return fact if name in allowed and abs(fact) < LARGEST else None


def _checked_list(check: Callable[[str], str], told: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_parts(check, told))


def _parts(check: Callable[[str], str], told: tuple[str, ...]) -> Iterator[str]:
    left = MOST_CHARACTERS
    for part in told[: MOST_PARTS + 1]:  # the last one may say how many more there are
        shown = part if _AND_MORE.fullmatch(part) else check(part)
        left -= len(shown)
        if left < 0:
            return
        if shown:
            yield shown
