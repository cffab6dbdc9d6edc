import pytest

from shared.uploads import UploadError
from shared.uploads.recognition.head import Head
from shared.uploads.recognition.kinds import Told, kind_of

CSV = "productType,endpoint,accessKey,secretKey\nzstack,h,a,s\n"
TOLD: list[Told] = ["", "CSV", "JSON", "NDJSON", "YAML", "workbook"]


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"items": [{"name": "a"}]}', "JSON"),
        ('{\n  "total": 7,\n  "items": [', "JSON"),
        ('[{"productType": "zstack"}]', "JSON"),
        ('[\n  {\n    "productType"', "JSON"),
        ('{"name": "a"}\n{"name": "b"}\n', "NDJSON"),
        ('[{"targets": ["a:1"], "labels": {}}]', "JSON document"),
        ('{"version": "10", "aliases": {}}', "JSON document"),
        ('{"clouds": {}}', "JSON document"),
        ('{"apiVersion": "v1", "clusters": []}', "JSON document"),
        (CSV, "table"),
        ("# exported\n\n" + CSV, "table"),
        (CSV.replace(",", ";"), "table"),
        (CSV.replace(",", "\t"), "table"),
        ("sep=;\na;b\n", "table"),
        ("#TYPE System.Object\na,b\n", "table"),
        ("\ufeff" + CSV, "table"),
        ("clouds:\n  a:\n", "YAML"),
        ("# c\n---\nclouds:\n", "YAML"),
        ("apiVersion: v1\nkind: Config\n", "YAML"),
        ("global:\n  x: 1\nscrape_configs:\n", "YAML"),
        ("[default]\nregion = x\n", "INI"),
        ("# c\n[remote] ; d\ntype = s3\n", "INI"),
        ("mail.example.com\n\n[web]\na\n", "INI"),
        ("a ansible_host=b\nb\n", "INI"),
        ("#!/bin/sh\nexport OS_AUTH_URL=http://a\n", "shell"),
    ],
)
def test_content_that_is_certain_decides(text: str, kind: str, told: Told) -> None:
    """A browser knows few types, and people rename files."""
    assert kind_of(Head(text.encode()), told) == kind
    assert kind_of(Head(text.encode("utf-16")), told) == kind


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("name: a\nendpoint: b\n", {"": "YAML", "CSV": "table", "YAML": "YAML", "JSON": "JSON"}),
        ("- a\n- b\n", {"": "YAML", "CSV": "table", "NDJSON": "NDJSON"}),
        ("10.0.0.1\n10.0.0.2\n", {"": "table", "CSV": "table", "YAML": "YAML"}),
        ('{"name": "a"}\n', {"": "NDJSON", "JSON": "JSON", "NDJSON": "NDJSON"}),
        ('{\n"name": "a"}\n', {"": "JSON", "NDJSON": "NDJSON"}),
        ("{", {"": "JSON", "NDJSON": "NDJSON", "CSV": "JSON"}),
        ("x", {"": "table", "JSON": "JSON", "NDJSON": "NDJSON"}),
    ],
)
def test_what_was_told_decides_where_the_content_does_not(
    text: str, kinds: dict[Told, str]
) -> None:
    """A .csv whose first line looks like YAML stays CSV."""
    found = {told: kind_of(Head(text.encode()), told) for told in kinds}

    assert found == kinds


XML = '<?xml version="1.0" encoding="utf-8"?>\n'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x03\xd9\xa2\x9ag\xfbK\xb5\x01\x00\x03\x00", "is a database of KeePass"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a workbook of Excel 97-2003"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
            + bytes(600)
            + "EncryptedPackage".encode("utf-16-le"),
            "is a workbook that is protected with a password",
        ),
        (b"%PDF-1.7\n%\xe2\xe3", "is a PDF document"),
        (b"\x1f\x8b\x08\x00", "is an archive"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "is an archive"),
        (b"\x89PNG\r\n\x1a\n", "is an image"),
        (b"SQLite format 3\x00", "is a database; export"),
        (b"\x7fELF\x02\x01\x01", "is a program"),
        (bytes(range(256)) * 4, "is not a text, and not a workbook"),
        (b"Windows Registry Editor Version 5.00\r\n", "is an export of the Windows registry"),
        (
            "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER]".encode("utf-16"),
            "is an export of the Windows registry",
        ),
        (b"$ANSIBLE_VAULT;1.1;AES256\n6231", "is encrypted with ansible-vault"),
        (b"# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nabc", "rclone config show"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "is a certificate or a key"),
        (b"clouds:\n  a: ENC[AES256]\nsops:\n  mac: x\n", "is encrypted with SOPS"),
        (b'{"a": "ENC[x]",\n"sops": {"mac": "x"}}', "is encrypted with SOPS"),
        (b'{"version": 4, "terraform_version": "1.9", "serial": 1, "lineage": "x"}', "Terraform"),
        (XML.encode() + b'<RDCMan programVersion="2.7" schemaVersion="3">', "Remote Desktop"),
        (
            XML.encode() + b'<mrng:Connections xmlns:mrng="http://mremoteng.org" Name="x">',
            "is a list of mRemoteNG",
        ),
        (XML.encode() + b'<Connections Name="x" ConfVersion="2.6">', "is a list of mRemoteNG"),
        (XML.encode() + b"<KeePassFile>\n<Meta>", "is an export of KeePass as XML"),
        (
            XML.encode() + b'<?mso-application progid="Excel.Sheet"?>\n<Workbook>',
            "is a workbook in XML",
        ),
        (
            b'<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">',
            "was written by Export-Clixml",
        ),
        (XML.encode() + b"<VirtualMachines><VM name='a'/></VirtualMachines>", "of vCenter as XML"),
        (b"<html xmlns:x='urn:schemas-microsoft-com:office:excel'><table>", "is a web page"),
        (XML.encode() + b"<other/>", "The file is XML"),
    ],
)
@pytest.mark.parametrize("told", TOLD)
def test_what_is_known_and_unusable_is_called_by_its_name(
    content: bytes, said: str, told: Told
) -> None:
    """Nobody finds out from "column 1 is unknown" that he has sent the wrong export."""
    with pytest.raises(UploadError) as caught:
        kind_of(Head(content), told)

    assert said in caught.value.detail
    assert caught.value.kind == "unsupported-media-type"


@pytest.mark.parametrize("begin", [b"PK\x03\x04", b"PK\x05\x06"])
def test_a_zip_archive_is_a_workbook(begin: bytes) -> None:
    """What else is in it is seen when it is read."""
    assert kind_of(Head(begin + bytes(100)), "CSV") == "workbook"
