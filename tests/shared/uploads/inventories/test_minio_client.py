import json

from tests.shared.uploads.inventories.looking import entries, look
from tests.shared.uploads.uploading import CANARY

ALIASES = {
    "gcs": {
        "url": "https://storage.googleapis.com",
        "accessKey": "YOUR-ACCESS-KEY-HERE",
        "secretKey": "YOUR-SECRET-KEY-HERE",
        "api": "S3v2",
        "path": "dns",
    },
    "local": {
        "url": "http://localhost:9000",
        "accessKey": "",
        "secretKey": "",
        "api": "S3v4",
        "path": "auto",
    },
    "prod": {
        "url": "https://minio.example.com:9000",
        "accessKey": "minioadmin",
        "secretKey": CANARY,
        "sessionToken": "temporary",
        "api": "s3v2",
        "path": "auto",
    },
}
PROD = {
    "productType": "s3",
    "endpoint": "https://minio.example.com:9000",
    "name": "prod",
    "accessKey": "minioadmin",
    "secretKey": CANARY,
    "options": {"sessionToken": "temporary"},
}


def test_aliases_become_platforms() -> None:
    """Mc writes tabs, and entries of its own that are no one's."""
    text = json.dumps({"version": "10", "aliases": ALIASES}, indent="\t")

    assert entries(text) == {
        "alias gcs": "has the example that the MinIO client writes, and no key pair",
        "alias local": "has no key pair: it is used without signing in",
        "alias prod": PROD,
    }
    assert look(text)[1].format == "MinIO client config.json"


def test_an_older_file_calls_them_hosts() -> None:
    """Until version 9."""
    text = json.dumps({"version": "9", "hosts": {"prod": ALIASES["prod"]}})

    assert entries(text) == {"alias prod": PROD}


def test_another_signature_is_a_doubt() -> None:
    """A store that only takes the old one rejects the new one as a wrong key."""
    _, reading = look(json.dumps({"version": "10", "aliases": ALIASES}))

    assert [doubt.place for doubt in reading.doubts] == ["alias prod"]
