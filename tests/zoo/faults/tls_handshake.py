"""Ports on which no TLS handshake of today can succeed, whatever the certificate."""

import ssl
from collections.abc import Iterator

from tests.certificates.crafted import Authority, Issued, rsa_key, self_signed
from tests.network.servers import Peer, hang_up_after_reading, hold, reset_after_reading, serving
from tests.stand_ins.zstack import zstack_node
from tests.zoo.fault import Target, fault
from tests.zoo.tls_servers import (
    answering_bytes,
    files_of,
    openssl_server,
    scripted,
    stunnel_server,
    target,
    trusting,
)

HERE = "127.0.0.1"
# RFC 2409 6.2: the group of 1024 bits that half of the internet shared in 2015.
OAKLEY_2 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
    16,
)


def serving_tls(tls: ssl.SSLContext, host: str = HERE) -> Iterator[Target]:
    """Give the target of a server with the context `tls`."""
    with serving(hold, tls=tls) as server:
        yield target(server.port, host)


def alerting(number: int, host: str, *, only_for_names: bool = False) -> Iterator[Target]:
    """Give the target of a server that answers hellos with an alert (RFC 8446 6.2)."""
    tls = self_signed("known.example").server_context()
    tls.sni_callback = lambda _, name, __: None if only_for_names and not name else number
    yield from serving_tls(tls, host)


@fault("tls_handshake", "tls.plain_http_port")
def plain_http() -> Iterator[Target]:
    """The port speaks plain HTTP, and the endpoint says https."""
    with zstack_node() as (_, port):
        yield target(port)


@fault("tls_handshake", "tls.other_protocol_port")
def ssh() -> Iterator[Target]:
    """The port speaks SSH."""

    def script(peer: Peer) -> None:
        peer.send(b"SSH-2.0-OpenSSH_9.6\r\n")
        peer.hold()

    yield from scripted(script)


@fault("tls_handshake", "tls.other_protocol_port")
def smtp() -> Iterator[Target]:
    """The port speaks SMTP, and would like STARTTLS first."""

    def script(peer: Peer) -> None:
        peer.send(b"220 mail.example.com ESMTP\r\n")
        peer.hold()

    yield from scripted(script)


@fault("tls_handshake", "tls.other_protocol_port")
def mysql() -> Iterator[Target]:
    """The port speaks MySQL, whose server greets first."""

    def script(peer: Peer) -> None:
        peer.send(b"\x15\0\0\0\x0a8.0.36\0\x08\0\0\0abcdefgh\0")
        peer.hold()

    yield from scripted(script)


@fault("tls_handshake", "tls.other_protocol_port")
def random_bytes() -> Iterator[Target]:
    """The port answers with bytes that mean nothing."""
    yield from scripted(answering_bytes(bytes(range(1, 200))))


@fault("tls_handshake", "tls.handshake_timeout")
def silence_after_the_hello() -> Iterator[Target]:
    """The port accepts, and nothing comes after the hello."""
    yield from scripted(hold)


@fault("tls_handshake", "tls.handshake_timeout")
def stalled_in_the_middle() -> Iterator[Target]:
    """The server's hello begins, and does not go on."""
    yield from scripted(answering_bytes(b"\x16\x03\x03\x3e\x80\x02\x00\x3e\x7c\x03\x03"))


@fault("tls_handshake", "tls.reset_after_hello")
def reset_after_the_hello() -> Iterator[Target]:
    """Something resets the connection when it sees the hello."""
    yield from scripted(reset_after_reading)


@fault("tls_handshake", "tls.eof_after_hello")
def closed_after_the_hello() -> Iterator[Target]:
    """A load balancer without a backend closes after the hello."""
    yield from scripted(hang_up_after_reading)


@fault("tls_handshake", "tls.sni_filtered")
def filter_of_names() -> Iterator[Target]:
    """A firewall resets connections that name the host, and lets others pass."""
    tls = self_signed("known.example").server_context()

    def script(peer: Peer) -> None:
        if b"localhost" in peer.peek():
            peer.read_some()
            peer.reset()
        else:
            peer.shake_hands_rudely(tls)
            peer.hold()

    yield from scripted(script, host="localhost")


@fault("tls_handshake", "tls.version_unsupported")
def tls_1_0_alone() -> Iterator[Target]:
    """The server has TLS 1.0 and nothing newer."""
    options = ("-tls1", "-cipher", "ALL:@SECLEVEL=0")
    with openssl_server(self_signed(HERE, key=rsa_key()), *options) as port:
        yield target(port)


@fault("tls_handshake", "tls.version_unsupported")
def tls_1_1_alone() -> Iterator[Target]:
    """The server has TLS 1.1 and nothing newer."""
    options = ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    with openssl_server(self_signed(HERE, key=rsa_key()), *options) as port:
        yield target(port)


@fault("tls_handshake", "tls.version_unsupported")
def version_refused() -> Iterator[Target]:
    """The server turns every version down that we offer (alert 70)."""
    yield from alerting(70, HERE)


