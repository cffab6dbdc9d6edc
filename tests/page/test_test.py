"""The view that tests one platform."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.certificates.crafted import self_signed
from tests.page.conftest import PLAIN_HOST, Node
from tests.page.visitor import begin, fill, mocked, signed_in
from tests.running.service import Service
from tests.stand_ins.zstack import zstack_node

HOSTILE = "<img src=x onerror=document.title='taken'><script>document.title='taken'</script>"


def test_a_healthy_platform_is_shown_step_by_step(page: Page, node: Node) -> None:
    """The one glance that most visits are about."""
    fill(page, node[1])
    begin(page)

    expect(page.get_by_role("heading", name="Passed", exact=True)).to_be_visible()
    expect(page.locator(".step.passed")).to_have_count(6)
    expect(page.locator(".bar .fill")).to_have_count(6)


def test_where_there_is_one_site_there_is_no_choice(page: Page, node: Node) -> None:
    """A field with one value is a riddle, and most services have no other site."""
    fill(page, node[1])
    begin(page)

    expect(page.get_by_role("heading", name="Passed", exact=True)).to_be_visible()
    expect(page.get_by_label("Test from")).to_have_count(0)
    expect(page.locator(".about")).not_to_contain_text("default")


def test_the_key_pair_of_another_account_is_told(page: Page, node: Node) -> None:
    """The right key pair of the wrong account passes everything else."""
    fill(page, node[1])
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("Expected account").fill("shop")
    begin(page)

    expect(page.locator(".job h2")).to_contain_text("admin instead of shop")
    expect(page.get_by_label("Expected tenant")).to_have_count(0)  # ZStack tells none


def test_steps_appear_while_the_test_runs(page: Page, node: Node) -> None:
    """Somebody who waits wants to see where it stands."""
    node[0].hold = threading.Event()
    fill(page, node[1])
    begin(page)

    expect(page.locator(".step.live")).to_contain_text("authenticate")
    expect(page.locator(".step.passed")).to_have_count(4)
    expect(page.locator(".step.to-come")).to_have_count(1)
    node[0].hold.set()
    expect(page.locator(".step.passed")).to_have_count(6)


def test_a_running_test_can_be_cancelled(page: Page, node: Node) -> None:
    """The wrong endpoint was typed; nobody wants to wait for that."""
    node[0].hold = threading.Event()
    fill(page, node[1])
    begin(page)
    expect(page.locator(".step.live")).to_contain_text("authenticate")
    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()
    node[0].hold.set()


def test_a_failure_says_why_and_what_to_do_and_marks_the_field(page: Page, node: Node) -> None:
    """This is what the service exists for."""
    fill(page, node[1], secret_key="WRONG")
    begin(page)

    expect(page.locator(".job h2")).to_contain_text("secret")
    expect(page.locator(".step.to-come")).to_contain_text(["authenticate failed"])
    finding = page.locator(".step.failed .finding")
    expect(finding).to_contain_text("auth.secret_mismatch")
    expect(finding.get_by_role("link", name="auth.secret_mismatch")).to_have_attribute(
        "href", "/docs/causes/auth.secret_mismatch?lang=en"
    )
    expect(finding.locator(".remedies li").first).to_be_visible()
    expect(page.get_by_label("Secret key")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Endpoint")).not_to_have_attribute("aria-invalid", "true")


def test_a_refused_field_is_marked_with_its_reason(page: Page) -> None:
    """A 422 names the field; the page shows it there."""
    fill(page, "https://user:word@cloud.example.com")
    begin(page)

    expect(page.get_by_role("alert")).to_contain_text("Endpoint:")
    expect(page.get_by_label("Endpoint")).to_have_attribute("aria-invalid", "true")


def test_a_refused_request_does_not_leave_the_older_result(page: Page) -> None:
    """Beside the reason, it would look like the refused request's own result."""
    mocked(page, "healthy")
    page.get_by_label("Endpoint").fill("https://user:word@cloud.example.com")
    begin(page)

    expect(page.get_by_role("alert")).to_contain_text("Endpoint:")
    expect(page.locator(".job")).to_have_count(0)
    expect(page).to_have_url(re.compile("#test$"))


