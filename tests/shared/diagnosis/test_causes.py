from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from string import Formatter

import pytest

import shared
from shared.diagnosis.causes import Cause

WIRE_NAMES = {None, "productType", "endpoint", "accessKey", "secretKey", "options.tls.verify"}


def _declared() -> Iterator[tuple[str, Cause]]:
    for found in walk_packages(shared.__path__, "shared."):
        for name, value in vars(import_module(found.name)).items():
            if isinstance(value, Cause):
                yield f"{found.name}.{name}", value


CAUSES = {value.code: value for _, value in _declared()}


def test_two_causes_never_share_a_code() -> None:
    """Callers branch on the code."""
    assert len(CAUSES) == len({id(value) for _, value in _declared()})


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.code)
def test_a_cause_tells_what_to_do_in_whole_sentences(cause: Cause) -> None:
    """A recommendation is an action, three at most, not a shrug."""
    assert 1 <= len(cause.remedies) <= 3
    assert all(r[0].isupper() and r.endswith(".") for r in cause.remedies)
    assert cause.field in WIRE_NAMES or str(cause.field).startswith("options.")


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.code)
def test_a_template_only_names_facts(cause: Cause) -> None:
    """A positional or dotted field in a template would fail, or reach into an object."""
    for template in (cause.summary, *cause.remedies):
        names = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
        assert all(name.isidentifier() for name in names)
