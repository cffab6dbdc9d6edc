"""Make a request of what stands on the command line, and get the secret from where it is safe."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from api.problems import invalid_fields
from api.uploads.csv_columns import NEEDED, Columns
from cli.configured import read_secret
from cli.ending import refuse
from shared.models import JobRequest
from shared.products import PRODUCTS
from shared.text import printable

SECRET_VARIABLE = "CONNCHECK_SECRET_KEY"  # noqa: S105 -- where it is, not what it is

_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}(\.[A-Za-z][A-Za-z0-9]{0,63}){0,3}")
# What the request calls its fields, and what this command calls them.
_SPELLED_HERE: Mapping[str, str] = {
    "productType": "PRODUCT",
    "endpoint": "ENDPOINT",
    "accessKey": "--access-key",
    "secretKey": "the secret key",
    "options.timeoutSeconds": "--timeout",
    "options.tls.caCertificate": "--ca-file",
    "options.tls.fingerprintSha256": "--fingerprint",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A platform as the command line names it."""

    product: str
    endpoint: str
    access_key: str
    timeout_s: float | None = None
    ca_file: Path | None = None
    insecure: bool = False
    fingerprint: str | None = None
    options: Sequence[str] = ()
    force: bool = False

    def request(self, secret_key: str) -> JobRequest:
        """Return the request; end the command where it is not valid."""
        content = {
            "productType": self.product,
            "endpoint": self.endpoint,
            "accessKey": self.access_key,
            "secretKey": secret_key,
            "options": self._options(),
        }
        try:
            return JobRequest.model_validate(content)
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False)
            # Not refused in here: the error, which holds what was sent, would go along.
            first = invalid_fields([dict(one) for one in errors])[0]
        return refuse(f"{_spelled(first.field)}: {first.reason}")

    def _options(self) -> dict[str, Any]:
        options = _product_options(self.options)
        tls = options.setdefault("tls", {})
        if self.timeout_s is not None:
            options["timeoutSeconds"] = self.timeout_s
        if self.force:
            options["force"] = True
        if self.insecure:
            tls["verify"] = False
        if self.fingerprint:
            tls["fingerprintSha256"] = self.fingerprint
        if self.ca_file:
            tls["caCertificate"] = read_secret(self.ca_file, "--ca-file")
        return options


def secret_key(product: str, file: str | None) -> str:
    """Return the secret key: from --secret-key-file, the environment, else a prompt.

    Never from an argument: `ps` shows those to everybody, and the shell keeps them.
    """
    check_product(product)
    if file == "-":
        return sys.stdin.readline().rstrip("\r\n")
    if file:
        return read_secret(Path(file), "--secret-key-file")
    if secret := os.environ.get(SECRET_VARIABLE):
        return secret
    if not sys.stdin.isatty():
        refuse(f"no secret key: set {SECRET_VARIABLE} or give --secret-key-file (- for stdin)")
    # It turns the echo off before it asks: what is typed too early is not shown either.
    return getpass(f"Secret key ({PRODUCTS[product].secret_key_is}): ")


def check_product(name: str) -> None:
    """End the command where there is no such product."""
    if name not in PRODUCTS:
        refuse(f"product {printable(name)!r} is unknown; choose {', '.join(PRODUCTS)}")


def _product_options(texts: Sequence[str]) -> dict[str, Any]:
    """Return what `name=value` options say, their values read as in a CSV file."""
    pairs = [text.partition("=") for text in texts]
    for name, equals, _ in pairs:
        if not equals or not _OPTION.fullmatch(name):
            refuse(f"--option: {printable(name)!r} is not like NAME=VALUE")
        if [other for other, _, _ in pairs].count(name) > 1:
            refuse(f"--option: {name} is given twice")
    columns = Columns([*NEEDED, *(f"options.{name}" for name, _, _ in pairs)], "--option")
    content = columns.content(["", "", "", "", *(value for _, _, value in pairs)])
    options: dict[str, Any] = content.get("options", {})
    return options


def _spelled(field: str) -> str:
    return _SPELLED_HERE.get(field, field.replace("options.", "--option ", 1))
