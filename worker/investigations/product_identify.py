"""Investigate an answer that is not the product's: who sent it, and where the product is."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import get_args
from urllib.parse import quote, urlsplit

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed, Finding
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import (
    AUTH_SCHEME_UNSUPPORTED,
    UNSURE,
    WRONG_PORT_ROLE,
    WRONG_PRODUCT,
    may_be_refused_alone,
)
from shared.platform.answers.redirects import (
    REDIRECT_LOOP,
    REDIRECT_OTHER_HOST,
    REDIRECT_SCHEME,
    REDIRECTED,
    target_of,
)
from shared.platform.answers.relatives import KNOWN_OTHER, PASSES_ON, relative_of
from shared.platform.http import HttpRequest, HttpResponse
from shared.products import PRODUCTS, AnyProduct
from shared.steps import Scheme
from worker.deadline import Deadline
from worker.http.exchange import Exchange
from worker.investigations.investigator import Unexplained
from worker.tcp.connection import AddressRefusedError, TlsClient
from worker.tls.trust import unverified

MOST_HOPS = 5
START_PAGE_HOPS = 3
LOOK_S = 1.0

OTHER_PRODUCT = Cause(
    code="api.other_product",
    owner="caller",
    summary="The service on {host} port {port} is {found}, not {product}",
    remedies=(
        "Set productType to {product_types}.",
        "Use the address of {product} instead[; its usual port is {usual_port}].",
    ),
    field="productType",
)
ONE_OF_PRODUCTS = Cause(
    code="api.one_of_products",
    owner="caller",
    summary="The service on {host} port {port} is not {product}, but one of these: {found}",
    remedies=(
        "Set productType to the product it is: {product_types}.",
        "Use the address of {product} instead[; its usual port is {usual_port}].",
    ),
    field="productType",
)
WRONG_BASE_PATH = Cause(
    code="api.wrong_base_path",
    owner="caller",
    summary="{product}'s API answers at {api_at}, not at the path in the endpoint",
    remedies=("Use {api_at} as the endpoint.",),
    field="endpoint",
)

_REDIRECTS = (REDIRECTED, REDIRECT_SCHEME, REDIRECT_OTHER_HOST)
_ALL = PRODUCTS.values()


@dataclass(frozen=True, slots=True)
class _Look:
    """Finds out what sent the answer that `failed` is the plain cause for; never signs in."""

    failed: Failed
    product: AnyProduct
    exchange: Exchange
    products: Collection[AnyProduct]

    def __call__(self, deadline: Deadline) -> Failed | None:
        for look in self._looks():
            # This check found nothing: no answer, an address that must not be tested, or no URL.
            with suppress(Failed, OSError, AddressRefusedError, ValueError):
                if found := look(deadline):
                    return found
        return None

    def _looks(self) -> Sequence[Callable[[Deadline], Failed | None]]:
        """Return the checks that can help, the most reliable and cheapest first."""
        if self.failed.cause is WRONG_PORT_ROLE:
            return self._other_path, self._confirmed_port
        if self.failed.cause in _REDIRECTS:
            return self._recognized, self._loop, self._relative
        if self.failed.cause is AUTH_SCHEME_UNSUPPORTED:
            return self._recognized, self._other_path, self._relative
        if self.failed.cause not in UNSURE:  # the product itself has named the cause
            return (self._other_path,)
        looks = (self._recognized, self._other_path, self._own_page, self._relative)
        return (*looks, self._asked_as_others, self._loop)

    def _recognized(self, _: Deadline) -> Failed | None:
        """Return a failure if other products, but not this one, send such an answer."""
        answer = self.exchange.last
        if answer is None or self.product.recognizes(answer):
            return None
        return self._found([p for p in self.products if p.recognizes(answer)])

    def _own_page(self, deadline: Deadline) -> Failed | None:
        """Return a failure if this is a page of the product's, and not at the port of its API."""
        answer = self.exchange.last
        on_usual_port = self.exchange.endpoint.port == self.product.default_port
        if answer is None or on_usual_port or not answer.looks_like_html:
            return None
        if not self.product.recognizes(answer):
            return None
        plain = Failed(WRONG_PORT_ROLE, *self.failed.contributing, status=answer.status)
        with suppress(Failed, OSError, AddressRefusedError):  # confirmation is optional
            return self._confirmed_port(deadline) or plain
        return plain

    def _confirmed_port(self, deadline: Deadline) -> Failed | None:
        """Return a failure that names the API's usual port, if the API answers there."""
        port = self.product.default_port
        bare = replace(self.exchange.endpoint, scheme=None, port=port)
        endpoint = self.product.complete(bare)
        with self._opened(endpoint, deadline.at_most(LOOK_S)) as exchange:
            if not _serves(self.product, exchange, deadline.at_most(LOOK_S)):
                return None
        facts = {**self.failed.finding.facts, "api_port": port}
        return Failed(WRONG_PORT_ROLE, *self.failed.contributing, **facts)

    def _other_path(self, deadline: Deadline) -> Failed | None:
        """Look for the API at a parent of the given path."""
        here = self.exchange.endpoint
        for path in _above(here.path):
            endpoint = replace(here, path=path)
            with self._like_this(endpoint, deadline) as exchange:
                if _serves(self.product, exchange, deadline):
                    return Failed(WRONG_BASE_PATH, *self.failed.findings, api_at=str(endpoint))
        return None

    def _relative(self, deadline: Deadline) -> Failed | None:
        """Return a failure that names what is there, by its answer or by its start page."""
        page = self.exchange.last
        found = relative_of(page) if page else ""
        here = f"{self.exchange.endpoint.scheme}://{self.exchange.endpoint.host_header}"
        start: str | None = f"{here}/"
        for _ in range(START_PAGE_HOPS):
            page = None if found or start is None else self._fetched(start, deadline)
            found = found or (relative_of(page) if page else "")
            start = target_of(page) if page else None
        return Failed(KNOWN_OTHER, *self._contributing(), found=found) if found else None

    def _asked_as_others(self, deadline: Deadline) -> Failed | None:
        """Send the first request of each other product, and find out which of them it is."""
        found: list[AnyProduct] = []
        for family in self._families():
            with (
                suppress(Failed, OSError, ValueError),  # not this one, or not at this address
                self._like_this(self.exchange.endpoint, deadline) as exchange,
            ):
                found += family if _is(family[0], exchange, deadline) else []
        return self._found(found)

    def _loop(self, deadline: Deadline) -> Failed | None:
        """Follow redirects on the same host, without credentials, until they form a loop."""
        answer = self.exchange.last
        hops = [answer.url] if answer else []
        while answer and (target := target_of(answer)) and len(hops) <= MOST_HOPS:
            hops.append(target)
            if target in hops[:-1]:
                return Failed(REDIRECT_LOOP, *self.failed.findings, hops=tuple(hops))
            answer = self._fetched(target, deadline)
        return None

    def _fetched(self, url: str, deadline: Deadline) -> HttpResponse | None:
        """Return the response of `url`; None if it is on another host, or on an unusual port.

        The platform chose the port; a hostile one must not make a port scanner of us.
        """
        parts, here = urlsplit(url), self.exchange.endpoint
        if parts.hostname != here.server_name or parts.scheme not in get_args(Scheme):
            return None
        scheme: Scheme = "https" if parts.scheme == "https" else "http"
        port = parts.port or (443 if scheme == "https" else 80)
        if port not in (here.port, 80, 443, *self.product.ports):
            return None
        query = f"?{parts.query}" if parts.query else ""
        path = quote(f"{parts.path or '/'}{query}", safe="/%:=&?~+!$,;'@()*[]")
        with self._opened(Endpoint(here.host, port, scheme), deadline) as exchange:
            return exchange.ask(HttpRequest("GET", path), deadline)

    def _found(self, products: Sequence[AnyProduct]) -> Failed | None:
        return _is_one_of(products, *self._contributing()) if products else None

    def _families(self) -> Iterator[Sequence[AnyProduct]]:
        """Yield the other products, grouping those that cannot be told apart."""
        families: dict[object, list[AnyProduct]] = {}
        for product in self.products:
            if "product_identify" in product.steps_over("https"):
                families.setdefault(product.identify, []).append(product)
        for family in families.values():
            if self.product.name not in {product.name for product in family}:
                yield family

    def _contributing(self) -> tuple[Finding, ...]:
        """Return the earlier findings, except that it is not the product."""
        says_more = self.failed.cause is not WRONG_PRODUCT
        return self.failed.findings if says_more else self.failed.contributing

    @contextmanager
    def _like_this(self, endpoint: Endpoint, deadline: Deadline) -> Iterator[Exchange]:
        """Provide an exchange over a new connection of the same kind to the same port."""
        with self.exchange.connection.double() as double:
            double.reopen(deadline)
            yield Exchange(double, endpoint)

    @contextmanager
    def _opened(self, endpoint: Endpoint, deadline: Deadline) -> Iterator[Exchange]:
        """Provide an exchange with another port of the same address, if it may be tested."""
        with self.exchange.connection.twin(endpoint.port) as twin:
            twin.open(deadline)
            if endpoint.scheme == "https":  # nothing secret is sent over it
                twin.secure(TlsClient(unverified(), endpoint.server_name), deadline)
            yield Exchange(twin, endpoint)


