"""Show the certificates of a host."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.terminal.findings_view import OWNERS
from cli.inspection import Inspected
from cli.terminal.screen import FAINT, STYLES, mark, neutral_json, plain, screen
from shared.diagnosis.entries import FoundCause
from shared.diagnosis.translations import Language, told_in
from worker.tls.certificate_reader import Certificate

SOON_DAYS = 30


def print_inspected(found: Inspected, language: Language) -> None:
    """Print who showed what, whether it is trusted, and how to pin it."""
    console = screen()
    about = ", ".join(part for part in (found.address, found.protocol) if part)
    title = Text("\n  ").append_text(plain(found.endpoint, "bold"))
    console.print(title.append_text(plain(f"  {about}", FAINT)))
    for number, certificate in enumerate(found.chain):
        console.print(Text())
        console.print(_certificate(console, certificate, is_own=number == 0))
    console.print(Text())
    for finding in found.findings:
        console.print(_finding(console, told_in(language, finding)))
    if found.is_trusted:
        told = Text.assemble("  ", mark(console, "passed"), (" trusted", "bold green"))
        console.print(told.append_text(plain(f" as {found.endpoint.server_name}", FAINT)))
    if found.chain:
        console.print(Text())
        console.print(_how_to_pin(found))


def inspected_json(found: Inspected, language: Language) -> str:
    """Return all of it for a program to read."""
    told = [told_in(language, finding) for finding in found.findings]
    content = {
        "host": found.endpoint.server_name,
        "port": found.endpoint.port,
        "address": found.address or None,
        "protocol": found.protocol or None,
        "isTrusted": found.is_trusted,
        "findings": [
            {
                "cause": one.code,
                "owner": one.owner,
                "summary": one.summary,
                "remedies": one.remedies,
            }
            for one in told
        ],
        "chain": [one.facts for one in found.chain],
    }
    return neutral_json(json.dumps(content, indent=2, ensure_ascii=False))


def _certificate(console: Console, certificate: Certificate, *, is_own: bool) -> Padding:
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(width=9, style=FAINT)
    rows.add_column(overflow="fold")
    rows.add_row("subject", plain(certificate.subject, "bold" if is_own else ""))
    rows.add_row("issuer", plain(certificate.issuer))
    if certificate.names:
        rows.add_row("names", plain(", ".join(certificate.names)))
    rows.add_row("valid", _validity(certificate))
    rows.add_row("SHA-256", plain(certificate.fingerprint_sha256))
    return Padding(rows, (0, 0, 0, 2 if is_own else 4))


def _validity(certificate: Certificate) -> Text:
    begins, ends = certificate.not_before, certificate.not_after
    text = plain(f"{begins:%Y-%m-%d} to {ends:%Y-%m-%d}")
    now = datetime.now(UTC)
    days = (ends - now).days
    if now < begins:
        return text.append(", not yet", STYLES["failed"])
    if now > ends:
        return text.append(f", expired {(now - ends).days} days ago", STYLES["failed"])
    style = STYLES["warning"] if days < SOON_DAYS else FAINT
    return text.append(f", {days} days left", style)


def _finding(console: Console, finding: FoundCause) -> Padding:
    style = STYLES[finding.severity]
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(width=9, style=FAINT)
    rows.add_column(overflow="fold")
    rows.add_row(mark(console, finding.severity), plain(finding.summary, "bold"))
    for label, text in _told(finding):
        rows.add_row(label, text)
    rows.add_row("cause", plain(finding.code, style).append(f", {OWNERS[finding.owner]}", FAINT))
    return Padding(rows, (0, 0, 0, 2))


def _told(finding: FoundCause) -> Iterator[tuple[str, Text]]:
    for number, remedy in enumerate(finding.remedies):
        yield "" if number else "next", plain(remedy)


def _how_to_pin(found: Inspected) -> Text:
    how = "To accept this certificate alone, compare its SHA-256 on the host, then:"
    pin = f"--fingerprint {found.chain[0].fingerprint_sha256}"
    text = Text(f"  {how}\n", FAINT)
    text.append_text(plain(f"    conncheck test PRODUCT {found.endpoint} --access-key ID \\"))
    return text.append("\n").append_text(plain(f"      {pin}"))
