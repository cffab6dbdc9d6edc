import pytest

from shared.uploads.inventories.ansible.ini import LONGEST_LINE
from tests.shared.uploads.inventories.looking import entries, look
from tests.shared.uploads.uploading import CANARY, UNTOLD, error

INVENTORY = f"""\
# Example of Ansible's documentation, and what people add
mail.example.com
jumper ansible_port=5555 ansible_host=192.0.2.50  # behind the firewall

[web]
www[01:03].example.com
other.example.com:2222
[2001:db8::7]:22

[windows]
win1 ansible_connection=winrm
win2 ansible_connection="winrm" ansible_winrm_scheme=http

[network]
switch1 ansible_connection=ansible.netcommon.httpapi ansible_httpapi_use_ssl=yes

[windows:vars]
ansible_user=Administrator
ansible_password="'{CANARY}'"

[all:vars]
ansible_python_interpreter=/usr/bin/python3

[eu:children]
web
windows

[virtual]
localhost ansible_connection=local
box ansible_connection=community.docker.docker

[virtual:vars]
vcenter_hostname=vc.example.com
vcenter_username="administrator@vsphere.local"
vcenter_password="{CANARY} #1"
vcenter_validate_certs=false
"""


def tcp(endpoint: str, name: str, group: str = "") -> dict[str, object]:
    content: dict[str, object] = {"productType": "tcp", "endpoint": endpoint, "name": name}
    return content | ({"labels": {"group": group}} if group else {})


def test_hosts_become_tcp_ports_and_variables_platforms() -> None:
    """The connection tells the port; the vCenter is in the variables, once for many hosts."""
    assert entries(INVENTORY.replace("box ", "zbox ")) == {
        "host mail.example.com": tcp("mail.example.com:22", "mail.example.com"),
        "host jumper": tcp("192.0.2.50:5555", "jumper"),
        "host www01.example.com": tcp("www01.example.com:22", "www01.example.com", "web"),
        "host www02.example.com": tcp("www02.example.com:22", "www02.example.com", "web"),
        "host www03.example.com": tcp("www03.example.com:22", "www03.example.com", "web"),
        "host other.example.com": tcp("other.example.com:2222", "other.example.com", "web"),
        "host 2001:db8::7": tcp("[2001:db8::7]:22", "2001:db8::7", "web"),
        "host win1": tcp("win1:5986", "win1", "windows"),
        "host win2": tcp("win2:5985", "win2", "windows"),
        "host switch1": tcp("switch1:443", "switch1", "network"),
        "host localhost": {
            "productType": "vsphere",
            "endpoint": "vc.example.com",
            "name": "localhost",
            "accessKey": "administrator@vsphere.local",
            "secretKey": f"{CANARY} #1",
            "options": {"tls": {"verify": False}},
        },
        "host zbox": "is reached with docker and not over the network",
    }
    assert look(INVENTORY)[1].format == "Ansible inventory"


def test_an_own_variable_has_precedence_over_a_child_group_over_its_parent() -> None:
    """The order of Ansible."""
    text = (
        "[all:vars]\nansible_port=1\n[parent:vars]\nansible_port=2\n[child:vars]\nansible_port=3\n"
        "[parent:children]\nchild\n[parent]\na\n[child]\nb\nc ansible_port=4\n[alone]\nd\n"
    )

    assert {c["endpoint"] for c in entries(text).values()} == {"a:2", "b:3", "c:4", "d:1"}


def test_a_machine_that_is_ansibles_own_is_not_tested() -> None:
    """What it reaches is not what this service reaches."""
    assert entries("[x]\nlocalhost ansible_connection=local\n") == {
        "host localhost": "is the machine that Ansible runs on (ansible_connection: local)"
    }


def test_a_template_is_not_a_value() -> None:
    """Ansible fills it in from files that are not here."""
    text = (
        "[vc]\nlocalhost ansible_connection=local\n[vc:vars]\nvcenter_hostname=vc\n"
        'vcenter_username=u\nvcenter_password="{{ vault_password }}"\n'
    )

    assert entries(text) == {
        "host localhost": "has a value that is a template; send what it stands for"
    }
    assert entries("[x]\na ansible_host={{dns}}\n") == {
        "host a": "has a value that is a template; send what it stands for"
    }


def test_a_platform_without_its_password_says_so() -> None:
    """It is often in a file of its own."""
    text = "[vc]\nlocalhost ansible_connection=local vcenter_hostname=vc\n"

    assert entries(text) == {"host localhost": "has a platform without its user or password"}


def test_ranges_that_stand_for_too_many_hosts_are_refused() -> None:
    """A line of twenty characters could be a million platforms."""
    for text in (
        "[a]\nh[0:999999]\n",
        "[a]\n" + "h[0:9][0:9][0:9]\n" * 60,
        "[a]\n" + "h" + "[0:9]" * 40,
    ):
        assert error(text.encode(), UNTOLD).detail == "The inventory has more than 50000 hosts."


def test_groups_that_contain_each_other_are_refused() -> None:
    """Ansible refuses them too."""
    text = "[a:children]\nb\n[b:children]\na\n[a]\nh ansible_port=1\n"

    assert error(text.encode(), UNTOLD).detail == (
        "The inventory has groups that contain each other."
    )


def test_too_many_groups_are_refused() -> None:
    """Each costs memory, and none is tested."""
    text = "".join(f"[g{n}]\nh\n" for n in range(3000))

    assert error(text.encode(), UNTOLD).detail == "The inventory has more than 2000 groups."


def test_a_line_that_is_too_long_is_refused() -> None:
    """It is none of hosts."""
    text = f"[a]\nh x={CANARY}{'x' * LONGEST_LINE}\n"

    assert error(text.encode(), UNTOLD).detail == "line 2: is longer than 16384 characters."


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("'a\\'b'", "a'b"),
        ('"a\\"b\\\\c"', 'a"b\\c'),
        ("'\\x41\\u4e2d\\d'", "A\u4e2d\\d"),
        ("'\\ud800'", "\\ud800"),
        ("'a' 'b'", "'a' 'b'"),
        ("''+" * 2700 + "''", "''+" * 2700 + "''"),
        ("''+" + "-" * 8000 + "1+''", "''+" + "-" * 8000 + "1+''"),
    ],
    ids=range(7),
)
def test_a_quoted_variable_is_a_text_and_no_program(written: str, meant: str) -> None:
    """Python's own parser runs out of its stack on what was made for it."""
    found = entries(
        "[a:vars]\nvcenter_hostname=vc\nvcenter_username=u\nansible_connection=local\n"
        f"vcenter_password={written}\n[a]\nh\n"
    )

    assert found["host h"]["secretKey"] == meant
