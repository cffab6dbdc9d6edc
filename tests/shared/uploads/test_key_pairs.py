import json

import pytest

from tests.shared.uploads.tables.reading import read_table, refused
from tests.shared.uploads.uploading import JSON, problems, read_with

PAIR = {"productType": "s3", "endpoint": "h", "accessKey": "right", "secretKey": "good"}


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("User Name,Access Key Id,Secret Access Key", "alice,right,good"),
        ("access key id,secret access key,password", "right,good,bad"),
        ("user,password,access key id", "right,good,bad"),
        ("user,password,api secret", "right,good,bad"),
        ("user,AK,secretKey", "alice,right,good"),
    ],
)
def test_a_key_pair_is_not_mixed_with_another(header: str, row: str) -> None:
    """A user's name is no access key of a secret key: the platform would reject a right key."""
    found = read_table(f"type,host,{header}\ns3,h,{row}\n")

    assert found.contents == [PAIR]
    assert "is left out; it does not belong to the key pair" in [n for *_, n in found.columns]
    item = dict(zip(f"type,host,{header}".split(","), f"s3,h,{row}".split(","), strict=True))
    rows, _ = read_with(json.dumps([item]).encode(), JSON)
    assert [row.content for row in rows] == [PAIR]


def test_two_complete_pairs_are_refused() -> None:
    """Only the caller knows which is meant."""
    names = ("user", "password", "access key id", "secret access key")
    detail = refused(f"type,host,{','.join(names)}\ns3,h,a,b,c,d\n").detail
    assert "set the same field" in detail

    item = {"type": "s3", "host": "h", **dict.fromkeys(names, "a"), "password": "b"}
    said = "has two members that are the secretKey: password and secret access key"
    assert problems(json.dumps([item]).encode(), JSON) == [("items[0]", said)]
