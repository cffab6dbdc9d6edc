"""Certificates written byte by byte, which can break the rules that libraries keep."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.certificates.crafted import NOW, Validity

_ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
_BOOLEAN, _BIT_STRING, _OCTET_STRING, _OID, _UTF8 = 0x01, 0x03, 0x04, 0x06, 0x0C

BASIC_CONSTRAINTS, NAME_CONSTRAINTS = "2.5.29.19", "2.5.29.30"
SUBJECT_KEY_ID, AUTHORITY_KEY_ID = "2.5.29.14", "2.5.29.35"
ALTERNATIVES, KEY_USAGE, USAGES = "2.5.29.17", "2.5.29.15", "2.5.29.37"


def tlv(tag: int, *parts: bytes) -> bytes:
    """Return an element in DER."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE."""
    return tlv(0x30, *parts)


def oid(dotted: str) -> bytes:
    """Return an object identifier."""
    first, second, *others = map(int, dotted.split("."))
    found = bytearray()
    for arc in (40 * first + second, *others):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        found += bytes(reversed(digits))
    return tlv(_OID, bytes(found))


def common_name(text: str | bytes, tag: int = _UTF8) -> bytes:
    """Return a distinguished name that consists of a Common Name."""
    value = text.encode() if isinstance(text, str) else text
    return sequence(_attribute("2.5.4.3", tlv(tag, value)))


def distinguished_name(**attributes: str) -> bytes:
    """Return a distinguished name of CN, O and OU, in the order given."""
    kinds = {"CN": "2.5.4.3", "O": "2.5.4.10", "OU": "2.5.4.11"}
    values = ((kinds[kind], tlv(_UTF8, text.encode())) for kind, text in attributes.items())
    return sequence(*(_attribute(dotted, value) for dotted, value in values))


def _attribute(dotted: str, value: bytes) -> bytes:
    return tlv(0x31, sequence(oid(dotted), value))


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    """Return an extension."""
    flag = tlv(_BOOLEAN, b"\xff") if critical else b""
    return sequence(oid(dotted), flag, tlv(_OCTET_STRING, value))


def dns(name: str | bytes) -> bytes:
    """Return a name of the type dNSName."""
    return tlv(0x82, name.encode() if isinstance(name, str) else name)


def uri(text: str) -> bytes:
    """Return a name of the type uniformResourceIdentifier."""
    return tlv(0x86, text.encode())


def email(text: str) -> bytes:
    """Return a name of the type rfc822Name."""
    return tlv(0x81, text.encode())


def ip(*addresses: str) -> bytes:
    """Return a name of the type iPAddress; with a mask as well, the network of a constraint."""
    return tlv(0x87, *(ip_address(address).packed for address in addresses))


def alternatives(*names: bytes) -> bytes:
    """Return the extension with the alternative names."""
    return extension(ALTERNATIVES, sequence(*names))


def constraints(*, is_authority: bool = True, path_length: bytes = b"") -> bytes:
    """Return the basic constraints; `path_length` are the bytes of the number."""
    flag = tlv(_BOOLEAN, b"\xff") if is_authority else b""
    length = tlv(0x02, path_length) if path_length else b""
    return extension(BASIC_CONSTRAINTS, sequence(flag, length), critical=True)


def subject_key_id(octet: bytes) -> bytes:
    """Return a subject key identifier that consists of one octet, again and again."""
    return extension(SUBJECT_KEY_ID, tlv(_OCTET_STRING, octet * 20))


def authority_key_id(octet: bytes) -> bytes:
    """Return an authority key identifier that consists of one octet, again and again."""
    return extension(AUTHORITY_KEY_ID, sequence(tlv(0x80, octet * 20)))


def key_usage(bits: int) -> bytes:
    """Return a key usage; the first bit (digitalSignature) is the highest of the octet."""
    return extension(KEY_USAGE, tlv(_BIT_STRING, bytes((0, bits))), critical=True)


def usages(*dotted: str) -> bytes:
    """Return an extended key usage."""
    return extension(USAGES, sequence(*map(oid, dotted)))


def name_constraints(*, permitted: Sequence[bytes] = (), excluded: Sequence[bytes] = ()) -> bytes:
    """Return name constraints."""
    trees = ((0xA0, permitted), (0xA1, excluded))
    parts = [tlv(tag, *map(sequence, names)) for tag, names in trees if names]
    return extension(NAME_CONSTRAINTS, sequence(*parts), critical=True)


def utc_time(moment: datetime) -> bytes:
    """Return a date in its usual form."""
    return tlv(0x17, f"{moment:%y%m%d%H%M%SZ}".encode())


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Written:
    """A certificate with its key; it may be an authority, whatever it says of itself."""

    der: bytes
    subject: bytes
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def pem(self) -> str:
        """The certificate in PEM."""
        return ssl.DER_cert_to_PEM_cert(self.der)


def written(
    *extensions: bytes,
    subject: bytes = common_name("leaf"),
    above: Written | None = None,
    serial: bytes = b"\x01\x23\x45",
    version: int = 3,
    begins: bytes = b"",
    ends: bytes = b"",
    key: ec.EllipticCurvePrivateKey | None = None,
) -> Written:
    """Return a certificate that `above` has signed, or the key itself.

    `serial` are the bytes of the number; `begins` and `ends` are dates in DER.
    """
    key, validity = key or _new_key(), Validity(not_before=NOW - (Validity.not_after - NOW))
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    dates = begins or utc_time(validity.not_before), ends or utc_time(validity.not_after)
    signed = sequence(
        tlv(0xA0, tlv(0x02, bytes((version - 1,)))) if version != 1 else b"",
        tlv(0x02, serial),
        _ECDSA_WITH_SHA256,
        above.subject if above else subject,
        sequence(*dates),
        subject,
        public,
        tlv(0xA3, sequence(*extensions)) if extensions else b"",
    )
    signer = above.key if above else key
    signature = tlv(_BIT_STRING, b"\0", signer.sign(signed, ec.ECDSA(SHA256())))
    return Written(sequence(signed, _ECDSA_WITH_SHA256, signature), subject, key)


def authority(name: str = "Authority", *extensions: bytes, above: Written | None = None) -> Written:
    """Return an authority; without `extensions` it has the basic constraints of one."""
    return written(*(extensions or (constraints(),)), subject=common_name(name), above=above)


def first_flight(*certificates: bytes) -> bytes:
    """Return a TLS 1.2 server's first messages with `certificates`, whatever they are.

    A client judges them before the message that is missing (RFC 5246 7.3: ServerKeyExchange), so
    the certificates need no key that any TLS library would accept beside them.
    """
    hello = b"\x03\x03" + bytes(32) + b"\x00" + b"\xc0\x2b" + b"\x00"  # ECDHE-ECDSA-AES128-GCM
    hello += b"\x00\x05" + b"\xff\x01\x00\x01\x00"  # RFC 5746: secure renegotiation
    chain = b"".join(len(one).to_bytes(3) + one for one in certificates)
    messages = ((2, hello), (11, len(chain).to_bytes(3) + chain), (14, b""))
    flight = b"".join(bytes((kind,)) + len(body).to_bytes(3) + body for kind, body in messages)
    pieces = [flight[at : at + 16_000] for at in range(0, len(flight), 16_000)]
    return b"".join(b"\x16\x03\x03" + len(piece).to_bytes(2) + piece for piece in pieces)
