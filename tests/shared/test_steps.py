from shared.steps import steps_for


def test_a_test_over_tls_shakes_hands_between_connecting_and_asking() -> None:
    """The order of the report is the order of the layers."""
    assert steps_for("https") == (
        *("dns_lookup", "tcp_connect", "tls_handshake", "http_response"),
        *("product_identify", "authenticate", "authorize"),
    )


def test_a_test_over_plain_http_has_no_handshake() -> None:
    """A step that can never come would be waited for."""
    assert steps_for("http") == tuple(s for s in steps_for("https") if s != "tls_handshake")
