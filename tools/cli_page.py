"""Describe the command line as a page, from what its own --help is made of."""

from collections.abc import Iterator
from inspect import getdoc
from typing import Any

from typer.main import get_command

from cli.main import app

_INTRO = """# The command line

Every command explains itself with `--help`; this page is made from the same texts.
`conncheck --install-completion` installs completion of commands, products and causes in your shell.

Secrets are never arguments. The secret key comes from a prompt, `--secret-key-file` (`-` is
standard input) or `CONNCHECK_SECRET_KEY`; the token of a service comes from `--token-file`,
`CONNCHECK_TOKEN` or `conncheck login`.

With `--server`, tests run on that service, and after `conncheck login URL` on the one at URL.
Otherwise, or with `--local`, they run in the command's own process, with the same steps and policy
as in the service (`CONNCHECK_ALLOWED_NETWORKS`, `CONNCHECK_PER_TARGET` and the others). Two
things differ: a rejected key pair is remembered only while the command runs, and no result is kept.
`conncheck compare` needs a service, because other sites have workers of their own.

[bulk.md](bulk.md) says which files `conncheck bulk` reads, and how.
"""
_SHORTER = {
    "settings": "Show the settings with their present values; [settings.md](settings.md) has all.",
}


def cli_page() -> str:
    """Return the page: a section and a table for each command."""
    commands = _commands(("conncheck",), get_command(app))
    return "\n".join([_INTRO, *(_section(path, command) for path, command in commands)])


def _commands(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give the commands that do something, in the order of the help."""
    for name, member in command.commands.items():
        if getattr(member, "commands", None):
            if member.invoke_without_command:
                yield (*path, name), member
            yield from _commands((*path, name), member)
        else:
            yield (*path, name), member


def _section(path: tuple[str, ...], command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    options = [one for one in options if one.name != "help" and not one.hidden]
    usage = [*path, *map(_usage, arguments), *["[OPTIONS]"] * bool(options)]
    text = _SHORTER.get(path[-1]) or getdoc(command.callback) or ""
    parts = [f"## {' '.join(path)}\n", f"```\n{' '.join(usage)}\n```\n", f"{text.strip()}\n"]
    if arguments or options:
        parts.append(_table([*map(_argument_row, arguments), *map(_option_row, options)]))
    return "\n".join(parts)


def _usage(argument: Any) -> str:
    name = _name_of(argument)
    name += "..." if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


def _name_of(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _argument_row(argument: Any) -> tuple[str, str]:
    return f"`{_name_of(argument)}`", argument.help or ""


def _option_row(option: Any) -> tuple[str, str]:
    kind = option.name.upper() if option.metavar is None else option.metavar
    spelled = ", ".join(f"`{f'{spelling} {kind}'.strip()}`" for spelling in option.opts)
    more = [option.help or ""]
    if option.required:
        more.append("Required.")
    if option.envvar:
        more.append(f"Also `{option.envvar}`.")
    if option.default not in (None, False) and not option.required:
        more.append(f"Default: `{option.default}`.")
    return spelled, " ".join(more)


def _table(rows: list[tuple[str, str]]) -> str:
    lines = [("Argument or option", "Meaning"), ("---", "---"), *rows]
    return "".join(f"| {_cell(name)} | {_cell(meaning)} |\n" for name, meaning in lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
