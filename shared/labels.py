"""Labels: what a caller calls the platforms of a batch by, to filter and group results."""

from typing import Final

from shared.text import is_visible

LABEL: Final = "label."
"""What the name of a column, a member or a group begins with that is a label."""
MOST_LABELS: Final = 16
"""Of one platform."""
LONGEST_LABEL_NAME: Final = 64
LONGEST_LABEL: Final = 200
"""Characters of a label's value."""

_SIGNS = " _.-"
_SECRETS = (
    *("password", "passwd", "pwd", "passphrase", "secret", "secretkey", "token", "privatekey"),
    *("kennwort", "passwort", "motdepasse", "mdp", "密码", "口令", "密钥", "令牌", "私钥"),
)


def is_secret_name(name: str) -> bool:
    """Return whether somebody calls a secret by this name, such as "VPN password"."""
    letters = "".join(one for one in name.casefold() if one not in _SIGNS)
    return letters.endswith(_SECRETS)


def is_label_name(name: str) -> bool:
    """Return whether a label may have this name.

    It has letters of any script, digits, and a few signs, so that NAME=VALUE can be told apart. It
    is not that of a secret: labels are stored as they are, and shown to all who see the batch.
    """
    if is_secret_name(name):
        return False
    is_spelled = all(one.isalnum() or one in _SIGNS for one in name)
    return 0 < len(name) <= LONGEST_LABEL_NAME and is_spelled and name == name.strip()


def is_label_value(value: str) -> bool:
    """Return whether a label may have this value."""
    return 0 < len(value) <= LONGEST_LABEL and is_visible(value)
