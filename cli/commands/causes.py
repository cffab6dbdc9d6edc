"""The command `conncheck causes`: what can fail, and what to do about it."""

import json
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from cli.arguments import language_of
from cli.commands.options import AsJson, Lang
from cli.terminal.exit_status import refuse
from shared.text import printable

if TYPE_CHECKING:
    from shared.diagnosis.causes import Cause
    from shared.diagnosis.translations import Language


def _complete(incomplete: str) -> list[tuple[str, str]]:
    causes = _all()
    families = {cause.code.partition(".")[0]: "the whole family" for cause in causes}
    known = {**families, **{cause.code: cause.summary for cause in causes}}
    return [(code, text) for code, text in known.items() if code.startswith(incomplete)]


Code = Annotated[
    str | None,
    typer.Argument(
        metavar="CODE",
        help="A cause, e.g. tls.expired, or a family, e.g. tls.",
        autocompletion=_complete,
    ),
]


def show_causes(code: Code = None, as_json: AsJson = False, lang: Lang = None) -> None:
    """List the causes of failures, or explain one of them.

    Each test fills in the names in braces.
    """
    causes = _all()
    wanted = causes if code is None else _found(causes, code)
    language = language_of(lang)
    if as_json:
        told = [_as_mapping(cause, language) for cause in wanted]
        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    elif len(wanted) == 1:
        _explain(wanted[0], language)
    else:
        _list(wanted, language)


def _all() -> "list[Cause]":
    from shared.diagnosis.catalogue import catalogue

    return [*catalogue().values()]


def _found(causes: "Sequence[Cause]", code: str) -> "Sequence[Cause]":
    family = code.rstrip(".")
    found = [c for c in causes if c.code == code or c.code.partition(".")[0] == family]
    if not found:
        near = get_close_matches(code, [cause.code for cause in causes], n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; `conncheck causes` lists all"
        refuse(f"cause {printable(code)!r} is unknown{hint}")
    return found


def _texts(cause: "Cause", language: "Language") -> tuple[str, Sequence[str]]:
    from shared.diagnosis.outcomes import in_plural
    from shared.diagnosis.translations import translations

    told = translations(language)["causes"].get(cause.code)
    if told:
        return told["summary"], told["remedies"]
    return in_plural(cause.summary), [in_plural(remedy) for remedy in cause.remedies]


def _as_mapping(cause: "Cause", language: "Language") -> dict[str, object]:
    summary, remedies = _texts(cause, language)
    return {
        "code": cause.code,
        "owner": cause.owner,
        "severity": cause.severity,
        "field": cause.field,
        "summary": summary,
        "remedies": list(remedies),
    }


def _list(causes: "Iterable[Cause]", language: "Language") -> None:
    from rich.table import Table
    from rich.text import Text

    from cli.terminal.screen import FAINT, STYLES, plain, screen

    console = screen()
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(style=FAINT)
    table.add_column(overflow="fold")
    for _, members in groupby(causes, lambda cause: cause.code.partition(".")[0]):
        table.add_row("", "", "")
        for cause in members:
            code = Text("  ").append_text(plain(cause.code, STYLES[cause.severity]))
            table.add_row(code, cause.owner, plain(_texts(cause, language)[0]))
    console.print(table)


def _explain(cause: "Cause", language: "Language") -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from cli.terminal.findings_view import OWNERS
    from cli.terminal.screen import FAINT, STYLES, mark, plain, screen

    console = screen()
    summary, remedies = _texts(cause, language)
    head = Text.assemble("\n  ", mark(console, cause.severity), " ")
    console.print(head.append_text(plain(summary, "bold")))
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(width=9, style=FAINT)
    rows.add_column(overflow="fold")
    for number, remedy in enumerate(remedies):
        rows.add_row("" if number else "next", plain(remedy))
    rows.add_row("cause", plain(cause.code, STYLES[cause.severity]))
    rows.add_row("owner", plain(f"{cause.owner}: {OWNERS[cause.owner]}"))
    if cause.field:
        rows.add_row("field", plain(cause.field))
    console.print(Padding(rows, (0, 0, 0, 4)))
