"""Check on a site's machine whether its workers could serve: Redis, rights, queue, clock."""

from collections.abc import Iterator

from cli.doctor.check import Check
from cli.doctor.redis_refusals import why_unusable
from cli.doctor.service_checks import clock_check, worker_check
from cli.doctor.site_entry_checks import entry_checks
from shared.queue.job_queue import JobQueue, QueueUnreachableError
from shared.queue.queued_job import INTERACTIVE, QUEUES, queue_name
from shared.queue.site_permissions import USER
from shared.settings import Settings, without_password
from shared.site_name import DEFAULT_SITE
from shared.store.connection import connect
from shared.store.encryption import encryption_of
from shared.store.errors import StoreUnreachableError
from shared.store.site_probe import SiteProbe, probe_site

MOST_NAMED = 4  # commands in one sentence


def site_checks(settings: Settings) -> Iterator[Check]:
    """Yield the checks of what a site's workers need from the core."""
    site = settings.site
    if site == DEFAULT_SITE:
        advice = "Set CONNCHECK_SITE, or give --site; `conncheck doctor` checks the core itself."
        yield Check("site", "warning", "default, whose workers are next to Redis", advice)
    else:
        yield Check("site", "passed", site)
    if settings.redis_url is None:
        advice = "Set CONNCHECK_REDIS_URL as `conncheck sites add` has printed it."
        yield Check("redis", "failed", "CONNCHECK_REDIS_URL is not set", advice)
        return
    url = settings.redis_url.get_secret_value()
    yield encryption_check(url)
    try:
        found = probe_site(url, site)
    except StoreUnreachableError as error:
        yield why_unusable(url, error)
        return
    yield Check("redis", "passed", f"answers in {found.took_ms:.1f} ms")
    if not found.is_its_user:  # then nothing of the site can be read
        yield _foreign(user_in(url), site)
        return
    if site != DEFAULT_SITE:  # whose workers share Redis with the API, and have its user
        yield from rights_checks(found, site, user_in(url))
        yield _functions(found)
    yield _queue(settings)
    yield from entry_checks(settings, found)
    for queue in QUEUES:
        yield worker_check(queue, found.served, site)
    yield clock_check(found.clock_ahead_s)


def encryption_check(url: str) -> Check:
    """Return whether an attacker on the way to Redis could read the password."""
    advice = "Use rediss:// with the host name that Redis' certificate is for."
    how = encryption_of(url)
    if how == "verified":
        return Check(
            "encryption", "passed", "TLS, which verifies the certificate and name of Redis"
        )
    if how == "unverified":
        found = "TLS without verification: whoever answers in Redis' place gets the password"
        return Check("encryption", "failed", found, advice)
    if how == "local":
        return Check("encryption", "to come", "none; Redis is on this machine")
    return Check("encryption", "warning", "none: the password is sent in the clear", advice)


def user_in(url: str) -> str:
    """Return the user of a URL of Redis."""
    return connect(url).connection_pool.connection_kwargs.get("username") or "default"


def _foreign(user: str, site: str) -> Check:
    """Return that the user may not read what is of the site."""
    advice = "Correct CONNCHECK_SITE, or the user and password in CONNCHECK_REDIS_URL."
    if user == USER.format(site=site):
        advice = f"Run `conncheck sites acl {site}` at the core, and give its rule to Redis."
    found = f"the user {user} may not read the keys of the site {site}"
    return Check("rights", "failed", found, advice)


def rights_checks(found: SiteProbe, site: str, user: str) -> Iterator[Check]:
    """Yield whether the user's rights are those that it needs, and no others."""
    own = USER.format(site=site)
    advice = f"Run `conncheck sites acl {site}` at the core, and give its rule to Redis."
    if user != own:
        advice = f"Use the user {own} in CONNCHECK_REDIS_URL, instead of {user}."
    if found.denied:
        yield Check("rights", "failed", f"lacks {_listed(found.denied)}", advice)
    else:
        yield Check("rights", "passed", "all that a worker needs")
    if found.allowed:
        yield Check("rights of others", "failed", f"may also {_listed(found.allowed)}", advice)
    else:
        yield Check("rights of others", "passed", "none: no other keys, no scripts, no settings")


def _functions(found: SiteProbe) -> Check:
    if not found.functions_missing:
        return Check("functions", "passed", "all that workers of this version call")
    missing = f"{found.functions_missing} of those that workers of this version call are missing"
    advice = "Start the API of this version; it loads them (Redis 7 or newer, or Valkey)."
    return Check("functions", "failed", missing, advice)


def _listed(commands: tuple[str, ...]) -> str:
    more = len(commands) - MOST_NAMED
    return ", ".join(commands[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _queue(settings: Settings) -> Check:
    queue = JobQueue(settings.queue_url or "")
    where = without_password(settings.queue_url or "")
    try:
        waiting = queue.waiting(queue_name(INTERACTIVE, settings.site))
    except QueueUnreachableError as error:
        reason = type(error.__cause__).__name__
        advice = "Open the way to the broker, or correct CONNCHECK_BROKER_URL."
        return Check("queue", "failed", f"{where} can't be used ({reason})", advice)
    finally:
        queue.close()
    return Check("queue", "passed", f"can be read; {waiting} waiting")
