"""The request to inspect the certificates of a host."""

from pydantic import Field, StrictBool, StrictFloat, StrictInt, field_validator, model_validator

from shared.endpoint import Endpoint
from shared.platform.product import invalid
from shared.products import PRODUCTS, AnyProduct
from shared.request.fields import (
    CaCertificate,
    NamedProductIfAny,
    TypedEndpoint,
    Wire,
    within_bounds,
)
from shared.request.options import NamedSite, named_site
from shared.steps import INSPECTION, StepName


class InspectionTls(Wire):
    """The authorities to trust in addition to the public ones."""

    ca_certificate: CaCertificate | None = Field(
        default=None,
        description="PEM certificates to trust in addition to the public authorities.",
    )

    @property
    def verify(self) -> bool:
        """The certificate is always judged; nothing secret is sent, whatever the verdict is."""
        return True

    @property
    def fingerprint_sha256(self) -> None:
        """There is no pin: an inspection is how to get one."""


class InspectionOptions(Wire):
    """Options in addition to the endpoint."""

    timeout_seconds: StrictInt | StrictFloat | None = Field(
        default=None,
        ge=1,
        le=120,
        description="Time limit of the whole inspection in seconds.",
        examples=[30],
    )
    tls: InspectionTls = InspectionTls()
    force: StrictBool = Field(
        default=False,
        description=("Inspect at once, even if many tests of the same address are running."),
    )
    site: NamedSite = named_site("inspection")


class InspectionRequest(Wire):
    """The host whose certificates are inspected; it contains no secret."""

    endpoint: TypedEndpoint = Field(
        description="Endpoint URL or host:port of the platform", examples=["192.168.1.100:8443"]
    )
    product_type: NamedProductIfAny = Field(
        default="",
        description="Product type of the platform, which sets the default port; without it 443",
        examples=["zstack"],
    )
    options: InspectionOptions = InspectionOptions()

    _refuse_beyond_bounds = model_validator(mode="before")(within_bounds)

    @field_validator("endpoint")
    @classmethod
    def _refuse_plain_http(cls, endpoint: Endpoint) -> Endpoint:
        if endpoint.scheme == "http":
            raise invalid("must not begin with http://, because plain HTTP has no certificate")
        return endpoint

    @property
    def product(self) -> AnyProduct | None:
        """The product that the caller named, if any."""
        return PRODUCTS[self.product_type] if self.product_type else None

    @property
    def target(self) -> Endpoint:
        """The endpoint, with the port to inspect."""
        product = self.product
        own = product.default_port if product and product.default_scheme == "https" else 443
        return self.endpoint.completed("https", 443 if self.endpoint.scheme else own)

    @property
    def target_name(self) -> str:
        """What tests of the same address have in common: host and port."""
        target = self.target
        return f"{target.server_name}:{target.port}"

    @property
    def steps(self) -> tuple[StepName, ...]:
        """The steps of the inspection."""
        return INSPECTION
