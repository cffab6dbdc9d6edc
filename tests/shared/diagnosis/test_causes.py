from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from string import Formatter

import pytest

import shared
import worker
from shared.diagnosis.causes import Cause

WIRE_NAMES = {None, "productType", "endpoint", "accessKey", "secretKey", "options.tls.verify"}


def _declared() -> Iterator[tuple[str, Cause]]:
    """Give each cause with the name of its constant, as often as a module has it."""
    for package in (shared, worker):
        for found in walk_packages(package.__path__, f"{package.__name__}."):
            for name, value in vars(import_module(found.name)).items():
                if isinstance(value, Cause):
                    yield name, value


CAUSES = {value.code: value for _, value in _declared()}
LAST_WORDS = Counter(code.rpartition(".")[2] for code in CAUSES)


def test_two_causes_never_share_a_code() -> None:
    """Callers branch on the code."""
    assert len(CAUSES) == len({id(value) for _, value in _declared()})


def test_a_constant_is_called_as_its_code() -> None:
    """Whoever reads a code in a report finds where it is detected by one search."""
    for name, cause in _declared():
        last_word = cause.code.rpartition(".")[2]
        with_layer = cause.code.replace(".", "_").upper()
        needs_layer = LAST_WORDS[last_word] > 1 or last_word[0].isdigit()
        assert name == with_layer or (not needs_layer and name == last_word.upper())


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.code)
def test_a_cause_tells_what_to_do_in_whole_sentences(cause: Cause) -> None:
    """A recommendation is an action, three at most, not a shrug."""
    assert 1 <= len(cause.remedies) <= 3
    assert all(r[0] in "[{" or r[0].isupper() for r in cause.remedies)
    assert all(r.endswith((".", ".]")) for r in cause.remedies)
    assert cause.field in WIRE_NAMES or str(cause.field).startswith("options.")


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.code)
def test_a_template_only_names_facts(cause: Cause) -> None:
    """A positional or dotted field in a template would fail, or reach into an object."""
    for template in (cause.summary, *cause.remedies):
        names = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
        assert all(name.isidentifier() for name in names)
