"""A connection of a caller, with limits for what it may bring and how long it may take."""

import asyncio
import socket
import sys
from asyncio import Task, TimerHandle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.connections.crowd import Crowd
from api.connections.framing import Framing, TooMuchError
from api.connections.refusal import MALFORMED, TOO_MUCH
from api.jobs.events import STALLED_S

LINGER_BYTES = 1_048_576
MOST_WAITING = 16  # requests that were sent before the first of them is answered
PIECE_BYTES = 4096
UNSENT_BYTES = 16_384
"""That the kernel keeps for a caller who takes none, and as many asyncio; Linux would keep 4 MB."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long a connection waits, in seconds."""

    head_s: float = 20.0
    """For the request line and the fields, from the connection or their first byte on."""
    linger_s: float = 5.0
    """To read what a caller still sends after the answer, else the answer may be lost."""
    stopping_s: float = 1.0
    """For a body that is on its way when the API stops."""


_LIMITS = TimeLimits()


class Connection(HttpToolsProtocol):
    """uvicorn's connection; without these limits, it keeps whatever comes for as long as it likes.

    It stands in the crowd, which may end it, while it waits: for a request, or until its caller
    takes what was answered.
    """

    def __init__(
        self, *args: Any, crowd: Crowd, limits: TimeLimits = _LIMITS, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._crowd = crowd
        self._limits = limits
        self._framing = Framing()
        self._limit: TimerHandle | None = None
        self._task: Task[None]
        self._awaits_body = False
        self._is_deaf = False
        self._unheard = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request, for a limited time."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=UNSENT_BYTES)
        if sys.platform == "linux":
            # Else asyncio would wait for ever until a reader who stalls takes what is left.
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_S * 1000)
        self._crowd.join(self, self._address)
        self._limit_time(self._limits.head_s, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._no_limit()
        self._crowd.leave(self, self._address)
        self._crowd.count -= 1
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came, piece by piece, until it is too much or wrong."""
        self._unset_keepalive_if_required()
        if self._is_deaf or self._is_answered_early:
            self._unheard += len(data)
            if self._unheard > LINGER_BYTES:
                self.transport.abort()
        if self._is_deaf:
            return
        if not self._awaits_body:
            self._limit_time(self._limits.head_s, self._too_late)
        for begin in range(0, len(data), PIECE_BYTES):
            if self._is_deaf or self.transport.is_closing():
                return
            self._read(data[begin : begin + PIECE_BYTES])

    def _read(self, piece: bytes) -> None:
        self._framing.arrived(len(piece))
        try:
            while piece:
                try:
                    self.parser.feed_data(piece)
                    break
                except httptools.HttpParserUpgrade as upgrade:  # no other protocol is spoken here
                    piece = piece[upgrade.args[0] :]
            self._framing.refuse_too_much()
        except TooMuchError:
            self._refuse(TOO_MUCH)
        except httptools.HttpParserCallbackError as error:
            is_too_much = isinstance(error.__context__, TooMuchError)
            self._refuse(TOO_MUCH if is_too_much else MALFORMED)
        except httptools.HttpParserError:
            self._refuse(MALFORMED)

    # Called by the parser

    def on_message_begin(self) -> None:
        """Begin a request, unless too many wait for their answers already."""
        if len(self.pipeline) >= MOST_WAITING:
            raise TooMuchError
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count and keep a part of the request line."""
        self._framing.line(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count and keep a field; a trailer is only counted."""
        self._framing.field(len(name) + len(value))
        if not self._awaits_body:  # trailers are of no use here
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start to answer the request."""
        super().on_headers_complete()
        self._no_limit()
        if not self.flow.write_paused:
            self._crowd.leave(self, self._address)
        self._awaits_body = True

    def on_body(self, body: bytes) -> None:
        """Count and keep a part of the body."""
        self._framing.body(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the next request if this one is answered already."""
        super().on_message_complete()
        self._framing.end()
        if self._is_answered_early:
            self._no_limit()
            self._await_next()
        self._awaits_body = False

    # Called while a request is answered

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._task = task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_response_complete(self) -> None:
        """Wait for the next request, or for a while for the rest of this one."""
        super().on_response_complete()
        if self.transport.is_closing() or not self.cycle.response_complete:
            return
        if self._awaits_body:
            self._limit_time(self._limits.linger_s, self.transport.close)
        else:
            self._await_next()

    # Called by the transport

    def pause_writing(self) -> None:
        """Wait until the caller takes what was answered: perhaps for hours."""
        super().pause_writing()
        self._crowd.join(self, self._address)

    def resume_writing(self) -> None:
        """Go on answering."""
        super().resume_writing()
        if self._is_answering:
            self._crowd.leave(self, self._address)

    # Called by the server when it stops

    def shutdown(self) -> None:
        """Close when the request is answered; one whose body does not come is cut."""
        super().shutdown()
        if self._awaits_body:
            self.loop.call_later(self._limits.stopping_s, self._cut)

    def _cut(self) -> None:
        """Let a request whose body has not arrived be answered: it can be sent again."""
        if self._awaits_body and not self.pipeline and not self.cycle.response_started:
            self._task.cancel()

    # Called by the crowd

    def give_way(self) -> None:
        """End: other callers need the place, and `close` would wait for this one's."""
        self.transport.abort()

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    @property
    def _is_answered_early(self) -> bool:
        """Whether the request is answered and its body still on its way."""
        return self._awaits_body and self.cycle.response_complete

    def _await_next(self) -> None:
        self._unheard = 0
        self._crowd.join(self, self._address)
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _limit_time(self, seconds: float, then: Callable[[], None]) -> None:
        """Call `then` in so many seconds; a limit that runs already stays as it is."""
        if self._limit is None:
            self._limit = self.loop.call_later(seconds, then)

    def _no_limit(self) -> None:
        if self._limit:
            self._limit.cancel()
            self._limit = None

    def _too_late(self) -> None:
        if self._is_answering:
            self._end_after_answers()
        else:
            self.transport.close()

    def _end_after_answers(self) -> None:
        """Read no further; what came before is answered first."""
        self._is_deaf = True
        self.cycle.keep_alive = False

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, answer: bytes) -> None:
        """Read no further, answer if that is possible, and close."""
        self._is_deaf = True
        if self._is_answering and not self._awaits_body:
            self._end_after_answers()
        elif self.pipeline or (self._awaits_body and self.cycle.response_started):
            self.transport.abort()
        else:
            if self._is_answering:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            self._no_limit()
            self.transport.write(answer)
            self.transport.write_eof()
            self._limit_time(self._limits.linger_s, self.transport.abort)
