"""Secure the connection, and judge the certificate before any credential can leave."""

import ssl
from contextlib import suppress
from functools import partial

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.request.options import TlsOptions
from worker.deadline import Deadline
from worker.investigations.investigator import Unexplained
from worker.investigations.tls_handshake import HandshakeLook
from worker.tcp.connection import Connection, PinChangedError, TlsClient, fingerprint
from worker.tls.certificate_causes import PIN_CHANGED, cause_of
from worker.tls.certificate_warnings import certificate_warnings
from worker.tls.handshake_causes import handshake_failure
from worker.tls.trust import Trust, unverified
from worker.tls.verify_codes import verdict_facts

HANDSHAKE_S = 5.0

IDENTITY_UNCHECKED = Cause(
    code="tls.identity_unchecked",
    owner="caller",
    severity="warning",
    summary="The identity of {host} was not verified, because options.tls.verify is false",
    remedies=(
        "Compare the SHA-256 {sha256} with the certificate on {host}, then set "
        "options.tls.fingerprintSha256 to it instead of verify=false.",
    ),
    field="options.tls.verify",
)


def tls_handshake(
    connection: Connection, endpoint: Endpoint, tls: TlsOptions, trust: Trust, deadline: Deadline
) -> Passed[Connection]:
    """Return the same connection, now over TLS, with the platform's certificate judged.

    The handshake may take HANDSHAKE_S. With TLS 1.3 a platform rejects a missing client certificate
    only after the handshake (RFC 8446 4.4.2.4); http_response then sees the rejection.

    Raises:
        Failed: with a cause that an investigation, without verification or credentials, can narrow
            down.
    """
    client = TlsClient(trust.context_for(tls), endpoint.server_name, tls.fingerprint_sha256)
    limit, look = deadline.at_most(HANDSHAKE_S), HandshakeLook(connection, endpoint, tls)
    try:
        secured = connection.secure(client, limit)
    except ssl.SSLCertVerificationError as error:
        plain = Failed(cause_of(error.verify_code), **verdict_facts(error))
        raise Unexplained(plain, partial(look.at_certificates, plain)) from None
    except PinChangedError as error:
        pinned = tls.fingerprint_sha256 or ""
        plain = Failed(PIN_CHANGED, sha256=error.sha256, pinned_sha256=pinned)
        raise Unexplained(plain, partial(look.at_new_certificate, plain)) from None
    except OSError as error:
        plain = handshake_failure(error, limit.waited_s)
        raise Unexplained(plain, partial(look.at_handshake, plain)) from None
    return _passed(connection, secured, client)


def _passed(
    connection: Connection, secured: ssl.SSLSocket, client: TlsClient
) -> Passed[Connection]:
    facts: dict[str, Fact] = {
        "protocol": secured.version() or "",
        "cipher": (secured.cipher() or ("",))[0],
    }
    der = secured.getpeercert(binary_form=True) or b""
    # Here, because cryptography takes 40 ms to load, and a test without TLS does not need it.
    from worker.tls.certificate_reader import read_outline

    warnings: list[Finding] = []
    with suppress(ValueError):  # OpenSSL accepts some certificates that we can't read
        outline = read_outline(der)
        warnings += certificate_warnings(outline)
        facts["expires_in_s"] = int(outline.expires_in.total_seconds())
    if client.pinned_sha256:
        return Passed(connection, *warnings, sha256=client.pinned_sha256, **facts)
    if client.context is unverified():
        sha256 = fingerprint(der)
        unchecked = Finding(IDENTITY_UNCHECKED, {"sha256": sha256})
        return Passed(connection, unchecked, *warnings, sha256=sha256, **facts)
    return Passed(connection, *warnings, **facts)
