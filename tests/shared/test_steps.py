from shared.steps import scheme_of, steps_for


def test_a_test_over_tls_shakes_hands_between_connecting_and_asking() -> None:
    """The order of the report is the order of the layers."""
    assert steps_for("https") == (
        *("dns_lookup", "tcp_connect", "tls_handshake", "http_response"),
        *("product_identify", "authenticate", "authorize"),
    )


def test_a_test_over_plain_http_has_no_handshake() -> None:
    """A step that can never come would be waited for."""
    assert steps_for("http") == tuple(s for s in steps_for("https") if s != "tls_handshake")


def test_a_plain_product_ends_after_its_layer() -> None:
    """A step that can never come would be waited for."""
    assert steps_for("https", "http_response") == (
        *("dns_lookup", "tcp_connect", "tls_handshake", "http_response"),
    )
    assert steps_for("http", "tcp_connect") == ("dns_lookup", "tcp_connect")


def test_the_endpoints_of_services_come_last() -> None:
    """Only who has signed in is told of them."""
    assert steps_for("https", "service_endpoints")[-2:] == ("authorize", "service_endpoints")


def test_a_complete_url_tells_its_scheme() -> None:
    """Batches keep the URL alone."""
    assert (scheme_of("https://h:443"), scheme_of("http://https:80")) == ("https", "http")
