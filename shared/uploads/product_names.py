"""Know a product by the names that people give it."""

import re
import unicodedata
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache

from shared.diagnosis.sentences import Sentence
from shared.products import PRODUCTS
from shared.text import printable

MOST_NAMES = 1000
"""Names of products that are looked up in one upload; each can take a millisecond."""
_LONGEST = 64
_SHORTEST_NEAR = 5
"""Characters of a name that may be a slip of another: three of four would be any word."""
_NEAR = 0.85
_VERSION = re.compile(r"(?<=\S)[\s-]+v?[0-9]+(\.[0-9x]+)*([\s-]*(u|update)\s*[0-9a-z]+)?$", re.I)
_WORDS = re.compile(r"[\s/()_-]+")
_CALLED: Mapping[str, str] = {
    "vsphere": "vmwarevcenter vcenterserver vmwarevcenterserver vmwareesxi vcsa vc "
    "虚拟化平台vmware vmware虚拟化",
    "kubernetes": "kube kubernetescluster k8scluster k8s集群",
    "aws": "amazonaws amazonwebservices amazoncloud 亚马逊云 亚马逊",
    "alibabacloud": "阿里云 阿里 alibabacloudecs",
    "huaweicloud": "华为云 huawei hwcloud",
    "tencentcloud": "腾讯云 腾讯",
    "zstack": "zstack云平台 zstackcloud云平台",
    "openstack": "openstackkeystone",
    "ovirt": "rhev redhatvirtualization redhatvirtualisation ovirtengine",
    "proxmox": "proxmoxve proxmoxvirtualenvironment",
    "nutanix": "prismcentral prismelement nutanixahv",
    "cloudstack": "apachecloudstack",
    "s3": "amazons3 awss3 s3compatible 对象存储s3",
}


def product_named(text: str) -> tuple[str, bool]:
    """Return the productType that `text` names, and whether it is certain; "" for none.

    It is not certain where the text is only like one product's name, or has other words beside it.
    """
    if len(text) > _LONGEST:
        return "", True
    if known := PRODUCTS.get(text):  # a command that tests one product loads no other
        return known.name, True
    spelled = _spelled(text)
    names = _names()
    if certain := names.get(spelled) or names.get(_spelled(_VERSION.sub("", text.strip()))):
        return certain, True
    near = set()
    if len(spelled) >= _SHORTEST_NEAR:
        near = {names[one] for one in get_close_matches(spelled, names, n=5, cutoff=_NEAR)}
    words = {names[word] for one in _WORDS.split(text) if (word := _spelled(one)) in names}
    for found in (near, words):
        if len(found) == 1:
            return next(iter(found)), False
    return "", True


class ProductNames:
    """The names of products in one upload, each of which is looked up once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, bool]] = {}

    def named(self, text: str) -> tuple[str, bool]:
        """Return what `product_named` does; "" for a name beyond the first MOST_NAMES."""
        if text not in self._known and len(self._known) < MOST_NAMES:
            self._known[text] = product_named(text)
        return self._known.get(text, ("", True))


def read_as(text: str, product: str) -> Sentence:
    """Return the doubt that `text` was taken for the name of a product."""
    return Sentence("{text} was read as {product}", {"text": printable(text), "product": product})


def _spelled(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


@cache
def _names() -> Mapping[str, str]:
    """Return the productTypes by the spellings of their names, which are looked up for each row."""
    called = {_spelled(name): one for one, names in _CALLED.items() for name in names.split()}
    titles = {_spelled(one.title): one.name for one in PRODUCTS.values()}
    aliases = {_spelled(name): one.name for one in PRODUCTS.values() for name in one.aliases}
    return {**called, **titles, **aliases, **{_spelled(name): name for name in PRODUCTS}}


def needs_no_key_pair(product: str) -> bool:
    """Return whether `product`, which may be empty, is one that is tested without a key pair."""
    # To look for a product that was not named would load them all.
    one = PRODUCTS.get(product) if product else None
    return one is not None and not one.needs_key_pair
