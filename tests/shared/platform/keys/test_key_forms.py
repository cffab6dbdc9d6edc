import json
import time
from base64 import b64encode, urlsafe_b64encode

import pytest

from shared.platform.keys.input_checks import check_key_pair, doubts_about
from shared.platform.keys.key_forms import Slip, claims, decoded, doubled
from shared.platform.product import LONGEST_CREDENTIAL
from shared.products import PRODUCTS, AnyProduct
from tests.network.loopback import KNOWN, failure_to

NEEDING_KEYS = [product for product in PRODUCTS.values() if product.needs_key_pair]
UUID = "aaaaaaaa-1111-2222-3333-444444444444"


def jwt(**content: object) -> str:
    parts = ({"alg": "RS256", "kid": "x"}, content)
    texts = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*texts, "c2lnbmF0dXJl"])


TOKEN = jwt(iss="kubernetes/serviceaccount", sub="system:serviceaccount:kube-system:portal")
AWS = "AKIA" + "Q3EGRIZ7NMRRVCLK"
ALIBABA = "LTAI5t" + "8nWb6mFhQz3XkPc2Rd"
HEX = "0123456789abcdef" + "fedcba9876543210"

CERTAIN = [
    ("proxmox", f"root@pam!terraform={UUID}", UUID, "accessKey", "a token ID with its secret"),
    ("proxmox", f"PVEAPIToken=root@pam!t={UUID}", UUID, "accessKey", "a token ID with its secret"),
    ("proxmox", "root@pam!a!b", UUID, "accessKey", "a token ID with a second !"),
    ("proxmox", r"root@pam\!tf", UUID, "accessKey", "a token ID with a backslash"),
    ("proxmox", "root", "secret", "accessKey", "a name without a realm"),
    ("proxmox", "root!tf", UUID, "accessKey", "a name without a realm"),
    ("proxmox", "root@pam!tf", f"tf={UUID}", "secretKey", "a secret with the token's name"),
    ("kubernetes", "sa", f"Bearer {TOKEN}", "secretKey", "a header with the token"),
    ("kubernetes", "sa", f"Authorization: Bearer {TOKEN}", "secretKey", "a header with the token"),
    ("kubernetes", "sa", b64encode(TOKEN.encode()).decode(), "secretKey", "the base64 of a token"),
    ("kubernetes", "sa", b64encode(b"-----BEGIN X").decode(), "secretKey", "a certificate"),
    ("kubernetes", "sa", b64encode(b"apiVersion: v1").decode(), "secretKey", "of a kubeconfig"),
    ("kubernetes", "sa", f'"{TOKEN}"', "secretKey", "a token in quotation marks"),
    ("kubernetes", "sa", f"token:{TOKEN}", "secretKey", "a line of a file"),
    ("kubernetes", "sa", f"{TOKEN[:60]} {TOKEN[60:]}", "secretKey", "a token with a blank in it"),
]

