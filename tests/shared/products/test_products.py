import sys

import pytest

from shared.endpoint import Endpoint
from shared.platform.product import ProductOptions
from shared.products import PRODUCTS, AnyProduct, nearest_products


def test_the_documented_products_exist() -> None:
    """Callers have these names in their configuration."""
    assert {"zstack", "zsphere", "zstack_cube"} <= set(PRODUCTS)


def test_the_products_are_listed_in_alphabetical_order() -> None:
    """The list is shown to callers, the same way every time."""
    assert list(PRODUCTS) == sorted(PRODUCTS)


def test_a_product_is_found_in_a_module_of_another_name() -> None:
    """A process that tests one platform does not import all products first."""
    products = type(PRODUCTS)()

    assert products["zsphere"] is PRODUCTS["zsphere"]
    assert "gone" not in products


def test_modules_are_imported_once() -> None:
    """Each row of an upload may name a product that there is not."""
    products = type(PRODUCTS)()
    products.import_all()
    called: set[str] = set()

    sys.setprofile(lambda frame, *_: called.add(frame.f_code.co_name))
    found = ["gone" in products, "vmware" in products, len(products)]
    sys.setprofile(None)

    assert found == [False, True, len(PRODUCTS)]
    assert "__contains__" in called
    assert "import_module" not in called


@pytest.mark.parametrize(
    ("alias", "name"),
    [("vmware", "vsphere"), ("k8s", "kubernetes"), ("pve", "proxmox"), ("aliyun", "alibabacloud")],
)
def test_a_product_is_found_by_the_name_that_people_have_for_it(alias: str, name: str) -> None:
    """Inventories that were not written for this service call a vCenter vmware."""
    products = type(PRODUCTS)()

    assert products[alias] is PRODUCTS[name]
    assert alias not in list(products)


def test_no_name_means_two_products() -> None:
    """An alias that is another product's name would test the wrong one."""
    names = [name for p in PRODUCTS.values() for name in (p.name, *p.aliases)]

    assert sorted(names) == sorted({*names})


def test_no_two_products_have_the_same_title() -> None:
    """A choice of products shows titles alone."""
    titles = [product.title for product in PRODUCTS.values()]

    assert sorted(titles) == sorted({*titles})
    assert not [title for title in titles if title.startswith("the ")]


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("vsphare", "vsphere"),
        ("vmwre", "vsphere"),
        ("K8S", "kubernetes"),
        ("Huawei", "huaweicloud"),
        ("openstak", "openstack"),
    ],
)
def test_a_misspelt_product_is_recognized_by_its_name_or_its_title(
    typed: str, nearest: str
) -> None:
    """People know the vendor's word, which is seldom the product type."""
    assert nearest in nearest_products(typed)


@pytest.mark.parametrize("typed", ["", "x", "a" * 1_000_000])
def test_nothing_is_near_to_what_resembles_no_product(typed: str) -> None:
    """A wrong guess sends people on a wrong way, and a long word must not cost more."""
    assert nearest_products(typed) == ()


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=lambda product: product.name)
def test_a_product_declares_what_a_test_and_a_form_need(product: AnyProduct) -> None:
    """A product that forgets a field fails here, not at a caller's first test."""
    hello = product.hello(product.complete(Endpoint("h")))

    assert PRODUCTS[product.name] is product
    assert all((product.title, product.access_key_is, product.secret_key_is))
    assert product.default_scheme in ("http", "https")
    assert 0 < product.default_port < 65536
    assert issubclass(product.options, ProductOptions)
    assert not product.options.model_validate({}).model_extra
    assert hello.path.startswith("/")
    assert not hello.presents_credentials
