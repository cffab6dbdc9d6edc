"""Take the pictures of the page that documents show: `python -m tests.page.pictures`."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from tests.certificates.authority import Authority
from tests.page.conftest import QUIET
from tests.page.visitor import TOKEN, choose, fill, mocked, signed_in, start
from tests.running.service import running_service
from tests.running.sites import service_with_sites
from tests.stand_ins.zstack import ZstackNode, zstack_node

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
PLATFORMS = 400
OWNERS = ("Alice", "Bob", "Carol")


def main() -> None:
    """Take all of them."""
    with (
        TemporaryDirectory() as directory,
        running_service(Path(directory), CONNCHECK_TOKENS=f"me:{TOKEN}") as service,
        zstack_node(ZstackNode(keys={f"AK{n:06}": "SECRET" for n in range(PLATFORMS)})) as (
            _,
            port,
        ),
        sync_playwright() as playwright,
    ):
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=[*QUIET])
        wide = browser.new_context(
            base_url=service.url, locale="en-US", viewport={"width": 1200, "height": 760}
        )
        page = signed_in(wide.new_page())
        mocked(page, "tls.hostname_mismatch")
        page.get_by_role("button", name="Test", exact=True).wait_for()  # it is shown in full
        page.screenshot(path=PICTURES / "page-failed.png")
        choose(page, listed(Path(directory), port))
        page.locator(".problems").wait_for()
        page.screenshot(path=PICTURES / "page-look.png")
        start(page, PLATFORMS)
        page.get_by_role("button", name="Retry failed tests").wait_for()
        page.screenshot(path=PICTURES / "page-many.png")
        phone = browser.new_context(
            base_url=service.url,
            locale="zh-CN",
            viewport={"width": 390, "height": 844},
            color_scheme="dark",
        ).new_page()
        phone.goto("/")
        phone.locator("#token").fill(TOKEN)
        phone.locator(".sign-in button").click()
        phone.locator("#mock").select_option("tcp.refused")
        phone.locator("button.primary").click()
        phone.locator(".job .actions").wait_for()
        phone.locator(".result").screenshot(path=PICTURES / "page-phone.png")
        browser.close()
    compared()


def compared() -> None:
    """Take the picture of a comparison of two sites, of which one trusts the platform."""
    authority = Authority()
    with TemporaryDirectory() as directory, sync_playwright() as playwright:
        trusted = Path(directory, "ca.pem")
        trusted.write_text(authority.pem)
        with (
            service_with_sites(Path(directory), "fra1", CONNCHECK_TOKENS=f"me:{TOKEN}") as up,
            up[1].worker(up[0], "fra1", CONNCHECK_CA_FILE=str(trusted)),
            zstack_node(tls=authority.server("localhost")) as (_, port),
        ):
            path = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=path, args=[*QUIET])
            context = browser.new_context(
                base_url=up[0].url, locale="en-US", viewport={"width": 1200, "height": 960}
            )
            page = signed_in(context.new_page())
            fill(page, f"https://localhost:{port}")
            page.get_by_role("button", name="Compare sites").click()
            page.get_by_role("button", name="Download report").wait_for()
            page.screenshot(path=PICTURES / "page-compare.png")
            browser.close()


def listed(directory: Path, port: int) -> Path:
    """Return a list of platforms of which some fail in several ways, as people keep one."""
    rows = ["Name;Type;Host;Port;User;Password;label.owner;Comment"]
    for n in range(PLATFORMS):
        closed = n % 9 == 0
        host = f"https://127.0.0.1:{port}" if n % 9 == 1 else "127.0.0.1"
        secret = "WRONG" if n % 17 == 5 else "SECRET"
        owner = OWNERS[n % 7 % len(OWNERS)]
        cells = [f"site-{n:03}", "zstack", host, 9 if closed else port, f"AK{n:06}", secret, owner]
        rows.append(";".join(map(str, [*cells, ""])))
    rows.append(f"site-{PLATFORMS};zstack;http://me:word@192.0.2.7;8080;AK000400;SECRET;Bob;")
    path = directory / "platforms.csv"
    path.write_text("\n".join(rows))
    return path


if __name__ == "__main__":
    main()
