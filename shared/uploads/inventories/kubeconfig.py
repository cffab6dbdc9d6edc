"""Read kubeconfig: a row for each context with a token.

Facts are from the reference of kubeconfig (v1) and client-go's tools/clientcmd/client_config.go.
"""

from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any

from shared.diagnosis.outcomes import Fact
from shared.diagnosis.sentences import Sentence
from shared.uploads.inventories.entries import (
    doubt_authority,
    entry,
    place_of,
    quoted,
    with_authority,
)
from shared.uploads.inventories.values import first_text, listed, mapping, named, text_of, truth
from shared.uploads.reading import Reading
from shared.uploads.row import MAX_ROW_BYTES, Row, unreadable

_OTHER_WAYS = {
    "exec": Sentence(
        "gets its token from a program (exec); use the token of a service account instead: "
        "kubectl create token NAME"
    ),
    "auth-provider": Sentence(
        "gets its token from an auth-provider, which kubectl no longer has; use the token of a "
        "service account instead"
    ),
    "tokenFile": Sentence("has its token in a file, which is not in the upload"),
    "client-certificate-data": Sentence(
        "signs in with a client certificate; only a token can be tested: kubectl create token NAME"
    ),
    "username": Sentence("signs in with a password, which Kubernetes 1.19 and later does not take"),
}
_PEM = "\0pem"  # no name of YAML or JSON can be this one
_ALSO = {"client-certificate": "client-certificate-data", "password": "username"}


def is_kubeconfig(document: Any) -> bool:
    """Return whether this is a kubeconfig."""
    content = mapping(document)
    has_parts = {"clusters", "users"} <= content.keys() or "contexts" in content
    return has_parts and content.get("kind", "Config") == "Config"


def contexts(documents: Sequence[Any], reading: Reading) -> Iterator[Row]:
    """Yield a row for each context; the first of several with the same name counts."""
    found: dict[str, list[Any]] = {"clusters": [], "users": [], "contexts": []}
    for document in map(mapping, documents):
        for part, entries in found.items():
            entries += listed(document.get(part))
    clusters = {
        name: _with_pem(cluster) for name, cluster in named(found["clusters"], "cluster").items()
    }
    users = named(found["users"], "user")
    for one in map(mapping, found["contexts"]):
        context = mapping(one.get("context"))
        name = text_of(one.get("name"))
        cluster, user = first_text(context, "cluster"), first_text(context, "user")
        place = place_of("context", name)
        if cluster not in clusters:
            facts: dict[str, Fact] = {"cluster": quoted(cluster)} if cluster else {}
            yield unreadable(place, "names a cluster that is not in the file[: {cluster}]", **facts)
        elif user not in users:
            facts = {"user": quoted(user)} if user else {}
            yield unreadable(place, "names a user that is not in the file[: {user}]", **facts)
        else:
            yield _row(name, place, clusters[cluster], user, users[user], reading)


def _row(
    name: str,
    place: str,
    cluster: dict[str, Any],
    user: str,
    signs_in: dict[str, Any],
    reading: Reading,
) -> Row:
    server, token = first_text(cluster, "server"), first_text(signs_in, "token")
    if not server:
        return unreadable(place, "has no server")
    if not token:
        way = next((way for way in (*_OTHER_WAYS, *_ALSO) if signs_in.get(way)), "")
        problem = _OTHER_WAYS.get(_ALSO.get(way, way), Sentence("has no token"))
        return Row(place, {}, problem)
    if cluster.get("proxy-url"):
        said = Sentence("The entry names a proxy, which the test does not use")
        reading.doubt(place, None, "endpoint", said)
    options = _options(cluster, place, reading)
    if options is None:
        return unreadable(place, "has certificate-authority-data that is not base64 of PEM")
    return entry(place, "kubernetes", server, name=name, key_pair=(user, token), options=options)


def _options(cluster: dict[str, Any], place: str, reading: Reading) -> dict[str, Any] | None:
    """Return the options of a cluster; None if its certificates are unreadable."""
    if truth(cluster.get("insecure-skip-tls-verify")):
        return {"tls": {"verify": False}}
    if first_text(cluster, "certificate-authority-data"):
        pem = first_text(cluster, _PEM)
        return with_authority({}, pem) if pem else None
    if first_text(cluster, "certificate-authority"):
        doubt_authority(reading, place)
    return {}


def _with_pem(cluster: dict[str, Any]) -> dict[str, Any]:
    """Return a cluster with its certificates, decoded once for all of its contexts."""
    return {**cluster, _PEM: _decoded(first_text(cluster, "certificate-authority-data"))}


def _decoded(data: str) -> str:
    if len(data) > MAX_ROW_BYTES:
        return ""
    try:
        return b64decode("".join(data.split()), validate=True).decode("ascii")
    except ValueError:
        return ""
