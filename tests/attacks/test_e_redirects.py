"""E: redirects, none of which takes a key pair anywhere."""

from collections.abc import Callable, Sequence
from itertools import cycle

import pytest

from tests.attacks.traps.attacking import ACCESS, INVESTIGATE_S, SECRET, SITE, Story, attacked
from tests.attacks.traps.hostile import always, ready, version
from tests.attacks.traps.trap import trap
from tests.certificates.authority import Authority
from tests.network.servers import Peer, ScriptedServer, reply, serving


def redirect(*locations: str, status: str = "302 Found", body: bytes = b"") -> Callable[..., None]:
    """Return the script that answers everything with redirects, to one after the other."""
    following = cycle(locations)

    def script(peer: Peer) -> None:
        while peer.read_request():
            peer.send(reply(body, f"Location: {next(following)}", status=status))

    return script


def signed(requests: Sequence[bytes]) -> list[bytes]:
    """Return the requests in which a key pair was presented."""
    return [r for r in requests if b"\r\nauthorization:" in r.lower() or ACCESS.encode() in r]


def story_of(*scripts: Callable[..., None]) -> tuple[Story, ScriptedServer]:
    """Return what a worker says of a platform that follows `scripts`; nothing was signed."""
    with serving(*scripts) as server:
        story = attacked(f"http://127.0.0.1:{server.port}")
    assert story.cause
    assert signed(server.requests) == []
    assert SECRET not in story.shown
    return story, server


def test_e1_a_redirect_to_metadata_is_not_followed() -> None:
    """The platform decides where it leads; the address guard decides where we go."""
    story_of(redirect("http://169.254.169.254/latest/meta-data/iam/"))


def test_e2_a_redirect_to_another_port_of_loopback_is_not_followed_with_a_key_pair() -> None:
    """What listens there was not named by the caller."""
    with trap() as listening:
        story_of(redirect(f"http://127.0.0.1:{listening.port}/admin"))

    assert signed(listening.caught) == []


def test_e3_credentials_are_not_taken_from_https_to_http(authority: Authority) -> None:
    """Somebody in between would read them."""
    with trap() as listening:
        script = redirect(f"http://127.0.0.1:{listening.port}/")
        with serving(script, tls=authority.server("127.0.0.1")) as server:
            options = {"tls": {"caCertificate": authority.pem}}
            story = attacked(f"https://127.0.0.1:{server.port}", options=options)

    assert story.cause
    assert signed([*server.requests, *listening.caught]) == []


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other"])
def test_e4_a_redirect_of_the_sign_in_takes_no_authorization_along(status: str) -> None:
    """The signature is for the host that was judged, and for no other."""

    def script(peer: Peer) -> None:
        for answer in (ready(), version()):
            peer.read_request()
            peer.send(answer)
        redirect(f"http://127.0.0.2:{listening.port}/", status=status)(peer)

    with trap() as listening, serving(script) as server:
        story = attacked(f"http://127.0.0.1:{server.port}")

    assert story.cause
    assert len(signed(server.requests)) == 1
    assert signed(listening.caught) == []


def test_e5_a_circle_of_redirects_ends() -> None:
    """Between two hosts as well as to itself."""
    _, server = story_of(redirect("/", "http://127.0.0.1:1/", "http://localhost/"))

    assert len(server.requests) < 12


@pytest.mark.parametrize("to", ["file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "javascript:x"])
def test_e6_a_redirect_to_another_scheme_is_not_followed(to: str) -> None:
    """Nothing here could, and nothing of a file is shown."""
    story, _ = story_of(redirect(to))

    assert "root:" not in story.shown


@pytest.mark.parametrize("status", ["307 Temporary Redirect", "308 Permanent Redirect"])
def test_e7_no_body_is_replayed_to_another_host(status: str) -> None:
    """These two demand the same request again, body and all."""

    def script(peer: Peer) -> None:
        for answer in (ready(), version()):
            peer.read_request()
            peer.send(answer)
        redirect(f"http://127.0.0.1:{listening.port}/", status=status)(peer)

    with trap() as listening, serving(script) as server:
        attacked(f"http://127.0.0.1:{server.port}")

    assert len(signed(server.requests)) == 1
    assert not any(SECRET.encode() in sent for sent in [*server.requests, *listening.caught])
    assert signed(listening.caught) == []


def test_e8_a_page_that_moves_by_itself_moves_nobody() -> None:
    """There is no browser here."""
    with trap() as listening:
        url = f"http://127.0.0.1:{listening.port}/"
        page = (
            f'<html><meta http-equiv="refresh" content="0;url={url}">'
            f"<script>location='{url}'</script></html>"
        )

        def script(peer: Peer) -> None:
            while peer.read_request():
                peer.send(reply(page.encode(), f"Refresh: 0; url={url}", "Content-Type: text/html"))

        story_of(script)

    assert listening.caught == []


def test_e9_a_long_chain_of_slow_redirects_ends_within_the_budget() -> None:
    """Each hop is quick enough by itself."""

    def script(peer: Peer) -> None:
        hop = 0
        while peer.read_request():
            hop += 1
            if peer.server.stopping.wait(0.2):
                return
            peer.send(reply(b"", f"Location: /hop/{hop}", status="302 Found"))

    with serving(script) as server:
        story = attacked(f"http://127.0.0.1:{server.port}", budget_s=1)

    assert story.cause
    assert len(server.requests) < 200 / 10
    assert SITE.investigate.budget_s == INVESTIGATE_S


@pytest.mark.parametrize(
    "origin",
    ["http://169.254.169.254", "https://[fd00:ec2::254]", "http://metadata.google.internal"],
)
def test_e10_no_remedy_sends_anybody_to_where_we_do_not_go(origin: str) -> None:
    """Whoever reads it would do by hand what the service refuses to do."""
    story, _ = story_of(redirect(f"{origin}/latest/meta-data/"))

    first = story.last.causes[0]
    assert first.code == "http.redirect_other_host"
    assert origin in first.summary
    assert first.remedies
    assert not any(f"Use {origin}" in remedy for remedy in first.remedies)


def test_e10_a_keystone_that_is_named_is_advised_only_if_it_may_be_tested() -> None:
    """The header is as much the platform's as a redirect is."""
    for host, is_advised in (("169.254.169.254", False), ("keystone.example.com", True)):
        header = f'WWW-Authenticate: Keystone uri="http://{host}:5000"'
        answer = reply(b"{}", header, status="401 Unauthorized")
        with serving(always(answer)) as server:
            story = attacked(f"http://127.0.0.1:{server.port}", productType="openstack")

        first = story.last.causes[0]
        assert first.code == "api.other_openstack_service"
        assert first.remedies == (
            f"Use the endpoint of Keystone{f': http://{host}:5000' if is_advised else ''}.",
        )
