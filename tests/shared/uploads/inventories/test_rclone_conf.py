from tests.shared.uploads.inventories.looking import entries, look
from tests.shared.uploads.uploading import CANARY

RCLONE = f"""\
[ceph]
type = s3
provider = Ceph
access_key_id = AKID
secret_access_key = {CANARY}
endpoint = https://rgw.example.com:7480
region = default
acl = private

[aws]
type = s3
provider = AWS
env_auth = false
access_key_id = AKID
secret_access_key = {CANARY}
region = eu-west-1
session_token = temporary

[china]
type = s3
provider = AWS
access_key_id = AKID
secret_access_key = {CANARY}
region = cn-north-1

[environment]
type = s3
provider = AWS
env_auth = true

[public]
type = s3
provider = AWS

[lost]
type = s3
provider = Minio
access_key_id = AKID
secret_access_key = {CANARY}

[drive]
type = drive
token = {{"access_token":"{CANARY}"}}

[secret]
type = crypt
remote = ceph:bucket
password = {CANARY}
"""


def test_s3_remotes_become_platforms() -> None:
    """Only AWS's own address follows from the region."""
    pair = {"accessKey": "AKID", "secretKey": CANARY}

    assert entries(RCLONE) == {
        "remote ceph": {
            "productType": "s3",
            "endpoint": "https://rgw.example.com:7480",
            "name": "ceph",
            **pair,
            "options": {"region": "default"},
        },
        "remote aws": {
            "productType": "s3",
            "endpoint": "s3.eu-west-1.amazonaws.com",
            "name": "aws",
            **pair,
            "options": {"sessionToken": "temporary"},
        },
        "remote china": {
            "productType": "s3",
            "endpoint": "s3.cn-north-1.amazonaws.com.cn",
            "name": "china",
            **pair,
        },
        "remote environment": "takes its key pair from the environment (env_auth)",
        "remote public": "has no key pair: it is used without signing in",
        "remote lost": "has no endpoint",
        "remote drive": "is not an S3 but drive; only S3 can be tested",
        "remote secret": "is not an S3 but crypt; only S3 can be tested",
    }
    assert look(RCLONE)[1].format == "rclone.conf"
