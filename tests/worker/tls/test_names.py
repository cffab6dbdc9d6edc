from time import thread_time

import pytest

from worker.tls.names import (
    A_URL,
    ADDRESS,
    AN_EMAIL,
    CHARACTER,
    COMMON_NAME,
    DOT,
    EMPTY,
    FOR_EMAIL,
    FOR_URIS,
    LENGTH,
    NOT_ASCII,
    ONE_LABEL,
    PARTIAL_WILDCARD,
    PORT,
    WIDE_WILDCARD,
    Entry,
    why_not,
)

NAME, ADDRESS_OF_IT = "cloud.example.com", "10.0.0.7"


@pytest.mark.parametrize(
    "entry",
    [
        Entry("DNS", NAME),
        Entry("DNS", "Cloud.Example.COM"),
        Entry("DNS", "*.example.com"),
        Entry("DNS", "localhost"),
        Entry("DNS", "my_host.example.com"),
        Entry("DNS", "xn--bcher-kva.example"),
        Entry("IP", ADDRESS_OF_IT),
        Entry("IP", "2001:db8::7"),
    ],
)
def test_a_name_in_its_form_has_no_flaw(entry: Entry) -> None:
    """A flaw that is none would send people to their authority for nothing."""
    assert entry.flaw == ""


@pytest.mark.parametrize(
    ("entry", "host", "flaw"),
    [
        (Entry("DNS", ADDRESS_OF_IT), ADDRESS_OF_IT, ADDRESS),
        (Entry("DNS", "2001:DB8::7"), "2001:db8::7", ADDRESS),
        (Entry("DNS", "[2001:db8::7]"), "2001:db8::7", ADDRESS),
        (Entry("IP", f"{ADDRESS_OF_IT}/24"), ADDRESS_OF_IT, LENGTH),
        (Entry("URI", f"https://{ADDRESS_OF_IT}/"), ADDRESS_OF_IT, FOR_URIS),
        (Entry("CN", ADDRESS_OF_IT), ADDRESS_OF_IT, COMMON_NAME),
        (Entry("DNS", f"https://{NAME}/ui"), NAME, A_URL),
        (Entry("DNS", f"{NAME}:8443"), NAME, PORT),
        (Entry("DNS", f"admin@{NAME}"), NAME, AN_EMAIL),
        (Entry("email", f"admin@{NAME}"), NAME, FOR_EMAIL),
        (Entry("DNS", f"{NAME}."), NAME, DOT),
        (Entry("DNS", f"{NAME} "), NAME, CHARACTER),
        (Entry("DNS", "cloud.*.com"), NAME, PARTIAL_WILDCARD),
        (Entry("DNS", "c*.example.com"), NAME, PARTIAL_WILDCARD),
        (Entry("DNS", "*.*.com"), NAME, PARTIAL_WILDCARD),
        (Entry("DNS", "*.local"), "vcenter.local", WIDE_WILDCARD),
        (Entry("DNS", "*.example.com"), "example.com", ONE_LABEL),
        (Entry("DNS", "*.example.com"), "a.cloud.example.com", ONE_LABEL),
        (Entry("DNS", "bücher.example"), "xn--bcher-kva.example", NOT_ASCII),
        (Entry("CN", NAME), NAME, COMMON_NAME),
    ],
)
def test_an_entry_that_means_the_host_is_told_with_its_flaw(
    entry: Entry, host: str, flaw: str
) -> None:
    """'Not valid for this name' is a riddle to those who see the name in the certificate."""
    assert why_not(entry, host) == flaw


@pytest.mark.parametrize(
    "entry",
    [
        Entry("DNS", "10.0.0.8"),
        Entry("DNS", "other.example.com."),
        Entry("URI", "spiffe://cluster.local/ns/default"),
        Entry("email", "admin@example.com"),
        Entry("DNS", "*"),
        Entry("DNS", ""),
        Entry("CN", "VMware Certificate Authority"),
    ],
)
@pytest.mark.parametrize("host", [NAME, ADDRESS_OF_IT])
def test_what_means_another_host_is_no_reason(entry: Entry, host: str) -> None:
    """A flaw of an entry that nobody asks for explains nothing."""
    assert why_not(entry, host) == ""


def test_an_empty_name_is_told_as_that() -> None:
    """It is listed beside the others."""
    assert Entry("DNS", "").flaw == EMPTY


def test_names_of_any_shape_cost_little() -> None:
    """A certificate has as many as fit into 100 KiB, and its maker may be hostile."""
    hostile = ["*" * 253, "a*" * 126, "." * 253, ":1" * 126, "@" * 253, "\xfc." * 126, "\xfc" * 253]
    began_s = thread_time()

    for text in hostile * 60:
        for host in (NAME, ADDRESS_OF_IT):
            why_not(Entry("DNS", text), host)

    assert thread_time() - began_s < 0.5
