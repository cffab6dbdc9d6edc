"""Measure what knowing all products costs the start of a process, against knowing one."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FIRST = "zstack"
# What the interpreter and pydantic cost is no product's, so it is there before the clock starts.
_START = """
import json, sys, time
from pathlib import Path
import shared.platform.answers.not_the_product, shared.platform.product
import shared.platform.keys.key_pair, shared.platform.keys.server_clock
def rss_kb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
before, began = rss_kb(), time.process_time()
from shared.products import PRODUCTS
wanted = [PRODUCTS[sys.argv[1]]] if sys.argv[1] else list(PRODUCTS)
print(json.dumps({"count": len(wanted), "ms": (time.process_time() - began) * 1000,
                  "kb": rss_kb() - before}))
"""


@dataclass(frozen=True, slots=True)
class Start:
    """What loading some products took."""

    count: int
    took_ms: float
    memory_mb: float


def start(only: str = "") -> Start:
    """Return what a new process needs to load all products, or the module of one."""
    done = subprocess.run(  # noqa: S603 -- our own program, no shell
        [sys.executable, "-c", _START, only],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        check=True,
        text=True,
    )
    found: Mapping[str, float] = json.loads(done.stdout)
    return Start(int(found["count"]), found["ms"], found["kb"] / 1000)
