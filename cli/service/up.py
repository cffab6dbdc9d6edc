"""Run all of conncheck on this machine: API, worker and, unless one is given, Redis."""

import asyncio
import fcntl
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import typer

from cli.service.embedded_redis import redis_command, redis_server
from cli.service.supervised_process import Part
from shared.queued_job import QUEUES
from shared.sealing import new_key_pair, public_key_of
from shared.settings import PREFIX, Settings

START_S = 30.0
POLL_S = 0.05
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
# What `conncheck test` reads; no part of the service has a use for them.
_OF_COMMANDS = tuple(PREFIX + name for name in ("ACCESS_KEY", "SECRET_KEY", "SERVER", "TOKEN"))
_REDIS_URL, _TOKENS = PREFIX + "REDIS_URL", PREFIX + "TOKENS"
_TOKENS_FILE, _METRICS_TOKEN = PREFIX + "TOKENS_FILE", PREFIX + "METRICS_TOKEN"
_OWN_SERVICES = PREFIX + "OWN_SERVICES"
_PUBLIC_KEY, _PRIVATE_KEYS = PREFIX + "SEALING_PUBLIC_KEY", PREFIX + "SEALING_PRIVATE_KEYS"


class CannotStartError(Exception):
    """Raised where conncheck can't be brought up; the message says what to do."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What the command line says."""

    host: str
    port: int
    token: str | None
    data_dir: Path | None

    @property
    def url(self) -> str:
        """Where the API will be."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def run_up(options: UpOptions, settings: Settings) -> None:
    """Run everything until SIGTERM or SIGINT; leave no process behind.

    Raises:
        CannotStartError: a part does not come up.
        NoRedisError: no Redis is set and none is found.
    """
    free_port(options.host, options.port)
    data_dir = options.data_dir or _default_data_dir(options.port)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(data_dir), tempfile.TemporaryDirectory(prefix="conncheck-") as private_dir:
        # A Unix socket's path has 107 bytes at most, too few for any data directory.
        redis_socket = Path(private_dir) / "redis.sock"
        environment = _environment(options, settings, data_dir, redis_socket)
        parts = _parts(options, settings, environment, data_dir, redis_socket)
        asyncio.run(_supervise(parts, options.url, _token_to_show(options, environment)))


def free_port(host: str, port: int = 0) -> int:
    """Return `port`, or any port for 0, of `host` if nothing listens on it at the moment.

    Raises:
        CannotStartError: something does, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family) as probe:
            found: int = probe.getsockname()[1]
            return found
    except OSError as error:
        raise CannotStartError(f"can't listen on {host} port {port}: {error.strerror}") from None
    except TypeError:  # what Python says of a name that IDNA does not allow
        raise CannotStartError(f"can't listen on {host}: no host can have that name") from None


def _default_data_dir(port: int) -> Path:
    """Return where this user's conncheck on `port` keeps its jobs and its key."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "conncheck" / str(port)


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    with (data_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStartError(
                f"another `conncheck up` uses {data_dir}; stop it or give --data-dir"
            ) from None
        yield


def _environment(
    options: UpOptions, settings: Settings, data_dir: Path, redis_socket: Path
) -> Mapping[str, str]:
    """Return what the operator has set, completed by what `up` brings itself."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED or (name.startswith(PREFIX) and name not in _OF_COMMANDS)
    }
    environment.setdefault(_REDIS_URL, f"unix://{redis_socket}?db=0")
    # A test of this service by itself would be a test of a test of a test.
    own = [environment.get(_OWN_SERVICES, ""), options.url.removeprefix("http://")]
    environment[_OWN_SERVICES] = ",".join(filter(None, own))
    if options.token or not settings.tokens:
        environment[_TOKENS] = f"up:{options.token or secrets.token_urlsafe(24)}"
    if not settings.sealing_private_keys:
        kept = _kept_key_pair(data_dir / "sealing.key")
        environment[_PRIVATE_KEYS], environment[_PUBLIC_KEY] = kept
    elif not settings.sealing_public_key:
        newest = settings.sealing_private_keys[0].get_secret_value()
        environment[_PUBLIC_KEY] = public_key_of(newest)
    return environment


