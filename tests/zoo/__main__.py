"""Print the table of faults: what is broken, what we say of it, and what others say.

With --write the table goes to docs/accuracy.md. With --reports the situations out of public reports
are judged alone, with what is told where that is not right; --reports=DIRECTORY judges those of
another directory, and --reports=DIRECTORY:NAME,NAME some of them.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from _pytest.outcomes import Skipped

from shared.text import printable
from tests.zoo.fault import Fault, Healthy, Target
from tests.zoo.reporting import all_reports, details, section
from tests.zoo.visit import all_faults, all_healthy, curl_says, python_says, verdict_on, visit

PAGE = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"
AT_ONCE = 4
_HEAD = "| {} | {} | {} | {} | {} |\n"


def main() -> int:
    """Return 0 if every cause was right and no healthy set-up failed, else 1."""
    for argument in sys.argv[1:]:
        if argument.startswith("--reports"):
            return _judge(argument.partition("=")[2])
    with ThreadPoolExecutor(AT_ONCE) as at_once:  # most of them wait
        found = at_once.map(_seen, all_faults())
        faults = [(fault, *seen) for fault, seen in zip(all_faults(), found, strict=True)]
        found_odd = at_once.map(_passed, all_healthy())
        odd = [(shown, *seen) for shown, seen in zip(all_healthy(), found_odd, strict=True)]
    right = sum(row[1] == "right" for row in faults)
    passed = sum(row[1] == "passed" for row in odd)
    table = _HEAD.format("What is broken", "Cause", "", "curl", "Python (urllib)")
    table += _HEAD.format(*["---"] * 5)
    for fault, word, *others in faults:
        table += _HEAD.format(_cell(fault.what), f"`{fault.cause}`", word, *map(_cell, others))
    healthy = "".join(f"- {shown.what}: {word}\n" for shown, word in odd)
    score = (
        f"{right} of {len(faults)} faults right; "
        f"{passed} of {len(odd)} odd but valid set-ups passed."
    )
    told, judged = section(all_reports(), AT_ONCE)
    text = f"# Accuracy\n\nWritten by `make zoo`. {score}\n\n{told}\n## Faults\n\n{table}\n"
    text += f"## Healthy\n\n{healthy}"
    print(text)  # noqa: T201 -- the table is what this is for
    if "--write" in sys.argv[1:]:
        PAGE.write_text(text)
    is_right = all(word in ("right", None) for _, word, _ in judged)
    return 0 if is_right and (right, passed) == (len(faults), len(odd)) else 1


def _judge(which: str) -> int:
    """Return 0 if every verdict on a report is right, else 1."""
    directory, _, names = which.partition(":")
    shown = all_reports(Path(directory) if directory else None)
    chosen = [one for one in shown if not names or one.name in names.split(",")]
    told, judged = section(chosen, AT_ONCE)
    print(told, *details(judged), sep="\n")  # noqa: T201 -- the table is what this is for
    return 0 if all(word in ("right", None) for _, word, _ in judged) else 1


def _seen(fault: Fault) -> tuple[str, str, str]:
    def look(target: Target) -> tuple[str, str, str]:
        verdict = verdict_on(target)
        found = (verdict.step, *verdict.codes[:1]) == (fault.step, fault.cause)
        said = "right" if found else f"wrong: {' '.join(verdict.codes) or 'passed'}"
        return said, curl_says(target), python_says(target)

    try:
        return visit(fault, look)
    except Skipped as skipped:
        return f"not tried: {skipped}", "", ""


def _passed(shown: Healthy) -> tuple[str]:
    try:
        verdict = visit(shown, verdict_on)
    except Skipped as skipped:
        return (f"not tried: {skipped}",)
    return ("passed" if not verdict.codes else f"failed: {' '.join(verdict.codes)}",)


def _cell(text: str) -> str:
    return printable(text).replace("|", r"\|")


if __name__ == "__main__":
    sys.exit(main())
