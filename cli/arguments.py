"""Read what the environment, the options and small files say, or end the command."""

import os
from ipaddress import ip_network
from pathlib import Path

from pydantic import ValidationError

from cli.terminal.exit_status import refuse
from shared.settings import Network, Settings
from shared.text import printable
from shared.diagnosis.translations import Language


def settings_or_refuse() -> Settings:
    """Return the settings of the environment; end the command where one is not valid."""
    try:
        return Settings()
    except ValidationError as error:
        # Pydantic's text would show the value, which may be a secret.
        first = error.errors(include_input=False, include_url=False)[0]
        reason = first["msg"].removeprefix("Value error, ")
        refuse(f"CONNCHECK_{str(first['loc'][0]).upper()}: {reason}")


def networks_of(texts: list[str] | None) -> list[Network]:
    """Return the networks that --allow-network names."""
    networks: list[Network] = []
    for text in texts or ():
        try:
            networks.append(ip_network(text, strict=False))
        except ValueError:
            refuse(f"--allow-network: {printable(text)!r} is no network like 10.0.0.0/8")
    return networks


def language_of(lang: str | None) -> Language:
    """Return the language that is asked for, else that of the locale."""
    if lang is not None and lang not in ("en", "zh-CN"):
        refuse(f"--lang: {printable(lang)!r} is unknown; choose en or zh-CN")
    wish = lang or os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES")
    wish = wish or os.environ.get("LANG") or ""
    return "zh-CN" if wish.replace("_", "-").startswith(("zh-CN", "zh-Hans", "zh-SG")) else "en"


def read_secret(file: Path, option: str) -> str:
    """Return the only line of a file, without its end."""
    try:
        return file.read_text().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        refuse(f"{option}: {file}: {error.strerror}")
    except UnicodeDecodeError:
        refuse(f"{option}: {file}: is no text")
