from base64 import b64encode

import pytest
import trustme

from tests.shared.uploads.inventories.looking import entries, look
from tests.shared.uploads.uploading import CANARY

# As kubectl writes it.
KUBECONFIG = f"""\
apiVersion: v1
clusters:
- cluster:
    insecure-skip-tls-verify: true
    server: https://10.1.0.5:6443
  name: prod
- cluster:
    certificate-authority-data: PEM
    server: https://dev.example.com:6443
  name: dev
contexts:
- context:
    cluster: prod
    namespace: default
    user: robot
  name: prod
- context:
    cluster: dev
    user: robot
  name: dev
- context:
    cluster: dev
    user: eks
  name: arn:aws:eks:eu-central-1:111122223333:cluster/dev
- context:
    cluster: gone
    user: robot
  name: gone
current-context: prod
kind: Config
preferences: {{}}
users:
- name: robot
  user:
    token: {CANARY}
- name: eks
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      args: [--region, eu-central-1, eks, get-token]
      command: aws
      env: null
"""


def test_contexts_with_tokens_become_platforms() -> None:
    """The name of the user stands for the token; the cluster's certificates come along."""
    pem = trustme.CA().cert_pem.bytes()

    found = entries(KUBECONFIG.replace("PEM", b64encode(pem).decode()))

    assert found == {
        "context prod": {
            "productType": "kubernetes",
            "endpoint": "https://10.1.0.5:6443",
            "name": "prod",
            "accessKey": "robot",
            "secretKey": CANARY,
            "options": {"tls": {"verify": False}},
        },
        "context dev": {
            "productType": "kubernetes",
            "endpoint": "https://dev.example.com:6443",
            "name": "dev",
            "accessKey": "robot",
            "secretKey": CANARY,
            "options": {"tls": {"caCertificate": pem.decode()}},
        },
        "context arn:aws:eks:eu-central-1:111122223333:cluster/dev": (
            "gets its token from a program (exec); use the token of a service account instead: "
            "kubectl create token NAME"
        ),
        "context gone": "names a cluster that is not in the file: gone",
    }


@pytest.mark.parametrize(
    ("user", "problem"),
    [
        ("{tokenFile: /run/token}", "has its token in a file, which is not in the upload"),
        ("{client-certificate: /c.crt, client-key: /c.key}", "signs in with a client certificate"),
        (f"{{client-certificate-data: {CANARY}}}", "signs in with a client certificate"),
        (f"{{username: u, password: {CANARY}}}", "signs in with a password"),
        ("{auth-provider: {name: gcp}}", "gets its token from an auth-provider"),
        ("{}", "has no token"),
    ],
)
def test_a_context_that_can_not_be_tested_says_why(user: str, problem: str) -> None:
    """Only a token can be presented."""
    text = (
        "kind: Config\n"
        "clusters: [{name: c, cluster: {server: 'https://h:6443'}}]\n"
        "contexts: [{name: x, context: {cluster: c, user: u}}]\n"
        f"users: [{{name: u, user: {user}}}]\n"
    )

    assert problem in entries(text)["context x"]


def test_a_certificate_that_is_no_base64_is_said() -> None:
    """Kubectl config view leaves DATA+OMITTED in its place."""
    found = entries(KUBECONFIG.replace("PEM", "DATA+OMITTED"))

    assert found["context dev"] == "has certificate-authority-data that is not base64 of PEM"


def test_what_the_test_does_without_is_a_doubt() -> None:
    """A proxy and a file are not here."""
    more = "proxy-url: http://proxy:3128\n    certificate-authority: /etc/ca.crt"
    _, reading = look(KUBECONFIG.replace("certificate-authority-data: PEM", more))

    assert [(doubt.place, doubt.field) for doubt in reading.doubts] == [
        ("context dev", "endpoint"),
        ("context dev", "options.tls.caCertificate"),
    ]


def test_a_kubeconfig_can_be_json() -> None:
    """`kubectl config view -o json --raw` prints it."""
    text = (
        '{"kind": "Config", "apiVersion": "v1",\n "preferences": {}, "clusters": [{"name": "c", '
        '"cluster": {"server": "https://h:6443"}}], "users": [{"name": "u", "user": {"token": '
        '"sesame"}}], "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}]}'
    )

    assert entries(text)["context x"]["secretKey"] == "sesame"