@fault("tls_handshake", "tls.no_shared_cipher")
def old_cipher_suites() -> Iterator[Target]:
    """The server has TLS 1.2 with RSA key exchange and CBC alone."""
    options = ("-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0")
    with openssl_server(self_signed(HERE, key=rsa_key()), *options) as port:
        yield target(port)


@fault("tls_handshake", "tls.no_shared_cipher")
def no_encryption() -> Iterator[Target]:
    """The server has cipher suites without encryption alone."""
    options = ("-tls1_2", "-cipher", "NULL:@SECLEVEL=0")
    with openssl_server(self_signed(HERE, key=rsa_key()), *options) as port:
        yield target(port)


@fault("tls_handshake", "tls.client_cert_required")
def client_certificate_with_tls_1_2() -> Iterator[Target]:
    """The server demands a client certificate, with TLS 1.2."""
    ours = Authority()
    with openssl_server(ours.issue(HERE), "-tls1_2", "-Verify", "1") as port:
        yield target(port, **trusting(ours))


@fault("http_response", "tls.client_cert_required")
def client_certificate_with_tls_1_3() -> Iterator[Target]:
    """The server demands a client certificate, with TLS 1.3, where the handshake succeeds."""
    ours = Authority()
    with openssl_server(ours.issue(HERE), "-tls1_3", "-Verify", "1") as port:
        yield target(port, **trusting(ours))


@fault("http_response", "tls.client_cert_required")
def client_certificate_for_stunnel() -> Iterator[Target]:
    """A TLS terminator demands a client certificate."""
    ours = Authority()
    with (
        files_of(Issued(ours.certificate, rsa_key())) as (authority, _),
        stunnel_server(
            ours.issue(HERE), "verifyChain = yes", "requireCert = yes", f"CAfile = {authority}"
        ) as port,
    ):
        yield target(port, **trusting(ours))


@fault("tls_handshake", "tls.unrecognized_name")
def unknown_name() -> Iterator[Target]:
    """The server knows no host of that name (alert 112)."""
    yield from alerting(112, "localhost")


@fault("tls_handshake", "tls.unrecognized_name")
def unknown_name_as_networks_of_proxies_say_it() -> Iterator[Target]:
    """The server refuses names that it does not know with alert 40, and answers without one."""
    yield from alerting(40, "localhost", only_for_names=True)


@fault("tls_handshake", "tls.alpn_mismatch")
def http_2_alone() -> Iterator[Target]:
    """The server turns HTTP/1.1 down (alert 120)."""
    with openssl_server(self_signed(HERE), "-alpn", "h2") as port:
        yield target(port)


@fault("tls_handshake", "tls.handshake_failed")
def internal_error() -> Iterator[Target]:
    """The server breaks (alert 80)."""
    yield from alerting(80, HERE)


@fault("tls_handshake", "tls.weak_dh")
def weak_diffie_hellman() -> Iterator[Target]:
    """The server has DHE alone, with a group of 1024 bits."""
    prime = b"\x02\x81\x81\0" + OAKLEY_2.to_bytes(128)
    group = b"\x30\x81\x87" + prime + b"\x02\x01\x02"  # a sequence of it and the generator 2
    pem = ssl.DER_cert_to_PEM_cert(group).replace("CERTIFICATE", "DH PARAMETERS")
    ours = Authority()
    issued = ours.issue(HERE, key=rsa_key())
    with files_of(issued) as (chain, _):
        parameters = chain.with_name("dh.pem")
        parameters.write_text(pem)
        suites = ("-cipher", "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0", "-dhparam", str(parameters))
        with openssl_server(issued, "-tls1_2", *suites) as port:
            yield target(port, **trusting(ours))


@fault("tls_handshake", "tls.legacy_renegotiation")
def no_secure_renegotiation() -> Iterator[Target]:
    """An appliance from before 2010 does not know RFC 5746."""
    suite = b"\xc0\x2f"  # ECDHE-RSA-AES128-GCM-SHA256; the hello has no extensions at all
    body = b"\x03\x03" + bytes(range(32)) + b"\0" + suite + b"\0"
    message = b"\x02" + len(body).to_bytes(3) + body
    yield from scripted(answering_bytes(b"\x16\x03\x03" + len(message).to_bytes(2) + message))


@fault("tls_handshake", "tls.gm_sm_only")
def national_suites_alone() -> Iterator[Target]:
    """The server speaks TLCP with the SM suites, and closes on other hellos."""

    def script(peer: Peer) -> None:
        if peer.read_some()[1:3] == b"\x01\x01":
            body = b"\x01\x01" + bytes(32) + b"\0\xe0\x13\0"
            message = b"\x02" + len(body).to_bytes(3) + body
            peer.send(b"\x16\x01\x01" + len(message).to_bytes(2) + message)
            peer.hold()
        else:
            peer.send(b"\x15\x03\x03\x00\x02\x02\x28")

    yield from scripted(script)
