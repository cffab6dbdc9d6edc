"""What `make` says where it can't install anything."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).parents[2]
NOBODY = 65534


def test_an_unwritable_checkout_is_named() -> None:
    """It was told as a missing venv module, which was there."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("there is no make on this machine")
    is_root = os.geteuid() == 0
    with TemporaryDirectory() as checkout:  # pytest's own can't be entered by others
        shutil.copy(ROOT / "Makefile", checkout)
        Path(checkout).chmod(0o555)
        tried = subprocess.run(
            [make, "-C", checkout, ".venv/bin/python"],
            user=NOBODY if is_root else None,
            extra_groups=[] if is_root else None,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )

    assert tried.returncode != 0
    assert f"can't write to {checkout}" in tried.stderr
    assert "venv module" not in tried.stderr
