"""Run all of conncheck on this machine: API, workers and, unless one is set, Redis."""

import asyncio
import errno
import fcntl
import os
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import typer

from cli.service.embedded_redis import redis_command, redis_server, release_of_server
from cli.service.kept_secrets import kept_key_pair, kept_signing_pair, kept_token
from cli.service.redis_data import why_unreadable
from cli.service.supervised_process import Part, wait_without_threads
from cli.service.up_output import UpOutput, output_of_up
from shared.queue.queued_job import QUEUES
from shared.sealing import public_key_of
from shared.settings import PREFIX, Settings
from shared.signing import verification_key_of
from shared.stop_signals import MARGIN_S, on_stop_signal

START_S = 30.0
POLL_S = 0.05
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
# `conncheck test` reads these; no part of the service needs them.
_OF_COMMANDS = tuple(PREFIX + name for name in ("ACCESS_KEY", "SECRET_KEY", "SERVER", "TOKEN"))
_REDIS_URL, _TOKENS = PREFIX + "REDIS_URL", PREFIX + "TOKENS"
_TOKENS_FILE, _METRICS_TOKEN = PREFIX + "TOKENS_FILE", PREFIX + "METRICS_TOKEN"
_OWN_SERVICES = PREFIX + "OWN_SERVICES"
_PUBLIC_KEY, _PRIVATE_KEYS = PREFIX + "SEALING_PUBLIC_KEY", PREFIX + "SEALING_PRIVATE_KEYS"
_SIGN, _VERIFY = PREFIX + "SIGNING_PRIVATE_KEYS", PREFIX + "SIGNING_PUBLIC_KEYS"


class CannotStartError(Exception):
    """Raised when conncheck can't start; the message says what to do."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """The options of the command line."""

    host: str
    port: int
    token: str | None
    data_dir: Path | None
    verbose: bool = False
    """Whether a terminal shows the log too."""

    @property
    def url(self) -> str:
        """The URL of the API."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def run_up(options: UpOptions, settings: Settings) -> None:
    """Run everything until a stop signal comes, and leave no process behind.

    Raises:
        CannotStartError: a part does not start.
        NotKeptError: what the last start kept is damaged.
        NoRedisError: no Redis is set, and none is found.
    """
    free_port(options.host, options.port)
    data_dir = options.data_dir or _default_data_dir(options.port)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        _locked(data_dir) as lock,
        tempfile.TemporaryDirectory(prefix="conncheck-") as private_dir,
        output_of_up(data_dir, verbose=options.verbose) as output,
    ):
        # A Unix socket's path has at most 107 bytes, too few for some data directories.
        redis_socket = Path(private_dir) / "redis.sock"
        environment = _environment(options, settings, data_dir, redis_socket)
        stages = _stages(options, settings, environment, data_dir, redis_socket, lock, output)
        token = _token_to_show(options, environment)
        wait_without_threads()
        asyncio.run(_supervise(stages, options.url, token, output))


def free_port(host: str, port: int = 0) -> int:
    """Return `port`, or a free port for 0, if nothing listens on it on `host`.

    Raises:
        CannotStartError: something listens there, or the address is not one of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family) as probe:
            found: int = probe.getsockname()[1]
            return found
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]  # Python repeats the address
        if error.errno == errno.EADDRINUSE:
            why += "; stop what listens there (another `conncheck up`?), or give another --port"
        raise CannotStartError(f"can't listen on {host} port {port}: {why}") from None
    except TypeError:  # Python's error for a name that IDNA does not allow
        raise CannotStartError(f"can't listen on {host}: this is not a valid host name") from None


def _default_data_dir(port: int) -> Path:
    """Return the directory for the jobs and the key of this user's conncheck on `port`."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "conncheck" / str(port)