def test_a_link_to_a_job_that_is_gone_shows_only_the_reason(page: Page) -> None:
    """Jobs expire; "Waiting in the queue" would be false."""
    page.goto(f"/#job/{'0' * 32}")

    expect(page.get_by_role("alert")).to_contain_text("no such job")
    expect(page.locator(".job")).to_have_count(0)


@pytest.mark.parametrize("job", ["mock-healthy?", "no/such/job", ".."])
def test_an_address_that_names_no_job_says_so(page: Page, job: str) -> None:
    """A link that was copied badly must not look like a job that waits for a worker."""
    page.goto(f"/#job/{job}")

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator(".job")).to_have_count(0)
    expect(page.get_by_role("button", name="Test", exact=True)).to_be_enabled()


def test_the_copied_link_is_the_jobs_whatever_was_looked_at_since(page: Page) -> None:
    """A colleague is sent the result, not an empty form."""
    mocked(page, "tcp.refused")
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="Test", exact=True).click()
    expect(page).to_have_url(re.compile("#job/mock-tcp.refused$"))
    page.context.grant_permissions(["clipboard-read"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()

    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("/#job/mock-tcp.refused")


def test_copying_works_without_https(browser: Browser, service: Service) -> None:
    """Browsers have no navigator.clipboard there, and many services stand behind plain http."""
    plain = service.url.replace("127.0.0.1", PLAIN_HOST)
    page = browser.new_context(base_url=plain, locale="en-US").new_page()
    signed_in(page)
    assert page.evaluate("navigator.clipboard") is None
    mocked(page, "tcp.refused")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()

    page.get_by_label("Endpoint").fill("")
    page.get_by_label("Endpoint").press("Control+V")
    expect(page.get_by_label("Endpoint")).to_have_value(f"{plain}/#job/mock-tcp.refused")
    page.context.close()


def test_a_button_that_copied_still_changes_its_language(page: Page) -> None:
    """What it said for a moment must not stay."""
    mocked(page, "tcp.refused")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copy link")).to_be_visible()
    page.get_by_role("button", name="中文").click()

    expect(page.get_by_role("button", name="复制链接")).to_be_visible()


def test_a_mock_answer_is_marked_as_one(page: Page) -> None:
    """Nobody may take it for a test."""
    mocked(page, "tls.expired")

    expect(page.get_by_text("Mock result: nothing was tested.")).to_be_visible()
    expect(page.locator(".step.failed")).to_contain_text("tls_handshake")


def test_what_a_platform_says_never_becomes_markup(page: Page, service: Service) -> None:
    """Every byte of it is hostile (Fortify CVE-2023-4303)."""

    class Hostile(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Server", HOSTILE)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        fill(page, f"http://127.0.0.1:{server.server_port}")
        begin(page)
        expect(page.locator(".step.failed .finding")).to_be_visible()
        page.locator(".step.passed summary", has_text="http_response").click()
        expect(page.locator(".result")).to_contain_text("<img src=x")
        server.shutdown()

    assert page.title() == "conncheck"
    assert page.locator(".result img, .result script").count() == 0


def test_a_report_can_be_handed_on_and_holds_no_secret(page: Page, node: Node) -> None:
    """A colleague gets what was found, not the key."""
    fill(page, node[1], secret_key="HANDED-ON")
    begin(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download report").click()
    report = waiting.value.path().read_text()

    assert "auth.secret_mismatch" in report
    assert "HANDED-ON" not in report


def test_a_link_shows_the_same_job_to_a_colleague(page: Page, node: Node) -> None:
    """Who may see it gives a token of the same tenant."""
    fill(page, node[1])
    begin(page)
    expect(page.locator(".step.passed")).to_have_count(6)
    page.get_by_role("link", name="History").click()
    page.locator(".history a").first.click()

    expect(page).to_have_url(re.compile("#job/"))
    expect(page.get_by_role("heading", name="Passed", exact=True)).to_be_visible()


def test_everything_can_be_done_from_the_keyboard(page: Page, node: Node) -> None:
    """Not everybody has a mouse, or eyes for it."""
    page.get_by_label("Endpoint").focus()
    page.keyboard.press("Control+A")
    for text in (node[1], "AKID", "SECRET"):
        page.keyboard.press("Control+A")
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.get_by_label("Secret key").focus()
    page.keyboard.press("Enter")

    expect(page.locator(".step.passed")).to_have_count(6)
    page.locator(".step.passed summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".step.passed .finding").first).to_be_visible()


def test_it_speaks_chinese(page: Page) -> None:
    """The users of the documented API read it."""
    page.get_by_role("button", name="中文").click()
    page.get_by_label("模式").select_option("tcp.refused")
    page.get_by_role("button", name="测试", exact=True).click()

    expect(page.locator(".job h2")).to_contain_text("拒绝")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"


def test_a_self_signed_certificate_is_looked_at_pinned_and_then_accepted(page: Page) -> None:
    """The usual first hour with an appliance."""
    issued = self_signed("127.0.0.1")
    with zstack_node(tls=issued.server_context()) as (_, port):
        fill(page, f"https://127.0.0.1:{port}")
        page.get_by_role("button", name="Inspect certificate").click()
        expect(page.locator(".certificates .tag.bad")).to_have_text("Not trusted")
        expect(page.locator(".certificate")).to_contain_text("127.0.0.1")
        page.get_by_role("button", name="Pin this certificate").click()
        expect(page.get_by_text("Pinned: tests accept only this certificate.")).to_be_visible()
        begin(page)

        expect(page.locator(".step.passed")).to_have_count(7)


def test_an_option_with_known_values_is_chosen_from_them(page: Page) -> None:
    """Nobody knows by heart how they are spelled."""
    page.get_by_label("Product").select_option("openstack")
    page.locator(".options summary").click()
    options = page.get_by_label("Sign in with").locator("option")
    expect(options).to_have_text(["Not set", "applicationCredential", "password"])
    expect(page.get_by_label("Interface").locator("option").first).to_have_text("Default: public")

    page.get_by_label("Interface").select_option("admin")
    page.get_by_label("Endpoint").fill("http://127.0.0.1:1")
    with page.expect_request("**/jobs") as sent:
        begin(page)
    assert (sent.value.post_data_json or {})["options"] == {"interface": "admin"}


def test_the_form_and_its_refusals_change_their_language(page: Page) -> None:
    """A visitor who changes it wants to read all of it."""
    page.get_by_role("button", name="中文").click()
    page.get_by_label("产品类型").select_option("zstack")
    page.locator(".options summary").click()
    expect(page.get_by_label("时区")).to_be_visible()
    page.get_by_label("地址").fill("https://user:word@cloud.example.com")
    page.get_by_role("button", name="测试", exact=True).click()

    expect(page.get_by_role("alert")).to_have_text("地址：endpoint 中不能带有用户名或密码")  # noqa: RUF001
    assert page.get_by_label("产品类型").locator("option[value=tcp]").inner_text() == "TCP 端口"


def test_a_plain_product_asks_for_no_key_pair(page: Page, node: Node) -> None:
    """There is nothing to sign in to."""
    page.get_by_label("Product").select_option("tcp")

    expect(page.get_by_label("Access key")).to_have_count(0)
    expect(page.locator("#about-endpoint")).to_have_text(
        "Example: db.example.com:5432. Include the port."
    )
    page.get_by_label("Endpoint").fill(node[1])
    begin(page)
    expect(page.locator(".step.passed")).to_have_count(2)
    expect(page.locator(".job .about code")).to_have_text(node[1])
