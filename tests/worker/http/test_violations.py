import re

import pytest

from shared.diagnosis.translations import sentence
from worker.http import violations

PHRASES = [value for name, value in vars(violations).items() if name.isupper() and name[0] != "_"]


@pytest.mark.parametrize("phrase", [text for text in PHRASES if isinstance(text, str)])
def test_every_rule_is_told_in_chinese(phrase: str) -> None:
    """It stands in the middle of a Chinese sentence."""
    assert re.search("[\u4e00-\u9fff]", sentence("zh-CN", phrase))
