"""Build the request from the command line, and read the secret from a safe place."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cli.arguments import check_product, read_secret
from cli.terminal.exit_status import refuse
from cli.terminal.screen import STYLES, plain, screen
from shared.products import PRODUCTS, AnyProduct
from shared.request import JobRequest
from shared.text import printable
from shared.wire.problems import invalid_fields

SECRET_VARIABLE = "CONNCHECK_SECRET_KEY"  # noqa: S105 -- the variable's name, not the secret

_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}(\.[A-Za-z][A-Za-z0-9]{0,63}){0,3}")
# The request's field names, and this command's names for them.
_SPELLED_HERE: Mapping[str, str] = {
    "productType": "PRODUCT",
    "endpoint": "ENDPOINT",
    "accessKey": "--access-key",
    "secretKey": "the secret key",
    "options.site": "--site",
    "options.timeoutSeconds": "--timeout",
    "options.tls.caCertificate": "--ca-file",
    "options.tls.fingerprintSha256": "--fingerprint",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A platform as given on the command line."""

    product: str
    endpoint: str
    access_key: str | None
    timeout_s: float | None = None
    ca_file: Path | None = None
    insecure: bool = False
    fingerprint: str | None = None
    options: Sequence[str] = ()
    option_files: Sequence[str] = ()
    expect: Sequence[str] = ()
    force: bool = False
    site: str | None = None

    def request(self, secret_key_file: str | None) -> JobRequest:
        """Return the request; end the command if it is not valid."""
        check_product(self.product)
        content = {
            "productType": self.product,
            "endpoint": self.endpoint,
            "options": self._options(),
            **self._key_pair(secret_key_file),
        }
        try:
            request = JobRequest.model_validate(content)
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False)
            # Not refused here: the error, which contains the input, would be its context.
            first = invalid_fields([dict(one) for one in errors])[0]
        else:
            self._check_secrets(request)
            if self.insecure:
                _warn_of_insecurity(request)
            return request
        return refuse(f"{_spelled(first.field)}: {first.reason}")

    def _key_pair(self, secret_key_file: str | None) -> Mapping[str, str]:
        product = PRODUCTS[self.product]
        if not product.needs_key_pair:
            return {}
        if not self.access_key:
            refuse(f"give --access-key: {product.access_key_is}")
        return {"accessKey": self.access_key, "secretKey": _secret_key(product, secret_key_file)}

    def _options(self) -> dict[str, Any]:
        pairs = [_pair(text, "--option") for text in self.options]
        files = [_pair(text, "--option-file") for text in self.option_files]
        options = _product_options(pairs)
        options |= {name: read_secret(Path(file), "--option-file") for name, file in files}
        if self.expect:
            options["expect"] = _parts(self.expect)
        tls = options.setdefault("tls", {})
        given = {"timeoutSeconds": self.timeout_s, "force": self.force or None, "site": self.site}
        options |= {name: value for name, value in given.items() if value is not None}
        if self.insecure:
            tls["verify"] = False
        if self.fingerprint:
            tls["fingerprintSha256"] = self.fingerprint
        if self.ca_file:
            tls["caCertificate"] = read_secret(self.ca_file, "--ca-file")
        return options

    def _check_secrets(self, request: JobRequest) -> None:
        """Refuse secrets in the command line, though `ps` has already shown this one."""
        for name, _ in (_pair(text, "--option") for text in self.options):
            if name in request.product_options.secrets:
                way = f"give --option-file {name}=FILE"
                refuse(f"--option {name}: is a secret, and `ps` shows arguments; {way}")


def _warn_of_insecurity(request: JobRequest) -> None:
    console = screen(sys.stderr)
    said = f"--insecure: the certificate of {request.target.host} is not verified. "
    risk = "An attacker in between could receive the signed requests."
    console.print(plain(said, STYLES["warning"]).append(risk))


def _secret_key(product: AnyProduct, file: str | None) -> str:
    """Return the secret key: from --secret-key-file, the environment, else a prompt.

    Never from an argument: `ps` shows arguments to everyone, and the shell keeps a history.
    """
    if file == "-":
        return sys.stdin.readline().rstrip("\r\n")
    if file:
        return read_secret(Path(file), "--secret-key-file")
    if secret := os.environ.get(SECRET_VARIABLE):
        return secret
    if not sys.stdin.isatty():
        refuse(f"no secret key: set {SECRET_VARIABLE} or give --secret-key-file (- for stdin)")
    # getpass turns the echo off before it asks: what is typed too early is not shown either.
    return getpass(f"Secret key ({product.secret_key_is}): ")


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not _OPTION.fullmatch(name):
        refuse(f"{option}: {printable(name)!r} is not of the form NAME=VALUE")
    return name, value


def _product_options(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the options of `name=value` pairs; values are read as in a CSV file."""
    if not pairs:
        return {}
    # Here, because most tests have no option.
    from shared.uploads.tables.cells import value_of

    names = [name for name, _ in pairs]
    _refuse_twice(names, "--option")
    _refuse_nested(names)
    options: dict[str, Any] = {}
    for name, value in pairs:
        *outer, last = name.split(".")
        inner = options
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[last] = value_of(f"options.{name}", value)
    return options


def _refuse_nested(names: Sequence[str]) -> None:
    for name in names:
        if other := next((one for one in names if one.startswith(f"{name}.")), None):
            refuse(f"--option: {name} and {other} set the same option")


def _parts(expected: Sequence[str]) -> dict[str, str]:
    pairs = [_pair(text, "--expect") for text in expected]
    _refuse_twice([name for name, _ in pairs], "--expect")
    return dict(pairs)


def _refuse_twice(names: Sequence[str], option: str) -> None:
    for name in names:
        if names.count(name) > 1:
            refuse(f"{option}: {name} is given twice")


def _spelled(field: str) -> str:
    field = field.replace("options.expect.", "--expect ", 1)
    return _SPELLED_HERE.get(field, field.replace("options.", "--option ", 1))
