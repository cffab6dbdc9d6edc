import pytest

from shared.diagnosis.sentences import Sentence
from shared.diagnosis.translations import place_in


@pytest.mark.parametrize(
    ("place", "chinese"),
    [
        ("line 17", "第 17 行"),
        ("items[3]", "items[3]"),
        ("after items[3]", "items[3] 之后"),
        ("cloud prod", "云 prod"),
        ("context kind-a: b", "上下文 kind-a: b"),
        ("profile {name}", "配置 {name}"),
        ("remote s3", "远程存储 s3"),
        ("alias play", "别名 play"),
        ("host web1", "主机 web1"),
        ("target a:1", "目标 a:1"),
        ("job node", "作业 node"),
        ("host", "host"),
        ("hosts a", "hosts a"),
    ],
)
def test_a_place_in_an_upload_is_told_in_chinese(place: str, chinese: str) -> None:
    """Its name is the file's; what it is the name of is ours."""
    assert place_in("en", place) == place
    assert place_in("zh-CN", place) == chinese


def test_the_words_of_a_platform_are_not_taken_for_a_place() -> None:
    """They begin with "host" more often than with anything else."""
    said = Sentence("Novel: {says}", {"says": "host unreachable"})

    assert said.in_language("zh-CN") == "Novel: host unreachable"