def not_identified(
    failed: Failed,
    product: AnyProduct,
    exchange: Exchange,
    products: Collection[AnyProduct] = _ALL,
) -> Failed:
    """Return `failed`, with an investigation attached if that may find a better cause.

    `products` are the candidates for what it is instead.
    """
    is_unsure = failed.cause in (*UNSURE, *_REDIRECTS, WRONG_PORT_ROLE, AUTH_SCHEME_UNSUPPORTED)
    is_elsewhere = exchange.endpoint.path and exchange.last and exchange.last.status == 404
    if not is_unsure and not is_elsewhere:
        return failed
    return Unexplained(failed, _Look(failed, product, exchange, products))


def refuse_others(answer: HttpResponse) -> None:
    """Raise if `answer` has the words of a product, which the caller knows not to be its own.

    Raises:
        Failed: OTHER_PRODUCT, ONE_OF_PRODUCTS or KNOWN_OTHER.
    """
    others = [one for one in _ALL if one.recognizes(answer)]
    if others:
        raise _is_one_of(others)
    relative = relative_of(answer)
    if relative and relative not in PASSES_ON:
        raise Failed(KNOWN_OTHER, found=relative)


def _is_one_of(products: Sequence[AnyProduct], *contributing: Finding) -> Failed:
    facts: dict[str, Fact] = {
        "found": tuple(product.in_sentences for product in products),
        "product_types": tuple(product.name for product in products),
    }
    cause = OTHER_PRODUCT if len(products) == 1 else ONE_OF_PRODUCTS
    return Failed(cause, *contributing, **facts)


def _is(product: AnyProduct, exchange: Exchange, deadline: Deadline) -> bool:
    """Return whether `product` recognizes the platform as its own."""
    answer = exchange.ask(product.hello(exchange.endpoint), deadline)
    return product.recognizes(answer) or _is_identified(product, exchange, answer, deadline)


def _serves(product: AnyProduct, exchange: Exchange, deadline: Deadline) -> bool:
    """Return whether the API of `product` is at this address, and not only a 404 of its server."""
    answer = exchange.ask(product.hello(exchange.endpoint), deadline)
    is_here = product.recognizes(answer) and answer.status != 404
    return is_here or _is_identified(product, exchange, answer, deadline)


def _is_identified(
    product: AnyProduct, exchange: Exchange, answer: HttpResponse, deadline: Deadline
) -> bool:
    if may_be_refused_alone(answer):  # a product may leave such an answer to the sign-in
        return False
    with suppress(Failed):  # it is not this product, or not here
        exchange.follow(product.identify(exchange.endpoint, answer), deadline)
        return True
    return False


def _above(path: str) -> Iterator[str]:
    while path:
        path = path.rpartition("/")[0]
        yield path
