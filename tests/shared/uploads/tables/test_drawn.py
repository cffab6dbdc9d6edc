import pytest

from tests.shared.uploads.tables.reading import read_table

MARKDOWN = """# Platforms

| Name | Type | URL | User | Password |
|:-----|:----:|-----|------|---------:|
| a    | zstack | h1 | u"  | `p"\\|` |
| b    | zstack | h2 | u   | p2       |
"""
UNALIGNED = """|Name|Type|URL|User|Password|
|-|-|-|-|-|
|a|zstack|h1|u"|p"\\||
|b|zstack|h2|u|p2|
"""
JIRA = """|| Name || Type || URL || User || Password ||
| a | zstack | h1 | u" | p"\\| |
| b | zstack | h2 | u | p2 |
"""
MYSQL = """+------+--------+------+------+----------+
| name | type   | url  | user | password |
+------+--------+------+------+----------+
| a    | zstack | h1   | u"   | p"\\|     |
| b    | zstack | h2   | u    | p2       |
+------+--------+------+------+----------+
2 rows in set (0.00 sec)
"""
PSQL = """ name |  type  | url | user | password
------+--------+-----+------+----------
 a    | zstack | h1  | u"   | p"\\|
 b    | zstack | h2  | u    | p2
(2 rows)
"""
BOTH = [
    {"name": "a", "endpoint": "h1", "accessKey": 'u"', "secretKey": 'p"|', "productType": "zstack"},
    {"name": "b", "endpoint": "h2", "accessKey": "u", "secretKey": "p2", "productType": "zstack"},
]


@pytest.mark.parametrize("text", [MARKDOWN, UNALIGNED, JIRA, MYSQL, PSQL])
@pytest.mark.parametrize("size", [1, 1_000_000])
def test_a_drawn_table_is_read_without_what_aligns_it(text: str, size: int) -> None:
    """The blanks beside a bar are no part of a key; as such they would make it a wrong one."""
    found = read_table(text, size=size)

    assert found.contents == BOTH
    assert found.doubts == []


def test_empty_cells_of_a_drawn_table_stay_in_their_columns() -> None:
    """A row may have no name, and none has its user for a password."""
    table = "| name | type | host | ref |\n|--|--|--|--|\n|  | tcp | h | |\n||tcp|h||\n"
    found = read_table(table)

    assert found.contents == [{"productType": "tcp", "endpoint": "h"}] * 2


def test_bars_that_only_separate_keep_the_blanks_of_secrets() -> None:
    """There they are not for alignment."""
    found = read_table("type|host|user|password\nzstack|h|u| p |\n")

    assert [row.content["secretKey"] for row in found.rows] == [" p "]