LIKELY = [
    ("proxmox", "root@pam", UUID, "accessKey", "a user, while the secretKey"),
    ("proxmox", "root@pve", "secret", "accessKey", "root of another realm"),
    ("proxmox", "me@PAM", "secret", "accessKey", "a realm in capitals"),
    ("proxmox", "backup@pbs!x", UUID, "accessKey", "a user of Proxmox Backup Server"),
    ("proxmox", "root@pam%21tf", "secret", "accessKey", "a token ID with %21"),
    ("proxmox", "root@pam!tf", "secret", "secretKey", "a password"),
    ("kubernetes", "sa", TOKEN.rpartition(".")[0], "secretKey", "a part of a token"),
    ("kubernetes", "sa", "portal-token-8xk2p", "secretKey", "the name of a Secret"),
    ("kubernetes", "sa", "kubeconfig-user-2wqx9:" + "x" * 54, "secretKey", "an API key of Rancher"),
    ("kubernetes", "sa", "token-abcde:xyz12345", "secretKey", "an API key of Rancher"),
    ("kubernetes", "sa", "sha256~abc", "secretKey", "an OAuth token of OpenShift"),
    ("kubernetes", "sa", "k8s-aws-v1.aHR0", "secretKey", "a token of EKS"),
    (
        "kubernetes",
        "sa",
        jwt(iss="https://sso.example.com", sub="me"),
        "secretKey",
        "not issued for a service",
    ),
    ("openstack", "admin@Default", "secret", "accessKey", "a user with its domain"),
    ("openstack", r"CORP\admin", "secret", "accessKey", "a user with its domain"),
    ("openstack", "demo:admin", "secret", "accessKey", "a project and a user"),
    ("openstack", "admin", "gAAAAABl", "secretKey", "a token of Keystone"),
    ("openstack", HEX, HEX, "secretKey", "the secret of an EC2 credential"),
    ("vsphere", r"CORP\\admin", "secret", "accessKey", "a user with two backslashes"),
    ("vsphere", "CORP/admin", "secret", "accessKey", "a user with a slash"),
    ("vsphere", "administrator@vsphere", "secret", "accessKey", "whose domain has no dot"),
    ("vsphere", "root@vsphere.local", "secret", "accessKey", "root of a domain"),
    ("nutanix", r"CORP\admin", "secret", "accessKey", "a user in the form"),
    ("ovirt", "admin", "secret", "accessKey", "a user without a profile"),
    ("ovirt", "admin@ovirt", "secret", "accessKey", "a user of Keycloak"),
    ("alibabacloud", AWS, "s" * 30, "accessKey", "an access key ID of AWS"),
    ("aws", ALIBABA, "s" * 40, "accessKey", "an AccessKey ID of Alibaba Cloud"),
    ("aws", "AKID" + "z" * 32, "s" * 40, "accessKey", "a SecretId of Tencent Cloud"),
    ("aws", AWS[:-1], "s" * 40, "accessKey", "too few or too many characters"),
    ("aws", AWS, "s" * 39, "secretKey", "too few or too many characters"),
    ("alibabacloud", ALIBABA, "s" * 31, "secretKey", "too few or too many characters"),
    ("tencentcloud", "AKID" + "z" * 33, "s" * 32, "accessKey", "too few or too many characters"),
    ("tencentcloud", "AKID" + "z" * 32, "s" * 31, "secretKey", "too few or too many characters"),
    ("huaweicloud", "Q" * 20, "s" * 39, "secretKey", "too few or too many characters"),
    ("cloudstack", "s" * 85, "s" * 86, "accessKey", "too few or too many characters"),
    ("aws", "me@example.com", "s" * 40, "accessKey", "the name of a user"),
    ("aws", "123456789012", "s" * 40, "accessKey", "the number of an account"),
    ("aws", AWS, "IQoJb3JpZ2luX2Vj" * 9, "secretKey", "a session token"),
    ("aws", "GOOG1E" + "Q" * 55, "s" * 40, "accessKey", "Google Cloud"),
    ("zstack", "admin", "password", "accessKey", "the name of a user"),
    ("cloudstack", "admin", "password", "accessKey", "the name of a user"),
    ("zstack", "AKIAXXXXXXXXXXXXXXXX", "secret", "accessKey", "a masked value"),
    ("zstack", "AKIA........QQQQ", "secret", "accessKey", "a masked value"),
    ("s3", "any", AWS, "secretKey", "an access key ID of AWS"),
    ("zstack", '"key"', "secret", "accessKey", "text in quotation marks"),
    ("zstack", "\u201ckey\u201d", "secret", "accessKey", "text in quotation marks"),
    ("zstack", "[key]", "secret", "accessKey", "text in brackets"),
    ("zstack", "key", "Bearer secret", "secretKey", "a header or a part of it"),
    ("zstack", "key", "AWS_SECRET_ACCESS_KEY=x", "secretKey", "a line of a configuration"),
    ("zstack", "key", "$SECRET_KEY", "secretKey", "the name of a variable"),
    ("zstack", "https://cloud/", "secret", "accessKey", "a URL"),
    ("zstack", "arn:aws:iam::1:user/x", "secret", "accessKey", "the name of a resource"),
    ("zstack", "your-access-key", "secret", "accessKey", "a placeholder"),
    ("zstack", "key", "changeme", "secretKey", "a placeholder"),
    ("zstack", "LTAI****8nWb", "secret", "accessKey", "a masked value"),
    ("zstack", "key", "\uff53ecret", "secretKey", "text with full-width characters"),
    ("zstack", "key", "secretsecret", "secretKey", "a key that was pasted twice"),
    ("zstack", "key", "p%40ssword", "secretKey", "encoded for a URL or a page"),
    ("zstack", "key", "a&amp;b", "secretKey", "encoded for a URL or a page"),
    ("zstack", "key", r"pa\$word", "secretKey", "the backslashes of a shell"),
    ("zstack", "key", r"password\n", "secretKey", "the backslashes of a shell"),
    ("zstack", "key,", "secret", "accessKey", "a comma or a semicolon at its end"),
    ("vsphere", TOKEN, "secret", "accessKey", "a token (JWT)"),
    (
        *("kubernetes", "sa", jwt(aud=["vault"], sub="system:serviceaccount:a:b"), "secretKey"),
        "a token for another audience",
    ),
    ("vsphere", "me@x.y", "-----BEGIN KEY-----", "secretKey", "a certificate or a private key"),
]

