import pytest

from shared.products import PRODUCTS
from shared.uploads.product_names import MOST_NAMES, ProductNames, product_named


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_name_title_and_alias_is_certain(product: str) -> None:
    """They are what the documents call it."""
    known = PRODUCTS[product]
    names = [product, known.title, *known.aliases]

    for name in [*names, *map(str.upper, names), *(f" {name} " for name in names)]:
        assert product_named(name) == (product, True)


@pytest.mark.parametrize(
    ("text", "product"),
    [
        ("VMware vCenter", "vsphere"),
        ("vSphere", "vsphere"),
        ("VMware vSphere 7.0 U3", "vsphere"),
        ("vCenter Server 8.0", "vsphere"),
        ("ESXi 6.7", "vsphere"),
        ("K8S", "kubernetes"),
        ("Amazon AWS", "aws"),
        ("Amazon Web Services", "aws"),
        ("Open Stack", "openstack"),
        ("阿里云", "alibabacloud"),
        ("华为云", "huaweicloud"),
        ("腾讯云", "tencentcloud"),
        ("ZStack Cube", "zstack_cube"),
        ("zstack-cube", "zstack_cube"),
        ("HTTPS", "https"),
    ],
)
def test_another_name_of_one_product_is_certain(text: str, product: str) -> None:
    """People write the maker's name, a blank or the version as well."""
    assert product_named(text) == (product, True)


@pytest.mark.parametrize(
    ("text", "product"),
    [
        ("kubernets", "kubernetes"),
        ("opnstack", "openstack"),
        ("Red Hat OpenStack Platform", "openstack"),
        ("vmwar", "vsphere"),
        ("proxmox cluster", "proxmox"),
    ],
)
def test_what_is_like_one_product_is_read_with_a_doubt(text: str, product: str) -> None:
    """The caller is told what it was read as."""
    assert product_named(text) == (product, False)


@pytest.mark.parametrize(
    "text", ["", "wsphere", "tpc", "router", "aws or openstack", "htt", "x" * 100_000, "7.0"]
)
def test_what_is_like_two_products_or_none_is_left(text: str) -> None:
    """Validation names the nearest ones."""
    assert product_named(text)[0] == ""


def test_an_upload_has_only_so_many_names_looked_up() -> None:
    """50,000 that are like none take seconds, and no platform of them can be tested."""
    names = ProductNames()
    assert names.named("VMware vCenter") == ("vsphere", True)

    for number in range(MOST_NAMES):
        names.named(f"unheard of {number}")

    assert names.named("VMware vCenter") == ("vsphere", True)
    assert names.named("Open Stack") == ("", True)
