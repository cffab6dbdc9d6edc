"""What is broken, and what must be said of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from shared.request import JobRequest
from shared.steps import StepName


@dataclass(frozen=True, slots=True)
class Target:
    """What a caller would ask to be tested; the keys are those of the stand-in."""

    endpoint: str
    product_type: str = "zstack"
    access_key: str = "AKID"
    secret_key: str = "SECRET"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def request(self) -> JobRequest:
        """The request for it."""
        return JobRequest.model_validate(
            {
                "productType": self.product_type,
                "endpoint": self.endpoint,
                "accessKey": self.access_key,
                "secretKey": self.secret_key,
                "options": dict(self.options),
            }
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is broken; `network` are the `ip` commands of a network of its own."""

    name: str
    what: str
    step: StepName
    cause: str
    contributing: tuple[str, ...]
    network: tuple[str, ...] | None
    broken: Callable[[], AbstractContextManager[Target]]


@dataclass(frozen=True, slots=True)
class Healthy:
    """An odd but valid set-up, which must pass; `warnings` are the causes that it may show."""

    name: str
    what: str
    warnings: tuple[str, ...]
    network: tuple[str, ...] | None
    set_up: Callable[[], AbstractContextManager[Target]]


Stage = Callable[[], Iterator[Target]]
"""Sets something up, gives the target, and takes it down; its docstring says what is broken."""


def fault(
    step: StepName, cause: str, *contributing: str, network: tuple[str, ...] | None = None
) -> Callable[[Stage], Fault]:
    """Declare a fault: `step` must fail with `cause`, and with `contributing` beside it."""

    def declare(stage: Stage) -> Fault:
        name, what = stage.__name__, first_line(stage)
        return Fault(name, what, step, cause, contributing, network, contextmanager(stage))

    return declare


def healthy(*warnings: str, network: tuple[str, ...] | None = None) -> Callable[[Stage], Healthy]:
    """Declare an odd but valid set-up: every step must pass, with `warnings` alone."""

    def declare(stage: Stage) -> Healthy:
        return Healthy(stage.__name__, first_line(stage), warnings, network, contextmanager(stage))

    return declare


def first_line(stage: Stage) -> str:
    """Return what a stage says of itself first, without its full stop."""
    return (stage.__doc__ or "").partition("\n")[0].removesuffix(".")
