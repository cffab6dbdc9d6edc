"""Serve every hostile server, and print where: `python -m tests.attacks`, until Enter."""

import json
import sys
from contextlib import ExitStack

from tests.attacks.traps.hostile import HTTP
from tests.attacks.traps.hostile_tls import big_chain, malformed, stall_after_hello, with_many_names
from tests.network.servers import hold, serving


def main() -> None:
    """Print the endpoints of all of them by the id of the attack, as one line of JSON."""
    with ExitStack() as stack:
        plain = [
            (name, stack.enter_context(serving(script)))
            for name, scripts in HTTP.items()
            for script in scripts
        ]
        contexts = [("G3", big_chain()), ("G3", with_many_names(3000).server_context())]
        contexts += [("G4", issued.server_context(der)) for issued, der in malformed().values()]
        secured = [
            (name, stack.enter_context(serving(hold, tls=context))) for name, context in contexts
        ]
        secured.append(("G2", stack.enter_context(serving(stall_after_hello))))
        endpoints = [(name, f"http://127.0.0.1:{server.port}") for name, server in plain]
        endpoints += [(name, f"https://127.0.0.1:{server.port}") for name, server in secured]
        sys.stdout.write(json.dumps(endpoints) + "\n")
        sys.stdout.flush()
        sys.stdin.readline()


if __name__ == "__main__":
    main()