@contextmanager
def _locked(data_dir: Path) -> Iterator[int]:
    """Give the descriptor of a lock that lasts until it is closed here and wherever it is kept."""
    with (data_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStartError(
                f"another `conncheck up` is using {data_dir}; stop it, or give another --data-dir"
            ) from None
        yield lock.fileno()


def _environment(
    options: UpOptions, settings: Settings, data_dir: Path, redis_socket: Path
) -> Mapping[str, str]:
    """Return the operator's settings, completed by those that `up` makes itself."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED or (name.startswith(PREFIX) and name not in _OF_COMMANDS)
    }
    environment.setdefault(_REDIS_URL, f"unix://{redis_socket}?db=0")
    # A test of this service by itself would never end.
    own = [environment.get(_OWN_SERVICES, ""), options.url.removeprefix("http://")]
    environment[_OWN_SERVICES] = ",".join(filter(None, own))
    if options.token or not settings.tokens:
        environment[_TOKENS] = f"up:{options.token or kept_token(data_dir / 'token')}"
    environment |= _signing_keys(settings, data_dir)
    if not settings.sealing_private_keys:
        kept = kept_key_pair(data_dir / "sealing.key")
        environment[_PRIVATE_KEYS], environment[_PUBLIC_KEY] = kept
    elif not settings.sealing_public_key:
        newest = settings.sealing_private_keys[0].get_secret_value()
        environment[_PUBLIC_KEY] = public_key_of(newest)
    return environment


def _signing_keys(settings: Settings, data_dir: Path) -> Mapping[str, str]:
    """Return the keys that sign jobs and verify them, as far as they are not set.

    Jobs that wait since a version that signed none still run: the workers verify from the next
    start on. Call it before other keys are kept.
    """
    if settings.signing_private_keys:
        newest = settings.signing_private_keys[0].get_secret_value()
        return {} if settings.signing_public_keys else {_VERIFY: verification_key_of(newest)}
    if settings.signing_public_keys:
        raise CannotStartError(f"set {_SIGN} as well as {_VERIFY}, or neither of them")
    path = data_dir / "signing.key"
    was_sealed_before = settings.sealing_private_keys or (data_dir / "sealing.key").exists()
    has_older_jobs = was_sealed_before and not path.exists()
    private, public = kept_signing_pair(path)
    return {_SIGN: private} if has_older_jobs else {_SIGN: private, _VERIFY: public}


def _token_to_show(options: UpOptions, environment: Mapping[str, str]) -> str:
    """Return the token from the command line or the one made here, never a configured one."""
    made_here = options.token or not os.environ.get(_TOKENS)
    return environment[_TOKENS].partition(":")[2] if made_here else _TOKENS


def _stages(
    options: UpOptions,
    settings: Settings,
    environment: Mapping[str, str],
    data_dir: Path,
    redis_socket: Path,
    lock: int,
    output: UpOutput,
) -> Sequence[Sequence[Part]]:
    """Return the processes in the order in which they start; those of one stage stop together."""
    own_redis = []
    if settings.redis_url is None:
        command = redis_command(_redis_server_for(data_dir, output), redis_socket, data_dir)
        bare = {name: value for name, value in environment.items() if name in _INHERITED}
        # Where `up` is killed, no other Redis may write to these files before this one has ended.
        own_redis = [
            Part(
                "redis",
                command,
                bare,
                redis_socket.exists,
                log=output.log,
                heeds_stdin=False,
                keeps=[lock],
            )
        ]
    worker_env = {
        **_without(environment, _TOKENS, _TOKENS_FILE, _METRICS_TOKEN, _PUBLIC_KEY, _SIGN),
        _OWN_SERVICES: _with_api(environment.get(_OWN_SERVICES, ""), options),
    }
    api_env = _without(environment, _PRIVATE_KEYS, _VERIFY)
    api = _command("api", "--host", options.host, "--port", str(options.port))
    # One that takes longer than it promises ends itself; it is killed if not even that works.
    stop_s = settings.drain_s + 2 * MARGIN_S
    workers = (
        Part(
            f"{queue} worker",
            _command("worker", "--queue", queue),
            worker_env,
            lambda: True,
            log=output.log,
            stop_s=stop_s,
        )
        for queue in QUEUES
    )
    the_api = Part(
        "api", api, api_env, lambda: _is_ready(options.url), log=output.log, stop_s=stop_s
    )
    return [own_redis, [*workers, the_api]]


def _redis_server_for(data_dir: Path, output: UpOutput) -> Path:
    """Return the server to run on `data_dir`, and say which it is."""
    server = redis_server()
    release = release_of_server(server)
    reason = why_unreadable(release, data_dir)
    if reason:
        raise CannotStartError(f"{reason} (found: {server})")
    ended = release.unsupported_since(datetime.now(UTC).date())
    output.note(f"the Redis is {release}, {server}")
    if ended:
        typer.echo(f"conncheck: {release} is out of support since {ended}", err=True)
    return server


def _with_api(own_services: str, options: UpOptions) -> str:
    """Return the service's own parts, including the API."""
    api = options.url.removeprefix("http://")
    return ",".join(part for part in (own_services, api) if part)


def _without(environment: Mapping[str, str], *names: str) -> Mapping[str, str]:
    return {name: value for name, value in environment.items() if name not in names}


def _command(*arguments: str) -> Sequence[str]:
    # -P: a file in the current directory must not be imported as one of our packages.
    return [sys.executable, "-P", "-m", "cli", *arguments, "--stop-with-stdin"]


def _is_ready(url: str) -> bool:
    """Return whether single tests and bulk tests can run."""
    try:
        answer = httpx.get(f"{url}/readyz", trust_env=False, timeout=2)
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and set(answer.json()["queues"]) == set(QUEUES)


async def _supervise(
    stages: Sequence[Sequence[Part]], url: str, token: str, output: UpOutput
) -> None:
    told_to_stop = _stop_event(sum(_longest_stop_s(stage) for stage in stages))
    parts = [part for stage in stages for part in stage]
    starting = asyncio.create_task(_start(parts, output))
    stopping = asyncio.create_task(told_to_stop.wait())
    try:
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            output.say_ready(url, token)
            for part in parts:
                part.keep_running()
            await stopping
        with suppress(OSError):  # whoever read it may be gone
            typer.echo("conncheck: stopping after the tests in progress", err=True)
    finally:
        starting.cancel()
        stopping.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        for stage in reversed(stages):
            await asyncio.gather(*(part.stop() for part in stage))


def _stop_event(within_s: float) -> asyncio.Event:
    """Return what is set at the first stop signal; `within_s` later all parts have stopped."""
    told_to_stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop() -> None:
        with suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(told_to_stop.set)

    on_stop_signal(stop, within_s)
    return told_to_stop


def _longest_stop_s(stage: Sequence[Part]) -> float:
    return max((part.stop_s for part in stage), default=0)


async def _start(parts: Sequence[Part], output: UpOutput) -> None:
    """Start the parts one after another, each when the previous one is ready."""
    running: list[Part] = []
    try:
        async with asyncio.timeout(START_S):
            for part in parts:
                await part.start()
                running.append(part)
                await _until_up(part, running, output)
    except TimeoutError:
        raise CannotStartError(
            f"not all parts were ready within {START_S:.0f} s; see the log {output.place_of_log}"
        ) from None


async def _until_up(part: Part, parts: Sequence[Part], output: UpOutput) -> None:
    while not await asyncio.to_thread(part.is_up):
        for one in parts:
            if one.exit_status is not None:
                raise CannotStartError(
                    f"the {one.name} ended during the start (status {one.exit_status}); "
                    f"see the log {output.place_of_log}"
                )
        await asyncio.sleep(POLL_S)
