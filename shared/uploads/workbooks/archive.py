"""Unpack parts of a zip archive whose bytes are hostile."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from shared.uploads.workbooks.damage import damaged, encrypted, too_large

_MOST_ENTRIES = 2000
_MOST_DIRECTORY_BYTES = 524_288
MOST_UNPACKED_BYTES = 268_435_456
"""Of all parts that are read: 50,000 rows of 25 columns take half of it."""
_MOST_RATIO = 400
"""Deflate reaches 1032; 500,000 empty rows reach 100."""
_FREE_BYTES = 1_048_576  # before the ratio counts
_PIECE_BYTES = 16_384

# APPNOTE.TXT 6.3, 4.3.16 and 4.3.15.
_END = b"PK\x05\x06"
_END_BYTES = 22
_ZIP64_LOCATOR = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES = 20
_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 1  # bit of the flags
# Others can ask for any amount of memory, and no spreadsheet writes them.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Archive:
    """The parts of an archive; nothing of it is ever on a disk.

    Raises:
        UploadError: It is damaged, encrypted, or built to cost more than its bytes tell.
    """

    def __init__(self, body: io.BytesIO) -> None:
        with body.getbuffer() as view:  # one that an error's traceback kept would hold the body
            _check_directory(view)
        archive = _archive(body)
        _check_entries(archive.infolist(), archive.start_dir)
        self._archive = archive
        self._entries = {entry.filename: entry for entry in archive.infolist()}
        self._unpacked = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parts."""
        return tuple(self._entries)

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield the unpacked bytes of the part `name`, while they are unpacked.

        Raises:
            UploadError: There is no such part, it is damaged, or unpacks to too much.
        """
        if name not in self._entries:
            raise damaged()
        entry = self._entries[name]
        if entry.file_size > MOST_UNPACKED_BYTES - self._unpacked:
            raise too_large()
        most = max(_FREE_BYTES, entry.compress_size * _MOST_RATIO)
        unpacked = 0
        part = self._opened(entry)
        while piece := _next_piece(part):
            unpacked += len(piece)
            self._unpacked += len(piece)
            if unpacked > most or self._unpacked > MOST_UNPACKED_BYTES:
                raise too_large()
            yield piece

    def start_of(self, name: str, most_bytes: int) -> bytes:
        """Return the first bytes of the part `name`; nothing if there is none."""
        if name not in self._entries:
            return b""
        return next(self.pieces(name), b"")[:most_bytes]

    def _opened(self, entry: zipfile.ZipInfo) -> IO[bytes]:
        try:
            return self._archive.open(entry)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError):
            pass  # not raised here: the exception would be the context
        raise damaged()


def _archive(body: io.BytesIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(body)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError):
        pass  # not raised here: the exception would be the context
    raise damaged()


def _next_piece(part: IO[bytes]) -> bytes:
    try:
        return part.read(_PIECE_BYTES)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError):
        pass  # not raised here, as above
    raise damaged()


def _check_directory(body: memoryview) -> None:
    """Raise where the directory is not what it says, before anything is made of its entries."""
    end = len(body) - _END_BYTES
    # With a comment behind it, programs differ in what they take for the end.
    if end < 0 or body[end : end + 4] != _END or bytes(body[-2:]) != b"\0\0":
        raise damaged()
    locator = end - _ZIP64_LOCATOR_BYTES
    if locator >= 0 and body[locator : locator + 4] == _ZIP64_LOCATOR:
        raise damaged()
    entries = int.from_bytes(body[end + 10 : end + 12], "little")
    directory_bytes = int.from_bytes(body[end + 12 : end + 16], "little")
    if entries > _MOST_ENTRIES or directory_bytes > _MOST_DIRECTORY_BYTES:
        raise too_large()


def _check_entries(entries: list[zipfile.ZipInfo], directory: int) -> None:
    if len(entries) > _MOST_ENTRIES:
        raise too_large()
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise encrypted()
    is_odd = any(entry.compress_type not in _METHODS for entry in entries)
    has_twins = len({entry.filename.casefold() for entry in entries}) < len(entries)
    if is_odd or has_twins or _overlap(entries, directory):
        raise damaged()


def _overlap(entries: list[zipfile.ZipInfo], directory: int) -> bool:
    """Return whether parts share bytes, which are then unpacked again and again."""
    begun = sorted(entries, key=lambda entry: entry.header_offset)
    ends = [*(entry.header_offset for entry in begun[1:]), directory]
    return any(
        not 0 <= entry.header_offset <= end - _LOCAL_HEADER_BYTES - entry.compress_size
        for entry, end in zip(begun, ends, strict=False)
    )
