"""Judge all situations out of public reports, and count right, open and wrong verdicts apart."""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import iter_modules
from statistics import median
from types import ModuleType
from typing import Final

from _pytest.outcomes import Skipped

from shared.text import printable
from tests.zoo import reports
from tests.zoo.report import Judgement, Report, judged, text_of
from tests.zoo.visit import Verdict, verdict_on, within

SLOW_S: Final = 5.0
"""What answers is told within this time."""

Seen = tuple[Report, Judgement | None, Verdict | None]
"""A situation and the verdict on it; without both, it could not be set up on this machine."""


def all_reports(directory: Path | None = None) -> list[Report]:
    """Return the situations of tests/zoo/reports, or those of the modules in `directory`."""
    modules = _own() if directory is None else _of(directory)
    return [value for m in modules for value in vars(m).values() if isinstance(value, Report)]


def section(shown: Sequence[Report], at_once: int) -> tuple[str, list[Seen]]:
    """Return the section of docs/accuracy.md, and what it is about."""
    with ThreadPoolExecutor(at_once) as threads:  # most of them wait
        seen = list(threads.map(_seen, shown))
    counts = {word: sum(one[1] == word for one in seen) for word in ("right", "open", "wrong")}
    counted = ", ".join(f"{count} {word}" for word, count in counts.items())
    took = sorted(verdict.took_s for _, _, verdict in seen if verdict)
    times = (
        f"Time to a verdict: median {median(took):.2f} s, worst {took[-1]:.2f} s." if took else ""
    )
    head = "| Situation | Report | Kind | Right | We say | | Seconds |\n" + "| --- " * 7 + "|\n"
    text = f"## Out of public reports\n\n{_ABOUT}\n\n{counted}. {times}\n\n{head}"
    return text + "".join(map(_row, seen)), seen


def details(seen: Sequence[Seen]) -> Iterator[str]:
    """Yield what is told where a verdict is not right, for those who mend it."""
    for shown, word, verdict in seen:
        if verdict and word != "right":
            yield f"--- {word}: {shown.name} ({shown.kind}) {shown.what}"
            yield f"    true cause: {shown.truth}"
            yield f"    right: {shown.steps} {shown.right} open: {shown.open}"
            yield f"    must say: {shown.says} must not say: {shown.never}"
            yield f"    we say: {verdict.step} {' '.join(_codes(verdict))}"
            yield from (f"      {line}" for line in text_of(verdict).splitlines())


_ABOUT = (
    "Each is rebuilt as its report tells it. Right: the cause, at its step, with the words that "
    "the reader needs. Open: true, and says less. Wrong: says what is not so, or fails a platform "
    "that works. The kinds: A a platform's own answer, B recognising, C echoes, D one code of "
    "several causes, E mistyped input, F edition and role, G certificates, H broken HTTP, I the "
    "network, J redaction, K several faults at once, L several addresses, O what is known "
    "already, P a bare status, Q whom the remedy is for, Z odd and healthy."
)


def _seen(shown: Report) -> Seen:
    try:
        verdict = within(shown.stage, shown.network, verdict_on)
    except Skipped:
        return shown, None, None
    return shown, judged(shown, verdict), verdict


def _row(seen: Seen) -> str:
    shown, word, verdict = seen
    says = " ".join(f"`{code}`" for code in _codes(verdict)[:1]) or "passed" if verdict else ""
    took = f"{verdict.took_s:.2f}" if verdict else ""
    right = " ".join(f"`{code}`" for code in shown.right if code[:1] != "!") or "passes"
    where = f"[{shown.at.removeprefix('https://').partition('/')[0]}]({shown.at})"
    cells = (printable(shown.what), where, shown.kind, right, says, word or "not tried", took)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


def _codes(verdict: Verdict) -> tuple[str, ...]:
    return verdict.codes or tuple(warning.code for warning in verdict.warnings)


def _own() -> list[ModuleType]:
    names = [module.name for module in iter_modules(reports.__path__)]
    return [import_module(f"{reports.__name__}.{name}") for name in names]


def _of(directory: Path) -> list[ModuleType]:
    """Return the modules in a directory that need not belong to this tree."""
    found = []
    for path in sorted(directory.glob("*.py")):
        spec = spec_from_file_location(f"kept_{path.stem}", path)
        assert spec
        assert spec.loader
        module = module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        found.append(module)
    return found
