"""A sentence of the service's own, before it is known in which language it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.diagnosis.outcomes import Fact, Finding, filled
from shared.diagnosis.translations import Language, facts_in, sentence, summary_of


@dataclass(frozen=True, slots=True)
class Sentence:
    """An English template over facts, like those of causes, to which translations belong."""

    english: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    cause: str = ""
    """The code of the cause whose summary it is."""
    ending: str = ""

    @classmethod
    def of(cls, finding: Finding, ending: str = "") -> "Sentence":
        """Return the summary of a finding that needs no facts of a job."""
        return cls(finding.cause.summary, dict(finding.facts), finding.cause.code, ending)

    def __str__(self) -> str:
        """Return it in English."""
        return self.in_language("en")

    def in_language(self, language: Language) -> str:
        """Return it in `language`; in English if it has not been translated."""
        template = summary_of(language, self.cause) or sentence(language, self.english)
        told = filled(template, facts_in(language, self.facts))
        return told + sentence(language, self.ending)


def text_in(language: Language, english: str, said: Sentence | None) -> str:
    """Return in `language` what `said` says, or a sentence without facts."""
    return said.in_language(language) if said else sentence(language, english)
