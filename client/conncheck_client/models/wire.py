"""How requests and answers are written as JSON."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class RequestModel(BaseModel):
    """Camel-case names outside, snake-case inside; a mistyped name is refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,  # who imports the client does not wait for models that it never uses
    )


class AnswerModel(BaseModel):
    """Camel-case names outside, snake-case inside; what a newer service adds is kept.

    Fields with a list of known values take others too: `"passed" | "failed" | str`.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        extra="allow",
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,
    )
