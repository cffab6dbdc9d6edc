"""Write the table that a bulk test reads, with its header and what belongs into it."""

from collections.abc import Mapping

from shared.diagnosis.outcomes import Fact
from shared.diagnosis.sentences import Sentence
from shared.diagnosis.translations import Language
from shared.products import PRODUCTS, AnyProduct
from shared.wire.product_types import ProductType
from shared.wire.sheets.csv_sheet import sheet_csv_file

MEANINGS: Mapping[str, Sentence] = {
    "name": Sentence("Your name for the platform; results show it."),
    "ref": Sentence("Your own reference; results return it unchanged."),
    "productType": Sentence("The product, by its name in the list of products."),
    "endpoint": Sentence("The address: a host, host:port or a URL."),
    "accessKey": Sentence("The access key or the user, if the product needs one."),
    "secretKey": Sentence("The secret key or the password; a test leaves no copy of it behind."),
    "label.owner": Sentence("A label, such as who is responsible; results can be grouped by it."),
    "label.location": Sentence("Another label; add as many columns label.NAME as you need."),
    "options.site": Sentence("The site that makes the test; if empty, the service chooses one."),
    "options.timeoutSeconds": Sentence("Time limit of the test in seconds, 1 to 120."),
    "options.tls.verify": Sentence("FALSE accepts any certificate; leave it empty otherwise."),
    "options.tls.fingerprintSha256": Sentence("The SHA-256 of the only certificate to accept."),
    "options.expect.account": Sentence("The account that the key pair must belong to."),
}
"""The columns of the template, and what belongs into each."""


def template_csv(language: Language = "en") -> bytes:
    """Return the template as CSV in UTF-8 that Excel recognizes, with a comment for each product.

    Read as an upload it has no rows.
    """
    comments = [f"# {_described(product).in_language(language)}" for product in PRODUCTS.values()]
    rows = [[*MEANINGS], *([comment] for comment in comments)]
    return sheet_csv_file(rows)


def options_of(product: ProductType) -> tuple[str, ...]:
    """Return the columns of a product's own options."""
    return tuple(f"options.{name}" for name in product.options.get("properties", {}))


def _described(product: AnyProduct) -> Sentence:
    shown = ProductType.of(product)
    facts: dict[str, Fact] = {"name": shown.product_type, "title": shown.title}
    facts["endpoint"] = shown.example["endpoint"]
    if shown.needs_key_pair:
        facts |= {"access_key": shown.access_key, "secret_key": shown.secret_key}
    if options := options_of(shown):
        facts["options"] = options
    return Sentence(
        "{name} ({title}): endpoint like {endpoint}[; accessKey: {access_key}]"
        "[; secretKey: {secret_key}][; also {options}]",
        facts,
    )
