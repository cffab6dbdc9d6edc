from datetime import UTC, datetime

import pytest

from tests.certificates.written import oid, sequence, tlv
from worker.tls.der import Element, elements, inside, moment, object_id, text


def test_elements_are_read_in_their_order() -> None:
    """Short and long lengths are both usual in certificates."""
    content = tlv(2, b"\x01") + tlv(4, b"a" * 200) + tlv(5)

    assert list(elements(content)) == [Element(2, b"\x01"), Element(4, b"a" * 200), Element(5, b"")]
    assert inside(sequence(content)) == tuple(elements(content))


@pytest.mark.parametrize(
    "content",
    [
        b"\x30",  # no length
        b"\x30\x05\x00",  # the content is shorter than that
        b"\x30\x80\x00\x00",  # indefinite, which DER forbids
        b"\x30\x89" + b"\xff" * 9,  # longer than any content
        b"\x1f\x81\x01\x00",  # a tag of several bytes
        b"\x30\x00\x30",  # something behind it
    ],
)
def test_what_is_no_der_is_a_value_error(content: bytes) -> None:
    """A platform decides these bytes; the caller expects this one error."""
    with pytest.raises(ValueError, match=r"."):
        list(elements(content))


@pytest.mark.parametrize(
    "dotted", ["2.5.29.17", "1.3.6.1.4.1.311.20.2", "2.16.840.1.113730.1.1", "0.9.2342", "2.999.3"]
)
def test_object_identifiers_are_read_as_dotted_numbers(dotted: str) -> None:
    """People look them up in this form."""
    if dotted == "2.999.3":  # its first byte is not 40 times the first arc and the second
        assert object_id(b"\x88\x37\x03") == dotted
    else:
        assert object_id(oid(dotted)[2:]) == dotted


@pytest.mark.parametrize("content", [b"", b"\x81", b"\x81" * 1000 + b"\x01"])
def test_an_object_identifier_without_end_is_a_value_error(content: bytes) -> None:
    """A number of a thousand bytes would cost more than it says."""
    with pytest.raises(ValueError, match="no object identifier"):
        object_id(content)


@pytest.mark.parametrize(
    ("element", "told"),
    [
        (Element(0x0C, "Zürich".encode()), "Zürich"),
        (Element(0x14, b"Z\xfcrich"), "Zürich"),
        (Element(0x1E, "Zürich".encode("utf-16-be")), "Zürich"),
        (Element(0x1C, "Zürich".encode("utf-32-be")), "Zürich"),
        (Element(0x1E, b"\xd8\x00"), "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_every_type_of_string_is_read(element: Element, told: str) -> None:
    """Old authorities use types of which libraries refuse one or the other value."""
    assert text(element) == told


@pytest.mark.parametrize(
    ("element", "told"),
    [
        (Element(0x17, b"491231235959Z"), datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (Element(0x17, b"500101000000Z"), datetime(1950, 1, 1, tzinfo=UTC)),
        (Element(0x18, b"99991231235959Z"), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_dates_are_read_in_both_forms(element: Element, told: datetime) -> None:
    """RFC 5280 4.1.2.5: two digits of a year end in 2049."""
    assert moment(element) == told


@pytest.mark.parametrize(
    "element",
    [
        Element(0x17, b"4912312359Z"),
        Element(0x18, b"20300101000000.5Z"),
        Element(0x18, b"20300101000000+0100"),
        Element(0x18, b"20301301000000Z"),
        Element(0x0C, b"20300101000000Z"),
        Element(0x17, b"\xff" * 13),
        Element(0x17, b"49123123595 Z"),
    ],
)
def test_other_dates_are_value_errors(element: Element) -> None:
    """OpenSSL refuses them, and the verdict says which date it was."""
    with pytest.raises(ValueError, match=r"."):
        moment(element)
