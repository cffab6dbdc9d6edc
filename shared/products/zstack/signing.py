"""Sign requests with an AccessKey, in the wall clock of the server.

Facts are from ZSClient.java and RestServer.checkTimeSkewing at 5.2.1, and from the vendor's
developer guide v5, "Call APIs with an AccessKey".
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone, tzinfo
from hashlib import sha1
from hmac import HMAC
from zoneinfo import ZoneInfo

from shared.platform.http import HttpRequest, HttpResponse
from shared.platform.product import Credentials

# All UTC offsets in use, in minutes, the likely ones first. One of them is within 15 minutes of any
# server's wall clock.
OFFSETS_MIN = (
    *(480, 0, 540, 420, 330, 60, 120, -300, -480, -360, -420, 180, 240, 300, 360, 600, -240, -180),
    *(210, 270, 345, 390, 525, 570, 630, 660, 720, 765, 780, 840, 450),
    *(-60, -120, -150, -210, -540, -570, -600, -660, -720),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone, and how the Date header spells it."""

    zone: tzinfo
    text: str

    @classmethod
    def named(cls, name: str) -> "Zone":
        """Return the zone `name` of the IANA database."""
        return cls(ZoneInfo(name), name)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key pair to sign with, and the zone that the server's wall clock is in."""

    credentials: Credentials
    base: str
    """The path on the server that the API is below."""
    zone: Zone

    def signed(self, request: HttpRequest, now: datetime) -> HttpRequest:
        """Return `request`, whose path begins with /v1, signed as of the server's time `now`."""
        date = f"{_english(now.astimezone(self.zone.zone))} {self.zone.text}"
        secret = self.credentials.secret_key.get_secret_value()
        signature = sign(request.method, date, request.path.partition("?")[0], secret)
        key = self.credentials.access_key.get_secret_value()
        headers = {"Date": date, "Authorization": f"ZStack {key}:{signature}"}
        return replace(
            request,
            path=f"{self.base}{request.path}",
            headers={**request.headers, **headers},
            presents_credentials=True,
        )


@dataclass(frozen=True, slots=True)
class ZstackSession:
    """An AccessKey that the server accepted, and its answer."""

    key: AccessKey
    clock_offset: timedelta
    answer: HttpResponse

    def signed(self, request: HttpRequest) -> HttpRequest:
        """Return a further request, signed as of the server's time."""
        return self.key.signed(request, self.answer.received_at + self.clock_offset)


def sign(method: str, date: str, path: str, secret: str) -> str:
    """Return the base64 HMAC-SHA1 signature; `path` is percent-decoded and begins with /v1."""
    message = f"{method}\n{date}\n{path}".encode()
    return b64encode(HMAC(secret.encode(), message, sha1).digest()).decode()


def zones(first: Zone) -> Iterator[Zone]:
    """Yield `first`, then a zone for each offset that a server's wall clock can have."""
    yield first
    for minutes in OFFSETS_MIN:
        hours, rest = divmod(abs(minutes), 60)
        sign = "-" if minutes < 0 else "+"
        # Java's parser accepts GMT+08:00 but neither GMT+8 nor +0800.
        yield Zone(timezone(timedelta(minutes=minutes)), f"GMT{sign}{hours:02}:{rest:02}")


def _english(moment: datetime) -> str:
    """Return the date in the server's Locale.ENGLISH pattern; strftime would use our locale."""
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return f"{day}, {moment:%d} {months[moment.month - 1]} {moment:%Y %H:%M:%S}"
