"""Show the certificates of a host."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.terminal.exit_status import FAILED, PASSED
from cli.terminal.findings_view import OWNERS
from cli.terminal.findings_view import exit_status as exit_status_of
from cli.terminal.screen import FAINT, STYLES, counted, mark, neutral_json, plain, screen
from shared.endpoint import Endpoint

if TYPE_CHECKING:
    from cli.terminal.shown import (
        Contribution,
        DetailedItem,
        Inspection,
        Report,
        ShownCertificate,
    )

SOON_DAYS = 30


@dataclass(frozen=True, slots=True)
class Inspected:
    """An inspection of a host, made by this process or by a service."""

    endpoint: Endpoint
    found: "Inspection"
    job: "Report"
    """The same inspection with its causes and who can fix them."""

    @property
    def exit_status(self) -> int:
        """The command's exit status."""
        if self.found.trusted:
            return PASSED
        return FAILED if self.found.success else exit_status_of(self.job)

    @property
    def about(self) -> str:
        """The address that was connected to, if any."""
        evidence = [item.evidence.get("address", "") for item in self.job.items]
        return str(next(filter(None, evidence), ""))


def print_inspected(seen: Inspected) -> None:
    """Print the certificates, whether they are trusted, and how to pin the first one."""
    console, found = screen(), seen.found
    title = Text("\n  ").append_text(plain(seen.endpoint, "bold"))
    console.print(title.append_text(plain(f"  {seen.about}", FAINT)))
    certificates: Sequence[ShownCertificate] = found.certificates
    for number, certificate in enumerate(certificates):
        console.print(Text())
        console.print(_certificate(console, certificate, is_own=number == 0))
    console.print(Text())
    for item in seen.job.items:
        if item.cause:
            console.print(_finding(console, item, _state(item)))
            for beside in item.contributing:
                console.print(_finding(console, beside, beside.severity))
    if found.trusted:
        told = Text.assemble("  ", mark(console, "passed"), (" trusted", "bold green"))
        console.print(told.append_text(plain(f" as {seen.endpoint.server_name}", FAINT)))
    if found.certificates:
        console.print(Text())
        console.print(_how_to_pin(seen))


def inspected_json(found: "Inspection") -> str:
    """Return the API's JSON, for programs."""
    return neutral_json(found.model_dump_json(by_alias=True, indent=2))


def _state(item: "DetailedItem") -> str:
    """Return how a finding is marked: a certificate that is not trusted ends a test."""
    return "failed" if item.evidence.get("trusted") is False else item.outcome


def _certificate(console: Console, certificate: "ShownCertificate", *, is_own: bool) -> Padding:
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(width=9, style=FAINT)
    rows.add_column(overflow="fold")
    rows.add_row("subject", plain(certificate.subject, "bold" if is_own else ""))
    rows.add_row("issuer", plain(certificate.issuer))
    if certificate.names:
        rows.add_row("names", plain(", ".join(certificate.names)))
    for name in certificate.ignored_names:
        rows.add_row("ignored", plain(name, STYLES["warning"]))
    if certificate.not_before and certificate.not_after:
        rows.add_row("valid", _validity(certificate.not_before, certificate.not_after))
    rows.add_row("SHA-256", plain(certificate.sha256))
    return Padding(rows, (0, 0, 0, 2 if is_own else 4))


def _validity(begins: datetime, ends: datetime) -> Text:
    text = plain(f"{begins:%Y-%m-%d} to {ends:%Y-%m-%d}")
    now = datetime.now(UTC)
    days = (ends - now).days
    if now < begins:
        return text.append(", not valid yet", STYLES["failed"])
    if now > ends:
        return text.append(f", expired {counted((now - ends).days, 'day')} ago", STYLES["failed"])
    style = STYLES["warning"] if days < SOON_DAYS else FAINT
    return text.append(f", {counted(days, 'day')} left", style)


def _finding(console: Console, finding: "DetailedItem | Contribution", state: str) -> Padding:
    style = STYLES.get(state, "")
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(width=9, style=FAINT)
    rows.add_column(overflow="fold")
    rows.add_row(mark(console, state), plain(finding.summary, "bold"))
    for label, text in _told(finding):
        rows.add_row(label, text)
    owner = f", {OWNERS.get(finding.owner, finding.owner)}" if finding.owner else ""
    rows.add_row("cause", plain(finding.cause, style).append(owner, FAINT))
    return Padding(rows, (0, 0, 0, 2))


def _told(finding: "DetailedItem | Contribution") -> Iterator[tuple[str, Text]]:
    for number, remedy in enumerate(finding.remedies):
        yield "" if number else "next", plain(remedy)


def _how_to_pin(seen: Inspected) -> Text:
    how = "To accept only this certificate, compare its SHA-256 with the one on the host, then run:"
    pin = f"--fingerprint {seen.found.certificates[0].sha256}"
    text = Text(f"  {how}\n", FAINT)
    text.append_text(plain(f"    conncheck test PRODUCT {seen.endpoint} --access-key ID \\"))
    return text.append("\n").append_text(plain(f"      {pin}"))
