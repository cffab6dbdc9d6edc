"""Read the environment, options and small files; end the command where one is not valid."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from cli.terminal.exit_status import refuse
from shared.text import printable

if TYPE_CHECKING:
    from shared.diagnosis.translations import Language
    from shared.settings import Network, Settings

_SITE_NAME = "must be 1 to 32 of a-z, 0-9 and -"


def settings_or_refuse() -> "Settings":
    """Return the settings of the environment; end the command where one is not valid."""
    # Here, because they take half of the time of a command that needs none, as --help does.
    from pydantic import ValidationError

    from shared.settings import Settings

    try:
        return Settings.of_environment()
    except ValidationError as error:
        # Pydantic's message would contain the value, which may be a secret.
        first = error.errors(include_input=False, include_url=False)[0]
        reason = first["msg"].removeprefix("Value error, ")
        name = str(first["loc"][0])
        refuse(f"CONNCHECK_{name.upper()}: {_SITE_NAME if name == 'site' else reason}")


def settings_at(site: str | None) -> "Settings":
    """Return the settings of the environment for a worker at `site`, given by --site.

    Without one it is that of CONNCHECK_SITE. Ends the command where a value is not valid.
    """
    settings = settings_or_refuse()
    if site is None:
        return settings
    from pydantic import TypeAdapter, ValidationError

    from shared.site_name import SiteName

    try:
        name = TypeAdapter[str](SiteName).validate_python(site)
    except ValidationError:
        refuse(f"--site: {printable(site)!r} {_SITE_NAME}")
    return settings.model_copy(update={"site": name})


def check_product(name: str) -> None:
    """End the command if there is no such product."""
    from shared.products import PRODUCTS, nearest_products

    if name not in PRODUCTS:
        nearest = " or ".join(nearest_products(name))
        meant = f"did you mean {nearest}? Choose" if nearest else "choose"
        refuse(f"product {printable(name)!r} is unknown; {meant} from {', '.join(PRODUCTS)}")


def networks_of(texts: list[str] | None) -> "list[Network]":
    """Return the networks given by --allow-network."""
    networks: list[Network] = []
    for text in texts or ():
        try:
            networks.append(ip_network(text, strict=False))
        except ValueError:
            refuse(f"--allow-network: {printable(text)!r} is not a network such as 10.0.0.0/8")
    return networks


def language_of(lang: str | None) -> "Language":
    """Return the language given by --lang, else that of the locale."""
    if lang is not None and lang not in ("en", "zh-CN"):
        refuse(f"--lang: {printable(lang)!r} is unknown; choose en or zh-CN")
    wish = lang or os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES")
    wish = wish or os.environ.get("LANG") or ""
    return "zh-CN" if wish.replace("_", "-").startswith(("zh-CN", "zh-Hans", "zh-SG")) else "en"


def read_secret(file: Path, option: str) -> str:
    """Return a file's content without the line break at its end."""
    try:
        return file.read_text().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        refuse(f"{option}: {file}: {error.strerror}")
    except UnicodeDecodeError:
        refuse(f"{option}: {file}: is not a text file")
