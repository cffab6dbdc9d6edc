"""See that an SBOM lists each pinned dependency with its version."""

import json
import re
import sys
from pathlib import Path


def main(constraints: str, sbom: str) -> int:
    """Return 0 if it does; name what is missing otherwise."""
    pins = re.findall(r"^([\w.\[\]-]+?)(?:\[.*\])?==([^\s;]+)", Path(constraints).read_text(), re.M)
    components = json.loads(Path(sbom).read_text())["components"]
    listed = {(one["name"].lower(), one.get("version")) for one in components}
    missing = [pin for pin in pins if (pin[0].lower(), pin[1]) not in listed]
    sys.stdout.write(f"{sbom}: {len(listed)} components, {len(missing)} of {len(pins)} missing\n")
    return 1 if missing or not pins else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
