"""H: ways in which a key pair could leave, or be used against its owner.

H7 is proven by tests/end_to_end/access/test_secrets.py, H10 by tests/worker/test_sign_in_guard.py.
"""

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from pydantic import SecretStr

from api.access.tokens import Tokens
from shared.policy.token_file import TokenFile, new_entry
from tests.attacks.traps.attacking import ACCESS, SECRET, attacked
from tests.attacks.traps.hostile import always, at_the_sign_in, ready, version
from tests.attacks.traps.trap import trap
from tests.certificates.authority import Authority
from tests.certificates.crafted import self_signed
from tests.network.servers import Peer, hold, reply, serving
from tests.running.service import CALL, Service, a_request, poll, running_service
from tests.stand_ins.keystone import Call, Fault, Keystone

TOKEN = "a-token-of-the-file"
NTLM = "TlRMTVNTUAACAAAADAAMADgAAAAFgomi"


def authorizations(requests: Sequence[bytes]) -> list[bytes]:
    """Return the values of all Authorization headers."""
    lines = [line for request in requests for line in request.split(b"\r\n")]
    return [
        line.partition(b":")[2].strip() for line in lines if line.lower()[:14] == b"authorization:"
    ]


@pytest.mark.parametrize("names", [("127.0.0.1",), ("other.example.com",)])
def test_h1_nothing_is_sent_before_the_certificate_is_trusted(names: tuple[str, ...]) -> None:
    """Neither a secret nor the question who is there."""
    with serving(always(ready()), tls=self_signed(*names).server_context()) as server:
        story = attacked(f"https://127.0.0.1:{server.port}")

    assert story.last.step == "tls_handshake"
    assert story.cause
    assert b"".join(bytes(peer.received) for peer in server.peers).find(ACCESS.encode()) == -1
    assert server.requests == []


@pytest.mark.parametrize(
    "challenge", ["Negotiate", "NTLM", f"NTLM {NTLM}", "Negotiate YIIBhg==", "Kerberos"]
)
def test_h4_no_ambient_identity_answers_a_challenge(challenge: str) -> None:
    """The account that the worker runs under is nobody's to be asked for."""
    denied = reply(b"{}", f"WWW-Authenticate: {challenge}", status="401 Unauthorized")

    for script in (always(denied), at_the_sign_in(denied)):
        with serving(script) as server:
            attacked(f"http://127.0.0.1:{server.port}")

        sent = authorizations(server.requests)
        assert not any(value.lower().startswith((b"ntlm", b"negotiate", b"kerb")) for value in sent)
        assert len(sent) <= 1


def test_h5_the_environment_has_no_say(tmp_path: Path, authority: Authority) -> None:
    """Proxies, .netrc, cloud credentials, authorities and key logs of the machine are ignored."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login netrcuser password netrcsecret\n")
    (tmp_path / ".netrc").chmod(0o600)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id=AWSFILEKEY\naws_secret_access_key=AWSFILESECRET\n"
    )
    (tmp_path / "ca.pem").write_text(authority.pem)
    with trap() as proxy, serving(always(ready(), version(), reply(b"{}"))) as plain:
        url = f"http://127.0.0.1:{proxy.port}"
        proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"), url)
        environment = {
            **proxies,
            "HOME": str(tmp_path),
            "PATH": "",
            "AWS_ACCESS_KEY_ID": "AWSENVKEY",
            "AWS_SECRET_ACCESS_KEY": "AWSENVSECRET",
            "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
            "SSLKEYLOGFILE": str(tmp_path / "keys.log"),
        }
        with serving(always(ready()), tls=authority.server("127.0.0.1")) as secured:
            endpoints = [f"http://127.0.0.1:{plain.port}", f"https://127.0.0.1:{secured.port}"]
            told = _in_child(environment, *endpoints)
        requests = b"".join([*plain.requests, *secured.requests])

    assert proxy.caught == []
    assert told[1].startswith("tls.")  # the authority of SSL_CERT_FILE is not trusted
    assert not (tmp_path / "keys.log").exists()
    assert not any(word in requests for word in (b"netrc", b"AWSENV", b"AWSFILE"))


def _in_child(environment: dict[str, str], *endpoints: str) -> list[str]:
    code = (
        "import json,sys\n"
        "from tests.attacks.traps.attacking import attacked\n"
        "print(json.dumps([attacked(e).cause for e in sys.argv[1:]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *endpoints],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("where", ['Basic realm="other.example.com"', 'Basic realm=""', "Digest x"])
def test_h6_a_challenge_for_another_realm_is_not_answered(where: str) -> None:
    """The key pair is presented in the product's own way, once, or not at all."""
    denied = reply(b"{}", f"WWW-Authenticate: {where}", status="401 Unauthorized")
    with serving(at_the_sign_in(denied)) as server:
        attacked(f"http://127.0.0.1:{server.port}")

    (sent,) = authorizations(server.requests)
    assert sent.startswith(b"ZStack ")
    assert SECRET.encode() not in b"".join(server.requests)


