"""Decide how long to wait before a call is made again."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import chain, repeat

import httpx

from conncheck_client.calls import Call
from conncheck_client.problems import ProblemError, UnreachableError, retry_after_s
from conncheck_client.text import printable

PATIENCE_S = 30.0
UNREACHABLE_S = 3.0  # who mistyped the address of the service is told so soon
_PAUSES_S = (0.1, 0.2, 0.5, 1.0)
_LONGEST_PAUSE_S = 2.0
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_PASSING = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


def _pauses() -> Iterator[float]:
    return chain(_PAUSES_S, repeat(_LONGEST_PAUSE_S))


@dataclass(slots=True)
class Patience:
    """What is left of the time that a call may be repeated for."""

    left_s: float
    unreachable_left_s: float = UNREACHABLE_S
    """The same for calls that get no answer."""
    _pauses: Iterator[float] = field(default_factory=_pauses)

    def after_answer(self, answer: httpx.Response) -> float | None:
        """Return the seconds to wait after `answer`, None where it is to be read."""
        if answer.status_code not in _PASSING:
            return None
        asked_s = retry_after_s(answer)
        return self._spend(next(self._pauses) if asked_s is None else asked_s)

    def after_problem(self, problem: ProblemError) -> float:
        """Return the seconds to wait after a stream that was refused.

        Raises:
            ProblemError: it does not pass, or not soon enough.
        """
        asked_s = problem.retry_after_s
        pause_s = self._spend(next(self._pauses) if asked_s is None else asked_s)
        if pause_s is None or problem.problem.status not in _PASSING:
            raise problem
        return pause_s

    def after_error(self, error: httpx.TransportError, call: Call[object]) -> float:
        """Return the seconds to wait after a call that was not answered.

        Raises:
            UnreachableError: it may not be repeated, or not any more.
        """
        # Where no connection came about, nothing was sent that could count twice.
        is_harmless = call.is_repeatable or isinstance(error, httpx.ConnectError)
        pause_s = next(self._pauses)
        self.unreachable_left_s -= pause_s
        if not is_harmless or self.unreachable_left_s < 0:
            raise unreachable(error) from None
        return pause_s

    def _spend(self, pause_s: float) -> float | None:
        if pause_s > self.left_s:
            return None
        self.left_s -= max(pause_s, _PAUSES_S[0])
        return max(pause_s, _PAUSES_S[0])


def unreachable(error: httpx.TransportError) -> UnreachableError:
    """Return the error that names the service and says why there was no answer."""
    url = error.request.url
    reason = printable(_ERRNO.sub("", str(error))) or type(error).__name__
    return UnreachableError(f"{url.scheme}://{url.netloc.decode()} can't be reached: {reason}")
