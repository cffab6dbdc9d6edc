from tests.shared.uploads.inventories.looking import entries
from tests.shared.uploads.uploading import CANARY

OPENRC = """\
#!/usr/bin/env bash
# To use an OpenStack cloud you need to authenticate against the Identity service
export OS_AUTH_URL=https://keystone.example.com:5000
export OS_PROJECT_ID=8e1d0c3f5a2b4c6d8e1d0c3f5a2b4c6d
export OS_PROJECT_NAME="web"
export OS_USER_DOMAIN_NAME="Default"
if [ -z "$OS_USER_DOMAIN_NAME" ]; then unset OS_USER_DOMAIN_NAME; fi
unset OS_TENANT_ID
export OS_USERNAME="alice"
# With Keystone you pass the keystone password.
echo "Please enter your OpenStack Password for project $OS_PROJECT_NAME as user $OS_USERNAME: "
read -sr OS_PASSWORD_INPUT
export OS_PASSWORD=$OS_PASSWORD_INPUT
export OS_REGION_NAME="RegionOne"
export OS_INTERFACE=public
export OS_IDENTITY_API_VERSION=3
"""


def test_a_script_with_the_password_is_a_platform() -> None:
    """People put it there so as not to be asked."""
    assert entries(OPENRC.replace("$OS_PASSWORD_INPUT", f"'{CANARY}'")) == {
        "cloud web": {
            "productType": "openstack",
            "endpoint": "https://keystone.example.com:5000",
            "name": "web",
            "accessKey": "alice",
            "secretKey": CANARY,
            "options": {
                "signInWith": "password",
                "domain": "Default",
                "project": "web",
                "region": "RegionOne",
            },
        }
    }


def test_a_script_that_asks_for_the_password_says_so() -> None:
    """That is how the dashboard writes it."""
    assert entries(OPENRC) == {"cloud web": "asks for the password and does not contain it"}
