"""The parameters that choose from a list; an invalid one is refused with the valid ones."""

import re
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from shared.diagnosis.catalogue import catalogue
from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint, parse_endpoint
from shared.platform.keys.input_checks import PRODUCT_UNKNOWN
from shared.platform.product import refused
from shared.products import PRODUCTS

LONGEST_CODE = 64

WantedOutcome = Literal[
    "queued", "running", "passed", "warning", "failed", "cancelled", "expired", "lost"
]
"""Where a test stands, or "warning": those that passed with one, which count as passed too."""


def invalid_parameter(problem: str) -> PydanticCustomError:
    """Return pydantic's error for a parameter with this problem."""
    return PydanticCustomError("invalid", "{problem}", {"problem": problem})


def _known_product(name: str) -> str:
    if name not in PRODUCTS:
        raise refused(Failed(PRODUCT_UNKNOWN, known=tuple(PRODUCTS)))
    return PRODUCTS[name].name


def _known_cause(code: str) -> str:
    if code not in catalogue():
        nearest = get_close_matches(code, catalogue(), n=3)
        hint = f" Nearest: {', '.join(nearest)}." if nearest else ""
        raise invalid_parameter(
            f"is not the code of a cause.{hint} Codes: {', '.join(sorted(catalogue()))}"
        )
    return code


def _endpoint(text: str) -> Endpoint:
    try:
        return parse_endpoint(text)
    except Failed as failed:
        raise refused(failed) from None


ProductFilter = Annotated[str, Field(max_length=LONGEST_CODE), AfterValidator(_known_product)]
CauseFilter = Annotated[str, Field(max_length=LONGEST_CODE), AfterValidator(_known_cause)]
EndpointFilter = Annotated[
    Endpoint,
    PlainValidator(_endpoint, json_schema_input_type=str),
    PlainSerializer(str, return_type=str),
]


def cursor_like(pattern: str) -> AfterValidator:
    """Return what refuses a cursor that does not have this form."""

    def refuse_others(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise invalid_parameter("must be `nextCursor` of the previous page")
        return text

    return AfterValidator(refuse_others)


class Filters(BaseModel):
    """The query of a list; camel case outside, and a mistyped name is refused."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_names(cls, given: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        unknown = next((name for name in given if name not in known), None)
        if unknown is not None:
            problem = f"is not a parameter of this call; the parameters are {', '.join(known)}"
            context = {"problem": problem, "field": f"query.{unknown}"}
            raise PydanticCustomError("invalid", "{problem}", context)
        return given