def _kept_key_pair(path: Path) -> tuple[str, str]:
    """Return the keys of the last start, so that jobs queued then can still be opened."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(new_key_pair()[0])
    private_key = path.read_text().strip()
    try:
        return private_key, public_key_of(private_key)
    except ValueError:
        raise CannotStartError(f"{path} holds no key; remove it, and a new one is made") from None


def _token_to_show(options: UpOptions, environment: Mapping[str, str]) -> str:
    """Return the token that was given on the command line or made here, never a configured one."""
    made_here = options.token or not os.environ.get(_TOKENS)
    return environment[_TOKENS].partition(":")[2] if made_here else _TOKENS


def _parts(
    options: UpOptions,
    settings: Settings,
    environment: Mapping[str, str],
    data_dir: Path,
    redis_socket: Path,
) -> Sequence[Part]:
    """Return the processes in the order in which they are started."""
    own_redis = []
    if settings.redis_url is None:
        command = redis_command(redis_server(), redis_socket, data_dir)
        bare = {name: value for name, value in environment.items() if name in _INHERITED}
        own_redis = [Part("redis", command, bare, redis_socket.exists)]
    worker_env = {
        **_without(environment, _TOKENS, _TOKENS_FILE, _METRICS_TOKEN, _PUBLIC_KEY),
        _OWN_SERVICES: _with_api(environment.get(_OWN_SERVICES, ""), options),
    }
    api_env = _without(environment, _PRIVATE_KEYS)
    api = _command("api", "--host", options.host, "--port", str(options.port))
    return [
        *own_redis,
        *(
            Part(f"{queue} worker", _command("worker", "--queue", queue), worker_env, lambda: True)
            for queue in QUEUES
        ),
        Part("api", api, api_env, lambda: _is_ready(options.url)),
    ]


def _with_api(own_services: str, options: UpOptions) -> str:
    """Return the service's own parts with the API among them."""
    api = options.url.removeprefix("http://")
    return ",".join(part for part in (own_services, api) if part)


def _without(environment: Mapping[str, str], *names: str) -> Mapping[str, str]:
    return {name: value for name, value in environment.items() if name not in names}


def _command(*arguments: str) -> Sequence[str]:
    # -P: what lies in the current directory must not be taken for a package of ours.
    return [sys.executable, "-P", "-m", "cli", *arguments]


def _is_ready(url: str) -> bool:
    """Return whether single tests and batches can be made."""
    try:
        answer = httpx.get(f"{url}/readyz", trust_env=False, timeout=2)
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and set(answer.json()["queues"]) == set(QUEUES)


async def _supervise(parts: Sequence[Part], url: str, token: str) -> None:
    told_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    async with AsyncExitStack() as stack:
        starting = asyncio.create_task(_start(parts, stack))
        stopping = asyncio.create_task(told_to_stop.wait())
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            _say_ready(url, token)
            for part in parts:
                part.keep_running()
            await stopping
        starting.cancel()
        stopping.cancel()


async def _start(parts: Sequence[Part], stack: AsyncExitStack) -> None:
    """Start the parts one after another, each when the one before it is up."""
    running: list[Part] = []
    try:
        async with asyncio.timeout(START_S):
            for part in parts:
                await part.start()
                stack.push_async_callback(part.stop)
                running.append(part)
                await _until_up(part, running)
    except TimeoutError:
        raise CannotStartError(
            f"not everything was ready within {START_S:.0f} s; the log above says why"
        ) from None


async def _until_up(part: Part, parts: Sequence[Part]) -> None:
    while not await asyncio.to_thread(part.is_up):
        for one in parts:
            if one.exit_status is not None:
                raise CannotStartError(
                    f"the {one.name} ended (status {one.exit_status}) while starting; "
                    "the log above says why"
                )
        await asyncio.sleep(POLL_S)


def _say_ready(url: str, token: str) -> None:
    typer.echo(
        "conncheck runs in single-machine mode: everything on this machine, and all of it is gone "
        "while the machine is. README.md says how to run it on several.",
        err=True,
    )
    typer.echo(f"conncheck ready url={url} token={token}")
    sys.stdout.flush()
