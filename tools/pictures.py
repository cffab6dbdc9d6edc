"""Make the pictures of the README out of what the command really prints.

Run it by hand (`make pictures`): latencies differ each time, so the pictures are not checked.
"""

import ssl
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, chdir
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import trustme
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.cli.commanding import COLUMNS, terminal  # noqa: E402 -- found by the line above
from tests.stand_ins.zstack import ZstackNode, zstack_node  # noqa: E402

DELAY_S = 0.03  # what a platform in the next town takes to answer
SECRET = "SECRET"  # noqa: S105 -- of the stand-ins
_CALM = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [
        *((22, 27, 34), (248, 81, 73), (86, 211, 100), (210, 153, 34)),
        *((88, 166, 255), (188, 140, 255), (86, 182, 194), (201, 209, 217)),
    ],
    [
        *((125, 133, 144), (255, 123, 114), (126, 231, 135), (227, 179, 65)),
        *((121, 192, 255), (210, 168, 255), (118, 208, 218), (240, 246, 252)),
    ],
)
# rich's own frame without the fonts that it loads from elsewhere.
_FRAME = """\
<svg class="rich-terminal" viewBox="0 18 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
<rect fill="#161b22" y="18" width="{width}" height="{height}" rx="10"/>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main() -> None:
    """Write both pictures."""
    with TemporaryDirectory() as directory, ExitStack() as stack:
        authority = trustme.CA(
            organization_name="Example", organization_unit_name="Example Root CA"
        )
        ca_file = Path(directory, "ca.pem")
        authority.cert_pem.write_to_path(str(ca_file))
        platforms = _Platforms(stack, authority)
        arguments = ["test", "zstack", platforms.expired, "--access-key", "AKID"]
        _draw("test", arguments, ["--ca-file", str(ca_file)], directory)
        file = Path(directory, "platforms.csv")
        file.write_text("".join(platforms.rows(ca_file)))
        _draw("bulk", ["bulk", file.name, "--output", "results.csv"], [], directory)


class _Platforms:
    """Stand-ins on loopback, healthy ones and others."""

    def __init__(self, stack: ExitStack, authority: trustme.CA) -> None:
        good, bad = _certificate(authority, 90), _certificate(authority, -10)

        def serve(port: int = 0, **options: object) -> int:
            node = ZstackNode(keys={f"AK{n}": SECRET for n in range(99)}, delay_s=DELAY_S)
            return stack.enter_context(zstack_node(node, port=port, **options))[1]  # type: ignore[arg-type]

        self.healthy = f"https://localhost:{serve(tls=good)}"
        self.expired = f"https://localhost:{serve(8443, tls=bad)}"
        self.plain = f"https://localhost:{serve()}"

    def rows(self, ca_file: Path) -> Iterator[str]:
        """Give the lines of a file with some of each."""
        yield "name,productType,endpoint,accessKey,secretKey,options.tls.caCertificate\n"
        pem = ca_file.read_text()
        kinds = [(self.healthy, SECRET)] * 31 + [(self.expired, SECRET)] * 5
        kinds += [("http://localhost:9", SECRET)] * 3 + [(self.healthy, "another")] * 2
        kinds += [(self.plain, SECRET)]
        for number, (endpoint, secret) in enumerate(kinds):
            name = _TOWNS[number % len(_TOWNS)]
            yield f'{name},zstack,{endpoint},AK{number},{secret},"{pem}"\n'


_TOWNS = (
    *("Berlin", "Tokyo", "Oslo", "Rome", "Paris", "Madrid", "Lisbon", "Vienna", "Prague"),
    *("Warsaw", "Athens", "Dublin", "London", "Zurich", "Geneva", "Milan", "Naples", "Turin"),
    *("Porto", "Seville", "Lyon", "Nice", "Bonn", "Essen", "Bremen", "Graz", "Linz", "Basel"),
    *("Bern", "Gdansk", "Lodz", "Brno", "Ghent", "Bruges", "Delft", "Leiden", "Aarhus"),
    *("Bergen", "Malmo", "Turku", "Tampere", "Riga"),
)


def _certificate(authority: trustme.CA, days_left: int) -> ssl.SSLContext:
    ends = datetime.now(UTC) + timedelta(days=days_left)
    issued = authority.issue_cert("localhost", common_name="localhost", not_after=ends)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    return context


def _draw(name: str, arguments: Sequence[str], unseen: Sequence[str], directory: str) -> None:
    """Run the command and keep its output as a picture; `unseen` are for this machine alone."""
    settings = {"CONNCHECK_SECRET_KEY": SECRET, "CONNCHECK_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128"}
    with chdir(directory), terminal(*arguments, *unseen, **settings) as screen:
        screen.ended()
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "bright_black"), f"conncheck {' '.join(arguments)}"))
    console.print(Text.from_ansi(_at_the_end(screen.shown)))
    svg = console.export_svg(theme=_CALM, code_format=_FRAME, unique_id=name)
    (ROOT / "docs" / "pictures" / f"{name}.svg").write_text(svg)


def _at_the_end(shown: str) -> str:
    """Return what is left on the screen of all that was drawn on it."""
    before, _, drawn = shown.replace("\r\n", "\n").partition("\x1b[?25l")
    left = drawn.rpartition("\x1b[2K")[2].replace("\x1b[?25h", "")
    return (before + left).rstrip("\n")


if __name__ == "__main__":
    main()