FORMS = {
    "plain": SECRET,
    "base64": b64encode(SECRET.encode()).decode(),
    "url": quote(SECRET, safe=""),
    "pair": b64encode(f"{ACCESS}:{SECRET}".encode()).decode(),
    "hash": sha256(SECRET.encode()).hexdigest(),
    "hex": SECRET.encode().hex(),
}


@pytest.mark.parametrize("form", FORMS)
def test_h8_a_secret_that_is_echoed_is_redacted(form: str) -> None:
    """In a body, a header, a reason, a redirect; in whatever spelling."""
    echo = FORMS[form]
    location = f"Location: http://127.0.0.1:1/{quote(echo)}"
    scripts = [
        at_the_sign_in(reply(f'{{"error":{{"code":"{echo}","details":"{echo}"}}}}'.encode())),
        at_the_sign_in(reply(echo.encode(), f"Server: {echo}", status=f"503 {echo}")),
        at_the_sign_in(reply(b"", location, status="302 Found")),
        always(
            reply(b"{}", f"Server: {echo}", f"Via: {echo}"), version(echo), reply(echo.encode())
        ),
    ]
    for script in scripts:
        with serving(script) as server:
            story = attacked(f"http://127.0.0.1:{server.port}")

        assert echo not in story.shown


def test_h8_the_signature_that_was_sent_is_redacted_where_it_comes_back() -> None:
    """H12 as well: who reads evidence must not be able to replay it."""

    def echoing(peer: Peer) -> None:
        for answer in (ready(), version()):
            peer.read_request()
            peer.send(answer)
        sent = authorizations([peer.read_request()])
        signatures.extend(value.rpartition(b":")[2] for value in sent)
        peer.send(reply(b'{"error":{"code":"' + signatures[0] + b'"}}', status="503 x"))

    signatures: list[bytes] = []
    with serving(echoing) as server:
        story = attacked(f"http://127.0.0.1:{server.port}")

    assert len(signatures[0]) > 20
    assert signatures[0].decode() not in story.shown


@pytest.mark.parametrize("where", ["location", "body"])
def test_h8_a_session_that_the_sign_in_opens_is_redacted_though_it_is_never_used(
    where: str,
) -> None:
    """Java servers repeat it in the URLs that they redirect to."""
    session = "0A1B2C3D4E5F60718293A4B5C6D7E8F9"
    cookies = (
        "Set-Cookie: lang=en; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/",
        f"Set-Cookie: JSESSIONID={session}; Path=/",
    )
    located = f"Location: /zstack/login;jsessionid={session}"
    answers = {
        "location": reply(b"", *cookies, located, status="302 Found"),
        "body": reply(f"no rights for session {session}".encode(), *cookies, status="403 No"),
    }
    with serving(at_the_sign_in(answers[where])) as server:
        story = attacked(f"http://127.0.0.1:{server.port}")

    assert story.cause
    assert "/zstack/login" in story.shown or "no rights for session" in story.shown
    assert session not in story.shown


