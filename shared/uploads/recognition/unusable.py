"""Known formats that can't be used, and what to send instead."""

import re

from shared.diagnosis.sentences import Sentence
from shared.uploads.recognition.head import Head

_PASSWORD = "EncryptedPackage".encode("utf-16-le")  # MS-OFFCRYPTO 2.3.1

_OLD_WORKBOOK = Sentence(
    "The file is a workbook of Excel 97-2003 (.xls), or another file of old Office programs; save "
    "it as .xlsx or as CSV."
)
_LOCKED_WORKBOOK = Sentence(
    "The file is a workbook that is protected with a password; save it without one."
)
_KEEPASS = Sentence(
    "The file is a database of KeePass; export the entries that you want to test as CSV, and send "
    "that."
)
_ARCHIVE = Sentence("The file is an archive; unpack it, and send the file in it.")
_PDF = Sentence("The file is a PDF document; send the table that it was made from.")
_IMAGE = Sentence("The file is an image; send the table itself.")
_DATABASE = Sentence("The file is a database; export the table as CSV.")
_PROGRAM = Sentence("The file is a program.")
_KEY_FILE = Sentence("The file is a certificate or a key, and not a list of platforms.")
_BINARY = Sentence("The file is not a text, and not a workbook; send CSV or .xlsx.")

# By the first bytes; see the file formats' own specifications.
_SIGNATURES: tuple[tuple[bytes, Sentence], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLD_WORKBOOK),
    (b"\x03\xd9\xa2\x9a", _KEEPASS),
    (b"%PDF-", _PDF),
    (b"\x1f\x8b", _ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", _ARCHIVE),
    (b"Rar!\x1a\x07", _ARCHIVE),
    (b"BZh", _ARCHIVE),
    (b"\xfd7zXZ\x00", _ARCHIVE),
    (b"\x28\xb5\x2f\xfd", _ARCHIVE),
    (b"\x89PNG\r\n", _IMAGE),
    (b"\xff\xd8\xff", _IMAGE),
    (b"GIF8", _IMAGE),
    (b"SQLite format 3\x00", _DATABASE),
    (b"PAR1", _DATABASE),
    (b"\x7fELF", _PROGRAM),
    (b"MZ\x90\x00", _PROGRAM),
)

_REGISTRY = Sentence(
    "The file is an export of the Windows registry, as of PuTTY's sessions; send a table with the "
    "hosts and ports instead."
)
_VAULT = Sentence(
    "The file is encrypted with ansible-vault; send what ansible-vault view shows of it."
)
_RCLONE = Sentence(
    "The file is an rclone.conf with a password; send what rclone config show prints of it."
)
_SOPS = Sentence("The file is encrypted with SOPS; send what sops decrypt prints of it.")
_TERRAFORM = Sentence(
    "The file is a state of Terraform: it has the resources, and not the platforms' addresses and "
    "key pairs."
)
_BEGINNINGS: tuple[tuple[str, Sentence], ...] = (
    ("Windows Registry Editor", _REGISTRY),
    ("REGEDIT4", _REGISTRY),
    ("$ANSIBLE_VAULT;", _VAULT),
    ("RCLONE_ENCRYPT_V", _RCLONE),
    ("-----BEGIN ", _KEY_FILE),
    ("PuTTY-User-Key-File-", _KEY_FILE),
)

_REMOTE_DESKTOP = Sentence(
    "The file is a list of Remote Desktop Connection Manager (.rdg): it has desktops of Windows, "
    "and no platforms; send a table with the hosts instead."
)
_MREMOTENG = Sentence(
    "The file is a list of mRemoteNG (confCons.xml); export it as CSV (File > Export to File), "
    "and send that."
)
_KEEPASS_XML = Sentence(
    "The file is an export of KeePass as XML; export the entries that you want to test as CSV, "
    "and send that."
)
_EXCEL_XML = Sentence(
    "The file is a workbook in XML (XML Spreadsheet 2003); save it as .xlsx or as CSV."
)
_POWERSHELL = Sentence("The file was written by Export-Clixml; use Export-Csv instead.")
_VCENTER = Sentence(
    "The file is an inventory of vCenter as XML: it has virtual machines, and no platforms with "
    "their key pairs; send a table with the vCenters instead."
)
_HTML = Sentence(
    "The file is a web page, even if its name ends in .xls; open it in a spreadsheet, and save it "
    "as .xlsx or as CSV."
)
_XML = Sentence("The file is XML; send a table, JSON or YAML.")
# By what stands in the first kilobytes, in this order.
_MARKUP: tuple[tuple[str, Sentence], ...] = (
    (r"<RDCMan\b", _REMOTE_DESKTOP),
    (r"<mrng:Connections\b|<Connections\s[^>]*\bConfVersion=", _MREMOTENG),
    (r"<KeePassFile\b|<pwlist\b", _KEEPASS_XML),
    (r"urn:schemas-microsoft-com:office:spreadsheet|progid=\"Excel\.Sheet\"", _EXCEL_XML),
    (r"http://schemas\.microsoft\.com/powershell/", _POWERSHELL),
    (r"(?i)urn:vim25|\bvmware\b|<(?:vcenter|virtualmachines?|inventory)\b", _VCENTER),
    (r"(?i)<!doctype html|<html\b|<table\b|<meta\b", _HTML),
)
_IS_MARKUP = re.compile(r"\s*<[A-Za-z!?]")
_MARKUP_CHARACTERS = 8192


def unusable_binary(head: Head) -> Sentence | None:
    """Return what a file is that is no text, and no zip archive; None for a text."""
    content = head.content
    for signature, said in _SIGNATURES:
        if content.startswith(signature):
            return _LOCKED_WORKBOOK if said is _OLD_WORKBOOK and _PASSWORD in content else said
    return _BINARY if head.is_binary else None


def unusable_text(head: Head) -> Sentence | None:
    """Return what a text is that is known and can't be used; None for any other."""
    for beginning, said in _BEGINNINGS:
        if head.first.startswith(beginning):
            return said
    if head.has_line(r'sops:[ \t]*$|\[sops\]|sops_mac=|[ \t]*"?sops"?:[ \t]*\{'):
        return _SOPS
    if not _IS_MARKUP.match(head.text):
        return None
    begin = head.text[:_MARKUP_CHARACTERS]
    return next((said for pattern, said in _MARKUP if re.search(pattern, begin)), _XML)


def unusable_members(names: frozenset[str]) -> Sentence | None:
    """Return what a JSON object with these members is, if it is known and can't be used."""
    if "terraform_version" in names and names & {"lineage", "serial", "resources"}:
        return _TERRAFORM
    return _SOPS if "sops" in names else None
