import pytest

from tests.shared.uploads.inventories.looking import entries, look
from tests.shared.uploads.uploading import FORM, read_with, together

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PAIR = f"aws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
CREDENTIALS = f"""\
[default]
{PAIR}
[temporary]
aws_access_key_id=ASIAIOSFODNN7EXAMPLE
aws_secret_access_key={SECRET}
aws_session_token=IQoJb3JpZ2luX2Vj==
[ceph]
{PAIR}"""
CONFIG = """\
[default]
region = eu-central-1
output = json
[profile temporary]
region = cn-north-1
[profile ceph]
region = us-east-1
s3 =
    endpoint_url = https://rgw.example.com:7480
    addressing_style = path
[profile admin]
role_arn = arn:aws:iam::111122223333:role/admin
source_profile = default
[profile "my sso"]
sso_session = corp
sso_account_id = 111122223333
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
[profile script]
credential_process = /opt/bin/keys --profile script
[profile bare]
region = eu-west-1
"""


def test_profiles_of_both_files_become_platforms() -> None:
    """One has the keys, the other the region; the region tells the address."""
    for files in ([CREDENTIALS, CONFIG], [CONFIG, CREDENTIALS]):
        rows, reading = read_with(together(*(("file", text) for text in files)), FORM)

        assert reading.format == "AWS profiles"
        assert {r.place: str(r.problem) if r.problem else r.content for r in rows} == {
            "profile default": {
                "productType": "aws",
                "endpoint": "sts.eu-central-1.amazonaws.com",
                "name": "default",
                "accessKey": KEY,
                "secretKey": SECRET,
            },
            "profile temporary": {
                "productType": "aws",
                "endpoint": "sts.cn-north-1.amazonaws.com.cn",
                "name": "temporary",
                "accessKey": "ASIAIOSFODNN7EXAMPLE",
                "secretKey": SECRET,
                "options": {"sessionToken": "IQoJb3JpZ2luX2Vj=="},
            },
            "profile ceph": {
                "productType": "s3",
                "endpoint": "https://rgw.example.com:7480",
                "name": "ceph",
                "accessKey": KEY,
                "secretKey": SECRET,
                "options": {"region": "us-east-1"},
            },
            "profile admin": (
                "assumes a role; put the key pair and the session token of the role into the file: "
                "aws configure export-credentials"
            ),
            "profile my sso": (
                "signs in with IAM Identity Center; put its temporary key pair into the file: aws "
                "configure export-credentials"
            ),
            "profile script": "gets its key pair from a program (credential_process)",
            "profile bare": "has no key pair; send the file credentials together with config",
        }


@pytest.mark.parametrize(
    ("settings", "product", "endpoint"),
    [
        ("", "aws", "sts.amazonaws.com"),
        ("endpoint_url = http://minio:9000\n", "s3", "http://minio:9000"),
        (
            "region = us-east-1\nendpoint_url = https://sts.us-east-1.amazonaws.com\n",
            "aws",
            "sts.us-east-1.amazonaws.com",
        ),
        ("sts =\n  endpoint_url = http://localstack:4566\n", "aws", "http://localstack:4566"),
        (
            "services = own\n[services own]\ns3 =\n  endpoint_url = http://minio:9000\n",
            "s3",
            "http://minio:9000",
        ),
    ],
)
def test_the_address_is_the_one_that_the_profile_uses(
    settings: str, product: str, endpoint: str
) -> None:
    """A profile with an endpoint_url is not of AWS, and its keys must not go there."""
    found = entries(f"[default]\n{PAIR}{settings}")["profile default"]

    assert (found["productType"], found["endpoint"]) == (product, endpoint)


def test_percent_signs_are_not_interpolated_and_the_last_of_two_values_counts() -> None:
    """Botocore reads it so."""
    found = entries(f"[default]\n{PAIR}aws_secret_access_key = a%(b)s$c#d\n")["profile default"]

    assert found["secretKey"] == "a%(b)s$c#d"


def test_a_bundle_of_certificates_is_a_doubt() -> None:
    """It is not in the upload."""
    _, reading = look(f"[default]\n{PAIR}ca_bundle = /etc/ca.pem\n")

    assert [doubt.place for doubt in reading.doubts] == ["profile default"]