@pytest.fixture(scope="module")
def slow_to_guess(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service that lets a target be tested five times a minute, and logs all it can."""
    folder = tmp_path_factory.mktemp("credentials")
    file = folder / "tokens.json"
    digest = sha256(TOKEN.encode()).hexdigest()
    TokenFile(tokens=(new_entry("ci", digest, policy={"ports": []}),)).write(file)
    with running_service(
        folder,
        CONNCHECK_TOKENS_FILE=str(file),
        CONNCHECK_TARGET_RATE="5",
        CONNCHECK_LOG_LEVEL="DEBUG",
    ) as service:
        yield service


def test_h9_many_users_are_not_sprayed_at_one_target(slow_to_guess: Service) -> None:
    """One password for a thousand accounts locks none of them, and so needs another brake."""
    with serving(at_the_sign_in(reply(b"wrong", status="401 No"))) as server:
        endpoint = f"http://127.0.0.1:{server.port}"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answers = [
            httpx.post(
                f"{slow_to_guess.url}{CALL}",
                json=a_request(endpoint, accessKey=f"user-{n}"),
                headers=headers,
                trust_env=False,
                timeout=30,
            )
            for n in range(8)
        ]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    assert len(authorizations(server.requests)) <= 5


def test_h11_a_token_is_compared_by_its_hash_in_constant_time() -> None:
    """What is compared is a digest, so that no prefix of a token takes longer than another."""
    compared: list[object] = []
    known = Tokens([SecretStr("ops:right-token"), SecretStr("ci:other-token")])

    def watch(_: object, event: str, function: object) -> None:
        if event == "c_call" and getattr(function, "__name__", "") == "compare_digest":
            compared.append(function)

    sys.setprofile(watch)
    try:
        known.caller_of("Bearer right-token")
        known.caller_of("Bearer wrong")
    finally:
        sys.setprofile(None)

    assert len(compared) == 4  # every known token each time, whichever it is


def test_h12_no_signed_header_is_in_any_log(slow_to_guess: Service) -> None:
    """SigV4 and its like can be replayed for minutes."""
    with serving(at_the_sign_in(reply(b"{}"))) as server:
        slow_to_guess.test(f"http://127.0.0.1:{server.port}")
        signatures = [value.rpartition(b":")[2] for value in authorizations(server.requests)]
    poll(lambda: "audit" in slow_to_guess.log_text())

    assert signatures
    kept = b"".join(
        path.read_bytes()
        for path in [slow_to_guess.log, *slow_to_guess.data_dir.rglob("*")]
        if path.is_file()
    )
    assert b"step=" in kept
    assert not any(signature in kept for signature in signatures)


@pytest.mark.parametrize(
    ("faults", "cause", "tokens"),
    [
        ({}, "api.catalog_unreachable", 2),
        ({"projects": "fails"}, "http.500", 1),
        ({"projects": "cuts"}, "http.empty_reply", 1),
        ({"projects": "hangs"}, "http.header_timeout", 1),
        ({"scope": "fails"}, "auth.project_not_found", 1),
        ({"scope": "cuts"}, "http.empty_reply", 1),
        ({"scope": "hangs"}, "http.header_timeout", 1),
    ],
)
def test_h13_a_session_is_ended_however_the_test_ends(
    faults: dict[Call, Fault], cause: str, tokens: int
) -> None:
    """A platform that is in trouble is tested again and again, and runs out of sessions."""
    keystone = Keystone(faults, catalogue=["http://127.0.0.1:1/"])
    with serving(keystone.serve) as server:
        url = f"http://127.0.0.1:{server.port}"
        story = attacked(url, productType="openstack", budget_s=1.0)

    assert story.cause == cause
    assert len(keystone.given) == tokens
    assert keystone.valid == set()


def test_h13_a_platform_that_does_not_end_a_session_is_told_and_not_failed() -> None:
    """It works; that a session stays open is for its administrator to know."""
    with serving(hold) as service:
        catalogue = [f"http://127.0.0.1:{service.port}/"]
        keystone = Keystone({"revoke": "fails"}, catalogue)
        with serving(keystone.serve) as server:
            story = attacked(f"http://127.0.0.1:{server.port}", productType="openstack")

    assert story.cause == ""
    (told,) = [step for step in story.ended if "session_left_open" in step.facts]
    assert (told.step, told.facts["session_left_open"]) == ("authorize", "http 500")
    assert len(keystone.valid) == 2
