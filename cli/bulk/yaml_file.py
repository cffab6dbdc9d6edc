"""Read a YAML file of platforms."""

import json
from pathlib import Path
from typing import Any

import yaml

from cli.terminal.exit_status import refuse


def json_of(content: bytes, path: Path) -> bytes:
    """Return a YAML file's content as the JSON document that the API accepts."""
    try:
        document: Any = yaml.load(content, _Loader)  # noqa: S506 -- it is a SafeLoader
        if isinstance(document, list):
            document = {"items": document}
        return json.dumps(document, allow_nan=False).encode()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, ValueError, RecursionError):
        where = ""
    return refuse(f"{path}: {where}is not valid YAML, or has values that JSON does not have")


class _Loader(yaml.SafeLoader):
    """YAML without dates: a key that looks like a date stays a string."""

    yaml_implicit_resolvers = {  # noqa: RUF012 -- how PyYAML is told
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
