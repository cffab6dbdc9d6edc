import stat
import subprocess
import sys
from pathlib import Path

import pytest

from shared.sealing import Opener, Sealer, new_key_pair, public_key_of
from shared.signing import Signer, Verifier, new_signing_pair, statement, verification_key_of

PUBLIC, PRIVATE = "CONNCHECK_SEALING_PUBLIC_KEY", "CONNCHECK_SEALING_PRIVATE_KEYS"
SIGN, VERIFY = "CONNCHECK_SIGNING_PRIVATE_KEYS", "CONNCHECK_SIGNING_PUBLIC_KEYS"
A_JOB = statement("job", "4f2a")
STAGES = ("add", "use", "drop")


def conncheck(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "conncheck"), "keys", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def settings_in(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)


def test_at_each_stage_the_workers_can_open_what_the_api_seals(tmp_path: Path) -> None:
    """A job that nobody can open is lost, with whatever waits in its batch."""
    private, public = new_key_pair()
    file = tmp_path / ".env"
    file.write_text(f"# ours\nREDIS_PASSWORD=a=b\n{PUBLIC}={public}\n{PRIVATE}={private}\n")
    file.chmod(0o600)
    before = Sealer(public).seal(b"content", "4f2a")

    for stage in ("add", "use", "drop"):
        done = conncheck(stage, "--env-file", str(file))
        assert (done.returncode, "Restart" in done.stdout) == (0, True), done.stderr
        now = settings_in(file)
        opener = Opener(now[PRIVATE].split(","))
        assert opener.open(Sealer(now[PUBLIC]).seal(b"new", "4f2b"), "4f2b") == b"new"
        if stage != "drop":
            assert opener.open(before, "4f2a") == b"content"

    assert now[PRIVATE] != private
    assert now["REDIS_PASSWORD"] == "a=b"
    assert file.read_text().startswith("# ours\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == [".env"]


def test_at_each_stage_the_workers_recognize_what_the_api_signs(tmp_path: Path) -> None:
    """Neither restarts at the same moment as the other, and jobs wait meanwhile."""
    private, public = new_signing_pair()
    workers, api = tmp_path / "worker.env", tmp_path / "api.env"
    workers.write_text(f"{PRIVATE}={new_key_pair()[0]}\n{VERIFY}={public}\n")
    api.write_text(f"{SIGN}={private}\n")
    before, signers = Signer([private]).sign(A_JOB), [Signer([private])]

    for stage in STAGES:
        done = conncheck(stage, "--env-file", str(workers), "--api-env-file", str(api))
        assert done.returncode == 0, done.stderr
        verifier = Verifier(settings_in(workers)[VERIFY].split(","))
        signers.append(Signer(settings_in(api)[SIGN].split(",")))
        assert all(verifier.is_signed(A_JOB, signer.sign(A_JOB)) for signer in signers[-2:])
        assert verifier.is_signed(A_JOB, before) == (stage != "drop")
        assert signers[-1].is_proved(A_JOB, Signer([private]).prove(A_JOB)) == (stage != "drop")

    now = settings_in(api)[SIGN]
    assert now != private
    assert settings_in(workers)[VERIFY] == verification_key_of(now)


def test_an_older_installation_signs_jobs_after_the_three_stages(tmp_path: Path) -> None:
    """Workers must not ask for signatures while jobs wait that have none."""
    private, public = new_key_pair()
    workers, api = tmp_path / "worker.env", tmp_path / "api.env"
    workers.write_text(f"{PRIVATE}={private}\n")
    api.write_text(f"{PUBLIC}={public}\n")
    files = ("--env-file", str(workers), "--api-env-file", str(api))

    found = []
    for stage in STAGES:
        conncheck(stage, *files)
        found.append((SIGN in settings_in(api), VERIFY in settings_in(workers)))

    assert found == [(False, False), (True, False), (True, True)]
    assert settings_in(workers)[VERIFY] == verification_key_of(settings_in(api)[SIGN])


def test_the_api_may_have_a_file_of_its_own(tmp_path: Path) -> None:
    """It never gets to see a private key that opens jobs, nor a worker one that signs them."""
    private, public = new_key_pair()
    workers, api = tmp_path / "worker.env", tmp_path / "api.env"
    workers.write_text(f"{PRIVATE}={private}\n")
    api.write_text(f"{PUBLIC}={public}\n")
    files = ("--env-file", str(workers), "--api-env-file", str(api))

    conncheck("add", "--env-file", str(workers))
    early = conncheck("drop", *files)
    conncheck("use", *files)
    late = conncheck("drop", *files)

    assert (early.returncode, "run `use` first" in early.stderr) == (2, True)
    assert late.returncode == 0
    assert settings_in(api).keys() == {PUBLIC, SIGN}
    assert settings_in(workers).keys() == {PRIVATE, VERIFY}
    assert settings_in(api)[PUBLIC] == public_key_of(settings_in(workers)[PRIVATE])


def test_the_file_with_the_key_that_signs_is_asked_for(tmp_path: Path) -> None:
    """With a new public key alone, the old one would sign for ever."""
    workers = tmp_path / "worker.env"
    content = f"{PRIVATE}={new_key_pair()[0]}\n{VERIFY}={new_signing_pair()[1]}\n"
    workers.write_text(content)

    for stage in ("add", "use"):
        refused = conncheck(stage, "--env-file", str(workers))
        assert (refused.returncode, SIGN in refused.stderr) == (2, True)

    assert workers.read_text() == content


@pytest.mark.parametrize("content", ["", f"{PRIVATE}=\n", f"{PRIVATE}=hunter2\n"])
def test_a_file_without_keys_stays_as_it_is(tmp_path: Path, content: str) -> None:
    """A pair that was made up would open nothing that is queued."""
    file = tmp_path / ".env"
    file.write_text(content)

    refused = conncheck("add", "--env-file", str(file))

    assert (refused.returncode, PRIVATE in refused.stderr) == (2, True)
    assert "hunter2" not in refused.stderr
    assert file.read_text() == content
    assert conncheck("use", "--env-file", str(tmp_path / "none")).returncode == 2
