import ssl

import pytest

from shared.diagnosis.translations import sentence
from worker.tls import (
    certificate,
    certificate_causes,
    chain,
    chain_judgement,
    known_issuers,
    names,
)
from worker.tls.certificate_causes import NOT_TRUSTED, cause_of
from worker.tls.handshake_causes import ALERTS
from worker.tls.verify_codes import REASONS, verdict_facts

X509_V_ERR_LAST_OF_3_0 = 94


def refusal(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


def test_every_code_has_words_of_its_own() -> None:
    """x509_vfy.h numbers them without a gap; one sentence for two would not tell them apart."""
    assert list(REASONS) == list(range(1, len(REASONS) + 1))
    assert len(REASONS) >= X509_V_ERR_LAST_OF_3_0
    assert len(set(REASONS.values())) == len(REASONS)


def test_an_unknown_code_is_told_in_the_words_of_openssl() -> None:
    """A guess of ours would be worse than a sentence that can be searched for."""
    facts = verdict_facts(refusal(4711, "a\x1b[31m new reason"))

    assert facts["verify_code"] == 4711
    assert facts["reason"] == "a\N{REPLACEMENT CHARACTER}[31m new reason"
    assert cause_of(4711) is NOT_TRUSTED


def test_a_known_code_is_told_in_ours() -> None:
    """OpenSSL's 'unhandled critical extension' says neither whose nor which."""
    assert verdict_facts(refusal(22, "certificate chain too long"))["reason"] == REASONS[22]


@pytest.mark.parametrize(
    "english",
    [
        *REASONS.values(),
        *ALERTS.values(),
        *names.FLAWS,
        *certificate.RULES,
        *chain.PLACES,
        *chain_judgement.CA_FAULTS,
        *certificate_causes.OTHERS,
        *known_issuers.SOURCES,
    ],
)
def test_every_reason_is_told_in_chinese(english: str) -> None:
    """They stand inside of sentences; English there would be half a sentence."""
    assert sentence("zh-CN", english) != english
