"""Serve OpenStack's Keystone with a database of its own in the directory that is given.

Run by the Python of an environment that Keystone is in. The first line on stdout has the port and
the administrator's password; then it answers until it is stopped.
"""

import getpass
import grp
import json
import os
import secrets
import sys
from pathlib import Path

from keystone.cmd import cli
from waitress import create_server

CONFIGURATION = """
[DEFAULT]
log_file = {home}/keystone.log
[database]
connection = sqlite:///{home}/keystone.db
[token]
provider = fernet
[fernet_tokens]
key_repository = {home}/tokens
[fernet_receipts]
key_repository = {home}/receipts
[credential]
key_repository = {home}/credentials
[security_compliance]
lockout_failure_attempts = 3
lockout_duration = 600
"""


def main() -> None:
    """Make the database and the keys, and serve."""
    home = Path(sys.argv[1])
    configuration = home / "keystone.conf"
    configuration.write_text(CONFIGURATION.format(home=home))
    password = secrets.token_urlsafe(16)
    owner = ("--keystone-user", getpass.getuser(), "--keystone-group", grp.getgrgid(os.getgid())[0])
    _manage(configuration, "db_sync")
    _manage(configuration, "fernet_setup", *owner)
    _manage(configuration, "credential_setup", *owner)
    region = ("--bootstrap-region-id", "RegionOne")
    _manage(configuration, "bootstrap", "--bootstrap-password", password, *region)
    server = create_server(_application(configuration), host="127.0.0.1", port=0, threads=4)
    ready = {"port": server.effective_port, "password": password}
    sys.stdout.write(f"ready {json.dumps(ready)}\n")
    sys.stdout.flush()
    server.run()


def _manage(configuration: Path, *arguments: str) -> None:
    """Call keystone-manage in a process of its own, without the seconds that it takes to import."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if status:
            raise SystemExit(f"keystone-manage {arguments[0]} ended with {status}")
        return
    cli.main(["keystone-manage", "--config-file", str(configuration), *arguments])
    os._exit(0)


def _application(configuration: Path) -> object:
    """Return Keystone's WSGI application, which reads its settings while it is imported."""
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = str(configuration)
    del sys.argv[1:]
    from keystone.wsgi.api import application

    return application


if __name__ == "__main__":
    main()
