"""Check a site's keys and its version against what the API has published of it."""

from collections.abc import Iterator
from importlib.metadata import version

from cli.doctor.check import Check
from shared.sealing import public_key_of
from shared.settings import Settings
from shared.sites.published_site import PublishedSite
from shared.store.site_probe import SiteProbe


def entry_checks(settings: Settings, found: SiteProbe) -> Iterator[Check]:
    """Yield whether keys and version fit those of the API."""
    site, published = settings.site, found.published
    if published is None:
        reason = "what is there is not the API's" if found.is_published else "nothing within 60 s"
        yield Check(
            "declaration",
            "failed",
            f"the API has not published the site {site}: {reason}",
            f"Start the API of this version with a CONNCHECK_SITES_FILE that declares {site}.",
        )
        return
    yield Check("declaration", "passed", f"the API knows the site {published.title or site}")
    yield _sealing(settings, published)
    yield _signing(settings, published)
    yield _version(published)
    yield _egress(published)


def _sealing(settings: Settings, published: PublishedSite) -> Check:
    own = [public_key_of(key.get_secret_value()) for key in settings.sealing_private_keys]
    now, *following = published.sealing_public_keys or ("",)
    if not own:
        advice = "Set CONNCHECK_SEALING_PRIVATE_KEYS as `conncheck sites add` has printed it."
        return Check("sealing keys", "failed", "no private key is set", advice)
    if now not in own:
        advice = "Give this site the private key that belongs to its sealingPublicKey."
        return Check("sealing keys", "failed", "none opens what the API seals for here", advice)
    if any(key not in own for key in following):
        advice = "Add the private key that `conncheck sites keys add` has printed, and restart."
        return Check("sealing keys", "warning", "fit, but the next key is not here yet", advice)
    return Check("sealing keys", "passed", "fit")


def _signing(settings: Settings, published: PublishedSite) -> Check:
    if published.signing_public_key is None:
        advice = "Set CONNCHECK_SIGNING_PRIVATE_KEYS of the API; `conncheck keys` creates one."
        return Check("signing keys", "failed", "the API signs no jobs", advice)
    if not settings.signing_public_keys:
        advice = "Set CONNCHECK_SIGNING_PUBLIC_KEYS as `conncheck sites add` has printed it."
        return Check("signing keys", "failed", "no public key is set", advice)
    if published.signing_public_key not in settings.signing_public_keys:
        advice = "Take the API's public key from its operators, not from Redis."
        return Check("signing keys", "failed", "none is that of the API's signatures", advice)
    return Check("signing keys", "passed", "fit")


def _version(published: PublishedSite) -> Check:
    own = version("conncheck")
    if own == published.version:
        return Check("version", "passed", f"{own}, as the API")
    advice = "Update the site's machine after the API."
    return Check("version", "warning", f"{own}, while the API has {published.version}", advice)


def _egress(published: PublishedSite) -> Check:
    # What others see of an address translation can be learned from others only.
    if not published.egress:
        advice = "Declare it (egress in the file of sites), so that remedies can name it."
        return Check("declared egress", "warning", "no public address is declared", advice)
    found = f"{', '.join(published.egress[:4])}; only a platform can see whether that is right"
    return Check("declared egress", "passed", found)
