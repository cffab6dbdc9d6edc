"""Check what the parts of the service need: Redis, keys, workers, synchronised clocks."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from cli.doctor.check import Check
from shared.queue.queued_job import INTERACTIVE, QUEUES, QueueName
from shared.sealing import CannotOpenError, Opener, Sealer
from shared.settings import Settings
from shared.signing import Signer, Verifier
from shared.site_name import DEFAULT_SITE
from shared.store.errors import StoreUnreachableError
from shared.store.health import RedisHealth, redis_health

OLDEST_REDIS = (6, 2)
SITES_REDIS = (7, 0)
UPGRADE_REDIS = "Run a supported release, unless your distribution still fixes this one."
WARN_AHEAD_S = 1.0
BAD_AHEAD_S = 60.0
_PROBE = "doctor"


def service_checks(settings: Settings) -> Iterator[Check]:
    """Yield the checks of the service's parts."""
    if settings.site != DEFAULT_SITE:
        yield _site(settings.site)
    yield _sealing(settings)
    yield _signing(settings)
    if settings.redis_url is None:
        yield Check("redis", "to come", "not set; tests in this process do not need it")
        yield Check("clock", "to come", "not compared: no Redis to compare with")
        return
    try:
        health = redis_health(settings.redis_url.get_secret_value())
    except StoreUnreachableError as error:
        yield _unusable(error, settings.site)
        return
    yield redis_check(health, has_sites=settings.sites_file is not None)
    yield _persistence(health)
    for queue in QUEUES:
        yield worker_check(queue, health.served)
    yield clock_check(health.clock_ahead_s)


def _site(site: str) -> Check:
    found = f"{site}, while these are the checks of the core"
    advice = f"Run `conncheck site check`: it checks what the workers of {site} need."
    return Check("site", "warning", found, advice)


def _unusable(error: StoreUnreachableError, site: str) -> Check:
    reason = type(error.__cause__).__name__
    if site != DEFAULT_SITE and reason == "NoPermissionError":
        found = f"the user of the site {site} may not see what is checked at the core"
        return Check("redis", "to come", found)
    advice = "Start Redis, or correct CONNCHECK_REDIS_URL."
    return Check("redis", "failed", f"can't be reached ({reason})", advice)


def _sealing(settings: Settings) -> Check:
    public, private = settings.sealing_public_key, settings.sealing_private_keys
    if not public and not private:
        return Check("sealing keys", "to come", "not set; tests in this process do not need them")
    if not public or not private:
        which = "only the public key, for an API" if public else "only private keys, for workers"
        return Check("sealing keys", "passed", which)
    opener = Opener([key.get_secret_value() for key in private])
    try:
        opener.open(Sealer(public).seal(b"", _PROBE), _PROBE)
    except CannotOpenError:
        advice = "Give the workers the private key that belongs to the public key."
        return Check("sealing keys", "failed", "no private key matches the public key", advice)
    return Check("sealing keys", "passed", "match")


def _signing(settings: Settings) -> Check:
    private, public = settings.signing_private_keys, settings.signing_public_keys
    if not public and (settings.sealing_private_keys or not private):
        return _without_signatures(settings)
    if not public or not private:
        which = "only public keys, for workers" if public else "only private keys, for an API"
        return Check("signing keys", "passed", which)
    signature = Signer([key.get_secret_value() for key in private]).sign(_PROBE.encode())
    if not Verifier(public).is_signed(_PROBE.encode(), signature):
        advice = "Give the workers the public key that belongs to the API's first private key."
        return Check("signing keys", "failed", "no public key matches the private key", advice)
    return Check("signing keys", "passed", "match")


def _without_signatures(settings: Settings) -> Check:
    advice = "Run `conncheck keys add`, `use` and `drop`: docs/operations.md says when."
    if settings.sealing_private_keys:
        found = "none: workers verify no signatures, and run what others write to Redis too"
        return Check("signing keys", "warning", found, advice)
    if settings.sealing_public_key:
        return Check("signing keys", "warning", "none: the API signs no jobs", advice)
    return Check("signing keys", "to come", "not set; tests in this process do not need them")


def redis_check(health: RedisHealth, *, has_sites: bool = False) -> Check:
    """Return what is found of the Redis itself, which workers of other sites may need."""
    release = health.release
    found = f"{release}, answers in {health.took_ms:.1f} ms"
    if release.maker == "Redis" and release.series and release.series < OLDEST_REDIS:
        return Check("redis", "failed", found, "Run Redis 6.2 or newer, or Valkey.")
    if health.evicts:
        advice = "Set maxmemory-policy to noeviction."
        return Check("redis", "failed", f"{found}; evicts jobs when its memory is full", advice)
    if has_sites and release.maker == "Redis" and release.series and release.series < SITES_REDIS:
        found += "; it has no functions, which workers of other sites call"
        advice = "Run Redis 7 or newer, or Valkey; the site default needs no functions."
        return Check("redis", "warning", found, advice)
    ended = release.unsupported_since(datetime.now(UTC).date())
    if ended:
        found += f"; out of support since {ended}"
        return Check("redis", "warning", found, UPGRADE_REDIS)
    return Check("redis", "passed", found)


def _persistence(health: RedisHealth) -> Check:
    if health.appends:
        return Check("persistence", "passed", "every change is written to a file")
    advice = "Set appendonly to yes."
    if health.snapshots:
        found = "snapshots only: if Redis stops, the jobs of the last minutes are lost"
        return Check("persistence", "warning", found, advice)
    return Check("persistence", "warning", "none: if Redis stops, all jobs are lost", advice)


def worker_check(queue: QueueName, served: Sequence[QueueName], site: str = DEFAULT_SITE) -> Check:
    """Return whether a worker of `queue` is alive at the site."""
    name = f"{queue} workers"
    if queue in served:
        return Check(name, "passed", "running")
    where = "" if site == DEFAULT_SITE else f" --site {site}"
    if queue == INTERACTIVE:
        advice = f"Start `conncheck worker{where}`."
        # A site's machine is checked before its workers are started.
        return Check(name, "warning" if where else "failed", "none is running", advice)
    advice = f"Start `conncheck worker{where} --queue {queue}`."
    return Check(name, "warning", "none is running", advice)


def clock_check(ahead_s: float) -> Check:
    """Return how this machine's clock differs from that of Redis, which is ahead by so much."""
    if abs(ahead_s) < WARN_AHEAD_S:
        found = "agrees with the clock of Redis; no time server was asked"
        return Check("clock", "passed", found)
    which = "behind" if ahead_s > 0 else "ahead of"
    found = f"{abs(ahead_s):.0f} s {which} the clock of Redis"
    state = "failed" if abs(ahead_s) > BAD_AHEAD_S else "warning"
    advice = "Synchronise both clocks (chrony, systemd-timesyncd): signatures contain the time."
    return Check("clock", "failed" if state == "failed" else "warning", found, advice)
