from shared.policy.refused_networks import REFUSED


def test_every_kind_follows_the_article_of_its_sentence() -> None:
    """Texts say "is a KIND address"."""
    assert [one.kind for one in REFUSED if one.kind[0] in "aeiou"] == []
