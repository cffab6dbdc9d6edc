"""The command `conncheck inspect`: a host's certificates, and whether they are trusted."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.arguments import language_of, read_secret, settings_or_refuse
from cli.commands.options import (
    AllowNetwork,
    AsJson,
    CaFile,
    Lang,
    Local,
    NoToken,
    Server,
    ServerCaFile,
    Site,
    TokenFile,
    refuse_site_without_server,
)
from cli.terminal.exit_status import refuse

if TYPE_CHECKING:
    from cli.service_access import ServerChoice, Where
    from cli.single.inspection_view import Inspected
    from shared.diagnosis.translations import Language
    from shared.request.inspection import InspectionRequest

Host = Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="Default port: 443.")]
Timeout = Annotated[
    float, typer.Option(metavar="SECONDS", min=1, max=120, help="Time limit of the inspection.")
]

# What the request calls its fields, and what this command calls them.
_SPELLED_HERE = {"endpoint": "HOST", "options.tls.caCertificate": "--ca-file"}


def inspect_certificates(
    host: Host,
    ca_file: CaFile = None,
    timeout: Timeout = 15,
    as_json: AsJson = False,
    lang: Lang = None,
    local: Local = False,
    allow_network: AllowNetwork = None,
    server: Server = None,
    token_file: TokenFile = None,
    server_ca_file: ServerCaFile = None,
    site: Site = None,
    _token: NoToken = None,
) -> None:
    """Show a host's certificates, whether they are trusted (if not, why), and how to pin one.

    Only a TLS handshake is sent.

    Exit status: 0 trusted, 1 not trusted or no TLS, 2 usage error, 3 not allowed.
    """
    from cli.service_access import WhereOptions
    from cli.single.inspection_view import inspected_json, print_inspected

    request, language = _request(host, ca_file, timeout, site), language_of(lang)
    where = WhereOptions(server, token_file, server_ca_file, local, allow_network).chosen()
    refuse_site_without_server(site, has_server=where.server is not None)
    if where.server:
        seen = _seen_by_service(request, where.server, language)
    else:
        seen = _seen_here(request, where, language)
    if as_json:
        typer.echo(inspected_json(seen.found))
    else:
        print_inspected(seen)
    raise typer.Exit(seen.exit_status)


def _request(
    host: str, ca_file: Path | None, timeout_s: float, site: str | None
) -> "InspectionRequest":
    """Return the request; end the command where it is not valid."""
    from pydantic import ValidationError

    from shared.request.inspection import InspectionRequest
    from shared.wire.problems import invalid_fields

    authorities = {"caCertificate": read_secret(ca_file, "--ca-file")} if ca_file else {}
    named = {"site": site} if site else {}
    options = {"timeoutSeconds": timeout_s, "tls": authorities, **named}
    try:
        return InspectionRequest.model_validate({"endpoint": host, "options": options})
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        first = invalid_fields([dict(one) for one in errors])[0]
    return refuse(f"{_SPELLED_HERE.get(first.field, first.field)}: {first.reason}")


def _seen_here(request: "InspectionRequest", where: "Where", language: "Language") -> "Inspected":
    from cli.single.in_process import InProcess
    from cli.single.inspection_view import Inspected

    job = InProcess(settings_or_refuse(), where.networks).inspect(request)
    return Inspected(request.target, job.inspection(language), job.job(language))


def _seen_by_service(
    request: "InspectionRequest", server: "ServerChoice", language: "Language"
) -> "Inspected":
    from cli.single.inspection_view import Inspected
    from cli.single.service_errors import service_errors_refused

    sent = request.model_dump(by_alias=True, exclude_unset=True)
    with service_errors_refused(server), server.client(language) as client:
        found = client.inspect(sent)
        return Inspected(request.target, found, client.job(found.job_id))
