"""Check what the parts of the service need: Redis, keys, workers, the same time."""

from collections.abc import Iterator

from cli.doctor.check import Check
from shared.store.jobs.job_stream import StoreUnreachableError
from shared.queued_job import INTERACTIVE, QUEUES
from shared.store.health import RedisHealth, redis_health
from shared.sealing import CannotOpenError, Opener, Sealer
from shared.settings import Settings

OLDEST_REDIS = (6, 2)
WARN_AHEAD_S = 1.0
BAD_AHEAD_S = 60.0
_PROBE = "doctor"


def service_checks(settings: Settings) -> Iterator[Check]:
    """Give what was found of the service's parts."""
    yield _sealing(settings)
    if settings.redis_url is None:
        yield Check("redis", "to come", "not set: tests in this process need none")
        yield Check("clock", "to come", "not compared: there is nothing here to compare it with")
        return
    try:
        health = redis_health(settings.redis_url.get_secret_value())
    except StoreUnreachableError as error:
        reason = type(error.__cause__).__name__
        advice = "Start Redis, or correct CONNCHECK_REDIS_URL."
        yield Check("redis", "failed", f"can't be reached ({reason})", advice)
        return
    yield _redis(health)
    yield _persistence(health)
    for queue in QUEUES:
        yield _worker(queue, health)
    yield _clock(health)


def _sealing(settings: Settings) -> Check:
    public, private = settings.sealing_public_key, settings.sealing_private_keys
    if not public and not private:
        return Check("sealing keys", "to come", "not set: tests in this process need none")
    if not public or not private:
        which = "the public key alone, for an API" if public else "private keys alone, for workers"
        return Check("sealing keys", "passed", which)
    opener = Opener([key.get_secret_value() for key in private])
    try:
        opener.open(Sealer(public).seal(b"", _PROBE), _PROBE)
    except CannotOpenError:
        advice = "Give the workers the private key that was made together with the public one."
        return Check("sealing keys", "failed", "no private key opens what is sealed", advice)
    return Check("sealing keys", "passed", "fit each other")


def _redis(health: RedisHealth) -> Check:
    found = f"{health.version}, answers in {health.took_ms:.1f} ms"
    numbers = health.version.split(".")[:2]
    if all(part.isdigit() for part in numbers) and tuple(map(int, numbers)) < OLDEST_REDIS:
        return Check("redis", "failed", found, "Run Redis 6.2 or newer, or Valkey.")
    if health.evicts:
        advice = "Set maxmemory-policy to noeviction."
        return Check("redis", "failed", f"{found}; drops jobs when its memory is full", advice)
    return Check("redis", "passed", found)


def _persistence(health: RedisHealth) -> Check:
    if health.appends:
        return Check("persistence", "passed", "every change is written to a file")
    advice = "Set appendonly to yes."
    if health.snapshots:
        found = "snapshots only: jobs of the last minutes are lost with Redis"
        return Check("persistence", "warning", found, advice)
    return Check("persistence", "warning", "none: all jobs are lost with Redis", advice)


def _worker(queue: str, health: RedisHealth) -> Check:
    name = f"{queue} workers"
    if queue in health.served:
        return Check(name, "passed", "alive")
    if queue == INTERACTIVE:
        return Check(name, "failed", "none is alive", "Start `conncheck worker`.")
    return Check(name, "warning", "none is alive", f"Start `conncheck worker --queue {queue}`.")


def _clock(health: RedisHealth) -> Check:
    ahead_s = health.clock_ahead_s
    if abs(ahead_s) < WARN_AHEAD_S:
        found = "the same as that of Redis; nothing outside was asked"
        return Check("clock", "passed", found)
    which = "behind" if ahead_s > 0 else "ahead of"
    found = f"{abs(ahead_s):.0f} s {which} that of Redis"
    state = "failed" if abs(ahead_s) > BAD_AHEAD_S else "warning"
    advice = "Synchronise both clocks (chrony, systemd-timesyncd): signatures carry the time."
    return Check("clock", "failed" if state == "failed" else "warning", found, advice)
