"""Secure the connection, and judge the certificate before any credential can leave."""

import ssl
from functools import partial

from shared.diagnosis.causes import Cause
from shared.endpoint import Endpoint
from shared.request import TlsOptions
from shared.diagnosis.outcomes import Fact, Failed, Finding, Passed
from worker.tls.certificate_reader import PIN_CHANGED, fingerprint
from worker.tls.certificate_causes import cause_of
from worker.tls.certificate_warnings import certificate_warnings
from worker.tcp.connection import Connection, PinChangedError, TlsClient
from worker.deadline import Deadline
from worker.tls.handshake_causes import handshake_failure
from worker.investigations.tls_handshake import HandshakeLook
from worker.investigations.investigator import Unexplained
from worker.tls.trust import Trust, unverified

HANDSHAKE_S = 5.0

IDENTITY_UNCHECKED = Cause(
    code="tls.identity_unchecked",
    owner="caller",
    severity="warning",
    summary="The identity of {host} was not checked, because options.tls.verify is false",
    remedies=(
        "Give options.tls.fingerprintSha256 {sha256} instead of verify=false, after comparing "
        "it with the certificate on {host}.",
    ),
    field="options.tls.verify",
)


def tls_handshake(
    connection: Connection, endpoint: Endpoint, tls: TlsOptions, trust: Trust, deadline: Deadline
) -> Passed[Connection]:
    """Return the same connection, speaking TLS with a platform whose certificate was judged.

    The handshake ends within HANDSHAKE_S. With TLS 1.3 a platform says after it whether it goes
    without a client certificate (RFC 8446 4.4.2.4); http_response is told.

    Raises:
        Failed: with a cause that a look without verification and credentials can make finer.
    """
    client = TlsClient(trust.context_for(tls), endpoint.server_name, tls.fingerprint_sha256)
    limit, look = deadline.at_most(HANDSHAKE_S), HandshakeLook(connection, endpoint, tls)
    try:
        secured = connection.secure(client, limit)
    except ssl.SSLCertVerificationError as error:
        plain = Failed(cause_of(error.verify_code), verify_code=error.verify_code)
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
    warnings = list(certificate_warnings(der))
    if client.pinned_sha256:
        return Passed(connection, *warnings, sha256=client.pinned_sha256, **facts)
    if client.context is unverified():
        sha256 = fingerprint(der)
        unchecked = Finding(IDENTITY_UNCHECKED, {"sha256": sha256})
        return Passed(connection, unchecked, *warnings, sha256=sha256, **facts)
    return Passed(connection, *warnings, **facts)
