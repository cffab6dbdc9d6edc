"""The declaration of one site."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from shared.json_file import FilePart
from shared.labels import (
    LONGEST_LABEL,
    LONGEST_LABEL_NAME,
    MOST_LABELS,
    is_label_name,
    is_label_value,
)
from shared.policy.addresses import Network
from shared.silence import LEAST_S, LONGEST_S, Silence
from shared.site_name import DEFAULT_SITE, SiteName
from shared.text import is_visible

LONGEST_TITLE: Final = 80


def _visible(text: str) -> str:
    if not is_visible(text):
        raise ValueError("must have visible characters only")
    return text


def _sealing_key(key: str | None) -> str | None:
    if key is not None:
        from shared.sealing import Sealer  # here: it takes 40 ms to load

        Sealer(key)
    return key


def _labels(labels: Mapping[str, str]) -> Mapping[str, str]:
    if len(labels) > MOST_LABELS:
        raise ValueError(f"must be {MOST_LABELS} labels at most")
    if not all(map(is_label_name, labels)):
        raise ValueError(
            f"a label's name must be 1 to {LONGEST_LABEL_NAME} letters, digits, blanks, dots, "
            "dashes and underscores, and not that of a secret"
        )
    if not all(map(is_label_value, labels.values())):
        raise ValueError(
            f"a label's value must be 1 to {LONGEST_LABEL} characters, all of them visible"
        )
    return labels


def _as_written(networks: Sequence[Network]) -> tuple[str, ...]:
    return tuple(
        str(one.network_address if one.prefixlen == one.max_prefixlen else one) for one in networks
    )


def _network(given: object) -> object:
    if not isinstance(given, str):
        return given
    try:
        return ip_network(given)
    except ValueError:
        raise ValueError("must be an address or a network, e.g. 203.0.113.0/28") from None


_Egress = Annotated[Network, BeforeValidator(_network)]
Title = Annotated[str, Field(max_length=LONGEST_TITLE), AfterValidator(_visible)]
SealingKey = Annotated[str | None, AfterValidator(_sealing_key)]


class SiteEntry(FilePart):
    """A site: who is shown what of it, and what its workers open requests with."""

    name: SiteName
    title: Title = ""
    sealing_public_key: SealingKey = None
    """Base64 of an X25519 key; `default` has it in CONNCHECK_SEALING_PUBLIC_KEY if not here."""
    next_sealing_public_key: SealingKey = None
    """The key that takes the other's place once the site's workers have it."""
    egress: Annotated[tuple[_Egress, ...], PlainSerializer(_as_written)] = ()
    """The public addresses that platforms see tests come from."""
    labels: Annotated[Mapping[str, str], AfterValidator(_labels)] = {}
    silence_s: float | None = Field(default=None, ge=LEAST_S, le=LONGEST_S, allow_inf_nan=False)
    """See `silent_after_s`."""

    @model_validator(mode="after")
    def _require_key(self) -> Self:
        if not self.sealing_public_key and self.name != DEFAULT_SITE:
            raise ValueError(
                "a site other than default must have a sealingPublicKey; `conncheck sites add` "
                "makes one"
            )
        return self

    @property
    def shown_as(self) -> str:
        """The title, else the name."""
        return self.title or self.name

    @property
    def silent_after_s(self) -> float:
        """The silence in seconds after which a worker of the site is given up."""
        return self.silence_s or Silence.of(self.name).seconds

    @property
    def egress_texts(self) -> tuple[str, ...]:
        """The addresses and networks as people write them: an address without its prefix length."""
        return _as_written(self.egress)


DEFAULT_ENTRY: Final = SiteEntry(name=DEFAULT_SITE)
"""The declaration of the site `default` where no file declares it."""
