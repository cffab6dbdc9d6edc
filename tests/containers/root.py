"""The root directory of an image, filled with this machine's own files."""

import io
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

SHELL: Final = ("dash", "rm")
_LIBRARY: Final = re.compile(r"(?:=> )?(/\S+) \(0x")


class Root:
    """The root directory of an image, as it grows."""

    def __init__(self, file: Path) -> None:
        self._tar = tarfile.open(file, "w")  # noqa: SIM115 -- closed below
        self._held: set[str] = set()
        for name in ("tmp", "var/tmp"):
            self.directory(name, mode=0o1777)
        self.text("etc/passwd", "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
        self.text("etc/group", "root:x:0:\nnogroup:x:65534:\n")
        self.text("etc/nsswitch.conf", "hosts: files dns\n")
        self.directory("usr/sbin")
        self.link("bin", "usr/bin")
        self.programs(*SHELL)
        self.link("usr/bin/sh", "dash")

    def close(self) -> None:
        """Write the end."""
        self._tar.close()

    def directory(self, name: str, mode: int = 0o755, owner: int = 0) -> None:
        """Add an empty directory."""
        self._add(name, tarfile.DIRTYPE, mode, owner)

    def text(self, name: str, content: str, mode: int = 0o644) -> None:
        """Add a file with this text."""
        self._add(name, tarfile.REGTYPE, mode, content=content.encode())

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self._add(name, tarfile.SYMTYPE, target=target)

    def programs(self, *names: str, to: str = "usr/bin") -> None:
        """Add programs of this machine, and the libraries that they need."""
        for name in names:
            self.program(Path(found(name)), f"{to}/{name}")

    def program(self, path: Path, name: str) -> None:
        """Add a program under another path, and the libraries that it needs."""
        self._file(path.resolve(), name)
        self.libraries([path])

    def tree(
        self, path: Path, name: str, leave_out: Callable[[str], bool] = lambda _: False
    ) -> None:
        """Add a directory, and the libraries that the libraries in it need."""
        for folder, folders, files in os.walk(path):
            folders[:] = [one for one in folders if not leave_out(one)]
            inside = f"{name}/{Path(folder).relative_to(path)}"
            for file in (Path(folder, one) for one in files if not leave_out(one)):
                self._file(file.resolve(), str(Path(inside, file.name)))
        if libraries := list(path.rglob("*.so")):
            self.libraries(libraries)

    def libraries(self, programs: Iterable[Path]) -> None:
        """Add the shared libraries that programs need to where every loader looks."""
        printed = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False)
        for found in dict.fromkeys(_LIBRARY.findall(printed.stdout)):
            is_loader = Path(found).name.startswith("ld-")
            name = found.lstrip("/") if is_loader else f"usr/lib/{Path(found).name}"
            self._file(Path(found).resolve(), name)

    def _file(self, path: Path, name: str) -> None:
        if name not in self._held and path.is_file():
            self._add(name, tarfile.REGTYPE, path.stat().st_mode & 0o777, content=path.read_bytes())

    def _add(
        self,
        name: str,
        kind: bytes,
        mode: int = 0o755,
        owner: int = 0,
        *,
        target: str = "",
        content: bytes = b"",
    ) -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.linkname, entry.size = kind, mode, target, len(content)
        entry.uid = entry.gid = owner
        self._tar.addfile(entry, io.BytesIO(content))
        self._held.add(name)


def found(name: str) -> str:
    """Return the path of a program of this machine."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert path, name
    return path
