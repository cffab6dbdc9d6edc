"""Judge a platform's version by what its product says of the oldest and of those that ended."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from shared.causes import Cause
from shared.outcomes import Facts, Failed, Finding
from shared.product import Product

UNSUPPORTED = Cause(
    code="api.version_unsupported",
    owner="platform",
    summary="{host} runs {product} {version}, which is older than {oldest_version}, the oldest "
    "that can be signed in to",
    remedies=("Upgrade {product} on {host} to {oldest_version} or newer.",),
)
END_OF_LIFE = Cause(
    code="api.version_eol",
    owner="platform",
    severity="warning",
    summary="{host} runs {product} {version}, which its vendor has not supported since {ended_on}",
    remedies=("Plan the upgrade of {product} on {host}.",),
)

_NUMBERS = re.compile(r"[0-9]{1,9}")


def too_old(product: Product[Any, Any, Any], facts: Facts) -> Sequence[Finding]:
    """Return that the version among `facts` is out of support, if it is.

    Raises:
        Failed: UNSUPPORTED.
    """
    version, numbers = facts.get("version"), _numbers(str(facts.get("version", "")))
    if not isinstance(version, str) or not numbers:
        return ()
    if numbers < _numbers(product.oldest_version):
        raise Failed(UNSUPPORTED, version=version, oldest_version=product.oldest_version)
    for begins_with, ended_on in product.ended_versions.items():
        is_of_it = numbers[: len(_numbers(begins_with))] == _numbers(begins_with)
        if is_of_it and ended_on <= datetime.now(UTC).date():
            return (Finding(END_OF_LIFE, {"version": version, "ended_on": f"{ended_on}"}),)
    return ()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _NUMBERS.findall(version))