RIGHT = [
    ("proxmox", "root@pam", "secret"),
    ("proxmox", "john@corp.example.com@ad!tf", UUID),
    ("proxmox", "a!b@pve", "secret"),
    ("proxmox", "root@pam!tf", UUID.upper()),
    ("kubernetes", "a label with blanks", TOKEN),
    ("kubernetes", "sa", "an-opaque.token/of+a=file"),
    ("kubernetes", "sa", f"c-m-8xk2p:{TOKEN}"),  # a gateway may have tokens of its own
    ("kubernetes", "sa", b64encode(b"thirty-two random bytes, or so.").decode()),
    ("kubernetes", "sa", jwt(**{"kubernetes.io": {"namespace": "x"}})),
    *[
        ("kubernetes", "sa", jwt(aud=audience, sub="system:serviceaccount:a:b"))
        for audience in (
            ["https://kubernetes.default.svc.cluster.local", "k3s"],
            ["https://container.googleapis.com/v1/projects/p/locations/l/clusters/c"],
            ["https://a.hcp.westeurope.azmk8s.io"],
            ["k3s"],
        )
    ],
    ("openstack", "alice@example.com", "secret"),
    ("openstack", HEX, "s" * 86),
    ("vsphere", "administrator@vsphere.local", "secret"),
    ("vsphere", "root", "secret"),
    ("vsphere", r"CORP\admin", "secret"),
    ("vsphere", "root@localos", "secret"),
    ("nutanix", "admin@corp.example.com", "secret"),
    ("ovirt", "admin@internal", "secret"),
    ("ovirt", "admin@ovirt@internalsso", "secret"),
    ("ovirt", "john@corp.example.com@corp", "secret"),
    ("aws", AWS, "s" * 40),
    ("aws", "ASIA" + "Q" * 16, "s/+S" * 10),
    ("alibabacloud", ALIBABA, "s" * 30),
    ("alibabacloud", "STS.NUgYrLnoC37mZZCNnAbez", "s" * 44),
    ("tencentcloud", "AKID" + "z" * 32, "s" * 32),
    ("huaweicloud", "Q" * 20, "s" * 40),
    ("cloudstack", "a_-Z" * 21 + "ab", "s" * 86),
    ("zstack", "Q3EGRIZ7NMRRVCLKQ3EG", "s" * 40),
    ("s3", "minioadmin", "minioadmin"),
    ("s3", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("s3", ALIBABA, "any secret"),
    ("s3", AWS, "s" * 40),
]


def doubts(name: str, access_key: str, secret_key: str) -> list[str]:
    product = PRODUCTS[name]
    found = doubts_about(access_key, secret_key, product.key_shapes, product.all_slips)
    return [doubt.summary(KNOWN) for doubt in found]


@pytest.mark.parametrize(
    ("name", "access_key", "secret_key", "field", "mistyped_as"),
    CERTAIN,
    ids=[f"{one[0]}-{one[4]}" for one in CERTAIN],
)
def test_what_no_such_platform_can_accept_is_refused(
    name: str, access_key: str, secret_key: str, field: str, mistyped_as: str
) -> None:
    """Nothing is sent, no lock-out is risked, and the field is named."""
    product = PRODUCTS[name]
    failed = failure_to(
        lambda: check_key_pair(access_key, secret_key, product.key_shapes, product.all_slips)
    )
    told = failed.finding.summary(KNOWN)

    assert failed.finding.facts["field"] == field
    assert mistyped_as in told
    assert UUID not in told
    assert TOKEN[:20] not in told


@pytest.mark.parametrize(
    ("name", "access_key", "secret_key", "field", "mistyped_as"),
    LIKELY,
    ids=[f"{one[0]}-{one[4]}" for one in LIKELY],
)
def test_a_usual_mistake_is_a_doubt(
    name: str, access_key: str, secret_key: str, field: str, mistyped_as: str
) -> None:
    """It is told if the platform rejects the key pair, and only then."""
    product = PRODUCTS[name]
    check_key_pair(access_key, secret_key, product.key_shapes, product.all_slips)
    found = doubts_about(access_key, secret_key, product.key_shapes, product.all_slips)

    assert mistyped_as in next(
        doubt.summary(KNOWN) for doubt in found if doubt.facts["field"] == field
    )


@pytest.mark.parametrize(("name", "access_key", "secret_key"), RIGHT)
def test_keys_of_the_usual_forms_raise_no_doubt(
    name: str, access_key: str, secret_key: str
) -> None:
    """A hint that is wrong sends people the wrong way."""
    product = PRODUCTS[name]
    check_key_pair(
        access_key, secret_key, product.key_shapes, product.all_slips, is_makers_host=True
    )

    assert doubts(name, access_key, secret_key) == []


@pytest.mark.parametrize("name", ["aws", "alibabacloud", "cloudstack"])
def test_what_stands_in_for_a_cloud_may_have_keys_of_any_form(name: str) -> None:
    """They are short and in words where somebody chose them; the maker's own never are."""
    product = PRODUCTS[name]
    pair = "test-key", "test-secret"

    assert doubts(name, *pair) == []
    assert len(doubts_about(*pair, product.key_shapes, is_makers_host=True)) == 2


@pytest.mark.parametrize("product", NEEDING_KEYS, ids=lambda product: product.name)
def test_a_mistake_is_looked_for_in_linear_time(product: AnyProduct) -> None:
    """Whoever may send a request must not buy a minute of computing with 8 KB."""
    pieces = ("a", "!", "@", "=", " ", "*", "\\", "a ", "a=", "@!", "\\!", "eyJ.", "-", '"', "Z")
    texts = [(piece * LONGEST_CREDENTIAL)[:LONGEST_CREDENTIAL] for piece in pieces]

    for slip in product.all_slips:
        started = time.thread_time()
        for text in (*texts, *(f"{text[:-1]}\u20ac" for text in texts)):
            slip.is_in(text, text)
        took_s = time.thread_time() - started

        assert took_s < 0.1, slip  # 8 KB in quadratic time take that for each text


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (b64encode(b"secret value").decode(), "secret value"),
        (b64encode(b"secret value\n").decode().rstrip("="), "secret value"),
        (urlsafe_b64encode("secret ÿ value".encode()).decode(), "secret ÿ value"),
        (b64encode(b"\xff" * 12).decode(), ""),
        ("short", ""),
        ("no base64 at all", ""),
        ("A" * 13, ""),
    ],
)
def test_base64_is_read_where_it_is_some(text: str, read: str) -> None:
    """What is in a Secret of Kubernetes is encoded once."""
    assert decoded(text) == read


@pytest.mark.parametrize(
    ("text", "half"), [("abab", "ab"), ("aba", ""), ("aaaa", ""), ("", ""), ("abcabd", "")]
)
def test_a_text_can_be_another_one_twice(text: str, half: str) -> None:
    """A key of one letter, as tests have, is not pasted twenty times."""
    assert doubled(text) == half


@pytest.mark.parametrize("text", ["", "a.b.c", "eyJ.a.b", "eyJh.____.c", "eyJh.a.b.c"])
def test_what_is_no_token_has_no_claims(text: str) -> None:
    """Anything can have two dots."""
    assert claims(text) == ""


def test_a_slip_can_depend_on_the_other_key() -> None:
    """A UUID is a password like any other, unless the accessKey is a token's."""
    slip = Slip("secretKey", "x", "an x", "a y", other="y+")

    assert slip.is_in("x", "yy")
    assert not slip.is_in("x", "yz")
