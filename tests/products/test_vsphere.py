"""vSphere against the simulator of govmomi, the library that the vendor's own tools are made with.

It is built from Debian's golang-github-vmware-govmomi-dev, and is a 6.5 that grants every privilege
to everybody, so what a user lacks is left to recorded answers.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.products.pipeline import Outcome, outcome_of

pytestmark = pytest.mark.timeout(300)

PACKAGES = Path("/usr/share/gocode")
SOURCE = Path(__file__).with_name("vsphere_simulator.go")
USER, PASSWORD = "administrator@vsphere.local", "p<w&d"
STOP_S = 20
ALWAYS = {"api.version_eol", "tls.identity_unchecked"}  # it is a 6.5 with a certificate of its own


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the simulator, and give its program."""
    go = shutil.which("go")
    if not go or not (PACKAGES / "src/github.com/vmware/govmomi/simulator").exists():
        pytest.skip("golang-go or golang-github-vmware-govmomi-dev is missing")
    folder = tmp_path_factory.mktemp("simulator")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "GO111MODULE": "off",
        "GOPATH": str(PACKAGES),
        "CGO_ENABLED": "0",
    }
    program = folder / "simulator"
    subprocess.run([go, "build", "-o", program, SOURCE], env=environment, check=True)
    return program


@contextmanager
def serving(simulator: Path, kind: str) -> Iterator[str]:
    """Run the simulator while the block runs; gives its endpoint."""
    server = subprocess.Popen(
        [str(simulator), kind, USER, PASSWORD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout
        yield f"https://{server.stdout.readline().strip()}"
    finally:
        server.terminate()
        server.communicate(timeout=STOP_S)


@pytest.fixture(scope="module")
def vcenter(simulator: Path) -> Iterator[str]:
    """Give the endpoint of a vCenter."""
    with serving(simulator, "vcenter") as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def esxi(simulator: Path) -> Iterator[str]:
    """Give the endpoint of a single host."""
    with serving(simulator, "esxi") as endpoint:
        yield endpoint


def found_at(endpoint: str, pair: tuple[str, str] = (USER, PASSWORD), **options: str) -> Outcome:
    keys = {"accessKey": pair[0], "secretKey": pair[1]}
    return outcome_of("vsphere", endpoint, keys, tls={"verify": False}, **options)


def test_a_vcenter_passes_all_steps(vcenter: str) -> None:
    """It reads our SOAP, and we read its."""
    outcome = found_at(vcenter)

    assert outcome.cause is None
    assert outcome.warnings == ALWAYS
    assert outcome.facts("product_identify")["kind"] == "vcenter"
    assert outcome.facts("product_identify")["version"] == "6.5.0"
    assert outcome.facts("authorize")["lack"] == ()


def test_a_single_host_is_told_from_a_vcenter(esxi: str) -> None:
    """Both serve the same API at the same path."""
    outcome = found_at(esxi)

    assert outcome.cause is None
    assert outcome.warnings == {*ALWAYS, "api.esxi_instead_of_vcenter"}
    assert outcome.facts("product_identify")["kind"] == "esxi"
    assert found_at(esxi, kind="esxi").warnings == ALWAYS


def test_the_wrong_one_of_the_two_fails_before_the_login(vcenter: str) -> None:
    """The password is for the other one."""
    assert found_at(vcenter, kind="esxi").cause == ("authenticate", "api.wrong_vsphere_kind")


@pytest.mark.parametrize("pair", [(USER, "wrong"), ("nobody@vsphere.local", PASSWORD)])
def test_a_wrong_password_and_an_unknown_user_are_one_refusal(
    vcenter: str, pair: tuple[str, str]
) -> None:
    """The fault InvalidLogin stands for both."""
    assert found_at(vcenter, pair).cause == ("authenticate", "auth.login_refused")
