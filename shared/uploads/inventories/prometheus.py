"""Read targets of Prometheus, from its configuration or a file of file_sd.

Facts are from Prometheus's documentation of its configuration (scrape_config, static_config,
file_sd_config) and its guide to the multi-target exporter pattern.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.uploads.inventories.entries import entry, fitting, place_of
from shared.uploads.inventories.values import first_text, listed, mapping, text_of, truth
from shared.uploads.reading import Reading
from shared.uploads.row import Row, unreadable

_SECRETS = re.compile(r"(?<=//)[^/?#]*@|^[^/?#]*@|[?#].*", re.DOTALL)
"""Parts of a URL in which people put passwords and tokens; a row's name and place are shown."""
_INNER = "__"
"""The beginning of labels that Prometheus keeps for itself."""


@dataclass(frozen=True, slots=True)
class _At:
    """Where the targets of a group are."""

    scheme: str
    path: str
    verifies: bool


def is_configuration(document: Any) -> bool:
    """Return whether this is a prometheus.yml."""
    return isinstance(mapping(document).get("scrape_configs"), list)


def is_target_groups(document: Any) -> bool:
    """Return whether this is a file of file_sd: [{"targets": [...], "labels": {...}}]."""
    groups = listed(document)
    return bool(groups) and all(isinstance(mapping(g).get("targets"), list) for g in groups)


def scraped(documents: Sequence[Any], reading: Reading) -> Iterator[Row]:
    """Yield a row for each static target, as the web page that Prometheus reads."""
    for document in map(mapping, documents):
        for job in map(mapping, listed(document.get("scrape_configs"))):
            yield from _of_job(job)


def target_groups(documents: Sequence[Any], _: Reading) -> Iterator[Row]:
    """Yield a row for each target, as a TCP port: the file does not tell the scheme."""
    for document in documents:
        for group in map(mapping, listed(document)):
            labels = _texts(group.get("labels"))
            at, shown = _at(labels), _shown(labels)
            for target in listed(group.get("targets")):
                yield _row(text_of(target), at, shown)


def _of_job(job: dict[str, Any]) -> Iterator[Row]:
    name = first_text(job, "job_name")
    groups = [mapping(group) for group in listed(job.get("static_configs"))]
    if not groups:
        yield unreadable(place_of("job", name), "has no static_configs, but finds its targets")
    # With a relabelled address, the targets are what an exporter tests for Prometheus.
    is_probe = any(
        mapping(rule).get("target_label") == "__param_target"
        for rule in listed(job.get("relabel_configs"))
    )
    scheme = "" if is_probe else first_text(job, "scheme") or "http"
    verifies = not truth(mapping(job.get("tls_config")).get("insecure_skip_verify"))
    path = "" if is_probe else first_text(job, "metrics_path") or "/metrics"
    for group in groups:
        labels = {"job": name, "__metrics_path__": path, **_texts(group.get("labels"))}
        at, shown = _at({"__scheme__": scheme, **labels}, verifies=verifies), _shown(labels)
        for target in listed(group.get("targets")):
            yield _row(text_of(target), at, shown)


def _texts(labels: Any) -> dict[str, str]:
    return {name: text_of(value) for name, value in mapping(labels).items()}


def _at(labels: Mapping[str, str], *, verifies: bool = True) -> _At:
    return _At(labels.get("__scheme__", ""), labels.get("__metrics_path__", ""), verifies)


def _shown(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Return the labels of the rows of a group, which has thousands of labels in an attack."""
    return fitting({n: value for n, value in labels.items() if not n.startswith(_INNER)})


def _row(target: str, at: _At, labels: Mapping[str, str]) -> Row:
    name = _SECRETS.sub("", target)
    place = place_of("target", name)
    product, endpoint = "tcp", target
    for known in ("http", "https"):
        if target.startswith(f"{known}://"):
            product, endpoint = known, target
        elif at.scheme == known:
            product, endpoint = known, f"{known}://{target}{at.path}"
    if product == "tcp" and not _has_port(name):
        return unreadable(place, "has no port, which a test needs")
    options = {} if at.verifies or product != "https" else {"tls": {"verify": False}}
    return entry(place, product, endpoint, name=name, options=options, labels=labels)


def _has_port(target: str) -> bool:
    return target.rpartition("]")[2].rpartition(":")[2].isdecimal() and ":" in target
