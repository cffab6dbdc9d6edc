"""Put together what the workers of all sites have written to Redis about themselves."""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isinf

from shared.site_name import DEFAULT_SITE
from shared.store.jobs.workload import MOST_FIGURES, MOST_FIGURES_OF_A_SITE

MOST_BYTES, MOST_OF_A_SITE = MOST_FIGURES, MOST_FIGURES_OF_A_SITE
_NAME = "conncheck_[a-z_]{1,100}"  # others would be taken for figures of other services
_LABELS = r'(?:[a-z_]+="(?:[^"\\]|\\["\\n])*",?)*'
_LABEL = re.compile(r'([a-z_]+)="(?:[^"\\]|\\["\\n])*"')
_OURS = ("site", "worker")
_LONGEST_NUMBER = 32
_NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?|Inf)|NaN"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABELS})\}})? ({_NUMBER})")
_HELP = re.compile(rf"# HELP ({_NAME}) (.*)")
_TYPE = re.compile(rf"# TYPE ({_NAME}) (counter|gauge|histogram)")
_ENDINGS = ("", "_bucket", "_count", "_sum")


class _UnreadableError(Exception):
    """Raised for a text that no worker of ours has written."""


@dataclass(slots=True)
class _Metric:
    type: str = ""
    head: list[str] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)


def merged(figures: Mapping[str, Mapping[str, bytes]], not_theirs: Container[str] = ()) -> bytes:
    """Return the texts of the workers of all sites, each sample with the labels `site`, `worker`.

    A text that is unreadable, or that has a metric which is `not_theirs`, is left out, so that the
    others' are shown; so is what a site has beyond MOST_OF_A_SITE. What a metric means is for the
    default site's workers to say. Prometheus's own parser in Python takes fifty times as long.
    """
    metrics: dict[str, _Metric] = {}
    for site, of_site in sorted(figures.items(), key=lambda one: one[0] != DEFAULT_SITE):
        left, first = MOST_OF_A_SITE, int(site != DEFAULT_SITE)
        for worker, text in of_site.items():
            left -= len(text)
            if left < 0:
                break
            try:
                read = list(_metrics(text, f"site={_quoted(site)},worker={_quoted(worker)}"))
            except (_UnreadableError, UnicodeDecodeError):
                continue
            if any(name in not_theirs for name, _ in read):
                continue
            _add(metrics, read, first)
    lines = [line for one in metrics.values() for line in (*one.head, *one.samples)]
    return "".join(f"{line}\n" for line in lines).encode()


def _add(metrics: dict[str, _Metric], read: Sequence[tuple[str, _Metric]], first: int) -> None:
    """Add what a worker has told, of metrics of the types that are known already.

    Of the head of a new one the lines from the `first` on are told.
    """
    for name, metric in read:
        known = metrics.setdefault(name, _Metric(metric.type, metric.head[first:]))
        if metric.type == known.type:
            known.samples += metric.samples


def _metrics(text: bytes, whose: str) -> Iterator[tuple[str, _Metric]]:
    """Yield each metric of a worker with its name.

    Raises:
        _UnreadableError: some line is not as it should be.
        UnicodeDecodeError: the text is not UTF-8.
    """
    if len(text) > MOST_BYTES:
        raise _UnreadableError
    name, metric = "", _Metric()
    for line in text.decode().split("\n"):
        if told := _HELP.fullmatch(line):
            name, metric = told[1], _Metric(head=[line])
        elif (told := _TYPE.fullmatch(line)) and told[1] == name and not metric.type:
            metric.type = told[2]
            metric.head.append(line)
            yield name, metric
        elif (told := _SAMPLE.fullmatch(line)) and told[1].removeprefix(name) in _ENDINGS:
            metric.samples.append(f"{told[1]}{{{_labels(told[2])}{whose}}} {_number(told[3])}")
        elif line:
            raise _UnreadableError


def _labels(told: str | None) -> str:
    """Return a worker's own labels, to be followed by ours.

    Raises:
        _UnreadableError: one of them is ours, is there twice or is reserved; Prometheus then takes
            no line of the text.
    """
    if not told:
        return ""
    names = _LABEL.findall(told)
    if len({*names, *_OURS}) < len(names) + len(_OURS) or any(n.startswith("__") for n in names):
        raise _UnreadableError
    return told.rstrip(",") + ","


def _number(told: str) -> str:
    """Return a number that Prometheus can read: Go has none that is larger than a float.

    Raises:
        _UnreadableError: it can't.
    """
    if len(told) > _LONGEST_NUMBER or (told[-1].isdigit() and isinf(float(told))):
        raise _UnreadableError
    return told


def _quoted(worker: str) -> str:
    text = worker.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'"{text}"'
