"""Say what a worker found, in the words of this service: those of the worker are never shown."""

import re
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network

from shared.diagnosis.catalogue import catalogue
from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import FoundCause, Outcome, Queued, StepEnded, StepNoted
from shared.diagnosis.facts import checked
from shared.diagnosis.outcomes import Fact, Facts, Finding, shown
from shared.policy.addresses import is_address, is_in, plain
from shared.reporting.advised import advised
from shared.reporting.commands import command_for
from shared.reporting.job_facts import job_facts

MOST_EGRESS = 4
"""How many addresses of a site a sentence names."""

UNEXPLAINED = Cause(
    code="self.unexplained",
    owner="us",
    summary="The worker reports a cause that this API cannot explain[: {reported}]",
    remedies=(
        "Ask the operators of this service to run the same version of the API and the workers.",
    ),
)

_PRIVATE = tuple(
    ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""RFC 1918, RFC 6598 and RFC 4193: no public address is seen in between."""
_CODE = re.compile("[a-z0-9_.]{1,64}")


@dataclass(slots=True)
class Wording:
    """Puts what one run of a job found into words; the steps must come in their order."""

    queued: Queued
    here: Facts
    """What the API knows of the place of the test: `site`, and its public `site_egress`."""
    _earlier: dict[str, Fact] = field(default_factory=dict)
    """The facts of the steps that have passed, of which those of the first ones count."""

    def ended(self, ended: StepEnded) -> StepEnded:
        """Return the end of a step in this service's words, with its command."""
        facts = checked(ended.facts)
        if not ended.causes and not ended.command and facts == ended.facts:
            self._learn(ended.outcome, facts)
            return ended  # as most are
        causes = self._in_words(ended.causes)
        command = self._command(ended) if causes else ""
        self._learn(ended.outcome, facts)
        update = {"facts": facts, "causes": causes, "command": command}
        return ended.model_copy(update=update)

    def noted(self, note: StepNoted) -> StepNoted:
        """Return what became known later of a step, in this service's words."""
        update = {"facts": checked(note.facts), "causes": self._in_words(note.causes)}
        return note.model_copy(update=update)

    def _learn(self, outcome: Outcome, facts: Facts) -> None:
        if outcome != "failed":
            self._earlier = {**facts, **self._earlier}

    def _in_words(self, causes: tuple[FoundCause, ...]) -> tuple[FoundCause, ...]:
        return tuple(self._explained(found) for found in causes)

    def _explained(self, found: FoundCause) -> FoundCause:
        cause = catalogue().get(found.code)
        if cause is None:
            return self._unexplained(found)
        if found.severity != cause.severity == "failed":  # in an inspection it stops nothing
            cause = replace(cause, severity="warning")
        facts, job = checked(found.facts), job_facts(self.queued)
        advice = advised(found.known, facts, str(job.get("host", "")))
        known = {**advice, **self._earlier, **job, **self._source(facts)}
        finding = Finding(cause, facts)
        try:
            return FoundCause.of(finding, known)
        except KeyError:  # a fact that the texts need is missing, or has not its form
            return self._unexplained(found)

    def _source(self, found: Facts) -> Facts:
        """Return where the test came from, as firewalls and the platform see it, if it is known.

        Within a private network that is the worker's own address.
        """
        site, egress = self.here.get("site"), self.here.get("site_egress")
        if not site:
            return {}
        if isinstance(egress, tuple):
            egress = egress[:MOST_EGRESS]
        address = str(found.get("address") or self._earlier.get("address", ""))
        if is_address(address) and is_in(plain(ip_address(address)), _PRIVATE):
            egress = found.get("egress")
        return {"source": f"{shown(egress)} ({shown(site)})"} if egress else {}

    def _unexplained(self, found: FoundCause) -> FoundCause:
        facts = {"reported": found.code} if _CODE.fullmatch(found.code) else {}
        cause = replace(UNEXPLAINED, severity=found.severity)
        return FoundCause.of(Finding(cause, facts), {})

    def _command(self, ended: StepEnded) -> str:
        """Return a command that shows the same result, made of what the API knows."""
        found = ended.causes[0]
        if found.code.startswith("policy."):  # it would go where this service does not go
            return ""
        told = {"address": found.facts.get("address", "")}
        address = str(self._earlier.get("address") or checked(told).get("address", ""))
        known = {"address": address} if is_address(address) else {}
        return command_for(ended.step, found.code, {**job_facts(self.queued), **known})
