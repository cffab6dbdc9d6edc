"""The code on docs/client.md, as a portal would run it."""

import re
from pathlib import Path

import pytest

from tests.certificates.authority import Authority
from tests.running.service import Service, a_request
from tests.stand_ins.zstack import ZstackNode, zstack_node

PAGE = Path(__file__).parents[2] / "docs" / "client.md"
PROGRAM = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S))


def test_the_code_on_the_page_runs(
    service: Service,
    node: tuple[ZstackNode, str],
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is what a portal's developer copies."""
    monkeypatch.setenv("CONNCHECK_URL", service.url)
    monkeypatch.setenv("CONNCHECK_TOKEN", service.token)
    node[0].keys["AK2"] = "SECRET"
    form = a_request(node[1])
    forms = [form, a_request(node[1], accessKey="AK2"), a_request(node[1], accessKey="NOBODY")]
    with zstack_node(tls=authority.server("localhost")) as (_, port):
        program = {"form": form, "forms": forms, "tls_endpoint": f"https://localhost:{port}"}
        exec(compile(PROGRAM, str(PAGE), "exec"), program)  # noqa: S102 -- our own page
    program["client"].close()  # type: ignore[attr-defined]

    printed = capsys.readouterr().out.splitlines()
    assert program["choices"]["zstack"] == "ZStack Cloud"  # type: ignore[index]
    assert "{}" in printed
    assert "finished True" in printed
    assert "True" in printed  # over the pinned certificate
    assert "2 of 3 passed" in printed
    assert "1 auth.unknown_access_key ['2']" in printed
    assert "label.owner {'Bob': 1, 'Alice': 0}" in printed
    assert [line for line in printed if line.startswith("auth.secret_mismatch caller ")]
    assert "authorize: passed" in "\n".join(printed)
    assert "authenticate {'default': 'passed'}" in printed
    assert "default: authenticate passed" in printed
    assert "comparison finished" in printed
    assert printed[-1] == "[True, True, False]"
