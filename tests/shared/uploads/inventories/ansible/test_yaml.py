import json

from tests.shared.uploads.inventories.looking import entries, look
from tests.shared.uploads.uploading import CANARY, UNTOLD, problems

INVENTORY = f"""\
---
all:
  hosts:
    mail.example.com:
  vars:
    ansible_port: 2200
  children:
    web:
      hosts:
        web[1:2]:
          ansible_host: 192.0.2.1
      vars: {{ansible_port: 22}}
    proxmox:
      hosts:
        pve:
          ansible_connection: local
          proxmox_api_host: pve.example.com
          proxmox_api_user: root@pam
          proxmox_api_token_id: conncheck
          proxmox_api_token_secret: {CANARY}
        ovirt:
          ansible_connection: local
          engine_url: https://engine.example.com/ovirt-engine/api
          engine_user: admin@internal
          engine_password: !vault |
            $ANSIBLE_VAULT;1.1;AES256
            6231333164653138
"""


def test_groups_of_yaml_are_read() -> None:
    """It is the form that Ansible recommends."""
    found = entries(INVENTORY)

    assert found["host mail.example.com"]["endpoint"] == "mail.example.com:2200"
    assert found["host web1"]["endpoint"] == found["host web2"]["endpoint"] == "192.0.2.1:22"
    assert found["host web1"]["labels"] == {"group": "web"}
    assert found["host pve"] == {
        "productType": "proxmox",
        "endpoint": "pve.example.com",
        "name": "pve",
        "accessKey": "root@pam!conncheck",
        "secretKey": CANARY,
    }
    assert found["host ovirt"] == (
        "has a value that ansible-vault has encrypted; send it in plain text"
    )
    assert look(INVENTORY)[1].format == "Ansible inventory"


def test_what_ansible_inventory_prints_is_read() -> None:
    """`ansible-inventory --list` resolves scripts and files of variables."""
    listed = {
        "_meta": {"hostvars": {"a": {"ansible_port": 2222}, "b": {}}},
        "all": {"children": ["ungrouped", "web"]},
        "ungrouped": {"hosts": ["b"]},
        "web": {"hosts": ["a"]},
    }

    found = entries(json.dumps(listed, indent=4))

    assert {place: one["endpoint"] for place, one in found.items()} == {
        "host b": "b:22",
        "host a": "a:2222",
    }


def test_an_encrypted_value_in_json_is_one_too() -> None:
    """JSON has no tags."""
    variables = {
        "vcenter_hostname": "vc",
        "vcenter_username": "u",
        "vcenter_password": {"__ansible_vault": CANARY},
    }
    text = json.dumps({"_meta": {"hostvars": {"a": variables}}, "all": {"hosts": ["a"]}})

    assert problems(text.encode(), UNTOLD)[0] == (
        "host a",
        "has a value that ansible-vault has encrypted; send it in plain text",
    )
