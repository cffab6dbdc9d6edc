"""The API's own errors as RFC 9457 problem details; none repeats what was sent."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import takewhile
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.diagnosis.outcomes import named_in
from shared.diagnosis.sentences import Sentence, text_in
from shared.diagnosis.translations import Language
from shared.platform.keys.input_checks import CREDENTIAL_BLANK
from shared.products import PRODUCTS
from shared.request import OPTION, JobRequest
from shared.request.inspection import InspectionRequest
from shared.request.options import ExpectedIdentity, Options, TlsOptions
from shared.text import printable, title_of
from shared.wire.uploads import ReadingView, RowError

LONGEST_FIELD_NAME = 64
_BRANCH = re.compile("(.*-)?(int|float)")
# Pydantic's error types in plain words. Its own messages are not passed on: some of them repeat
# the input.
_REASONS = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this call",
    "string_type": "must be a String",
    "string_unicode": "must be valid Unicode",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_too_long": "is too long",
    "too_long": "is too long",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a number",
    "float_type": "must be a number",
    "int_parsing": "must be a number",
    "float_parsing": "must be a number",
    "literal_error": "must be one of: {choices}",
    "string_pattern_mismatch": "does not have the form that is expected here",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "tuple_type": "must be a list",
    "datetime_parsing": "must be a time like 2026-11-28T12:00:00Z",
    "datetime_from_date_parsing": "must be a time like 2026-11-28T12:00:00Z",
    "timezone_aware": "must be a time with its zone, like 2026-11-28T12:00:00Z",
    "json_invalid": "must be a JSON object; the body is not valid JSON",
}
_QUOTED = re.compile("'([^']*)'")
# Only credentials have a minimum length.
_CAUSES = {"too_short": CREDENTIAL_BLANK.code}


def _is_none(value: object) -> bool:
    return value is None


class InvalidField(BaseModel):
    """A field of the request that is not valid, and why."""

    field: str = Field(description="The field's name, with dots between nested names.")
    reason: str
    cause: str | None = Field(
        default=None, exclude_if=_is_none, description="The code of the cause, if there is one."
    )
    example: str | None = Field(default=None, exclude_if=_is_none, description="A valid value.")
    said: Sentence | None = Field(default=None, exclude=True, repr=False)
    """The reason, if it has facts in it."""

    def in_language(self, language: Language) -> "InvalidField":
        """Return the same field with its reason in `language`."""
        return self.model_copy(update={"reason": text_in(language, self.reason, self.said)})


class Problem(BaseModel):
    """An error that the API reports (RFC 9457)."""

    model_config = ConfigDict(
        alias_generator=to_camel, field_title_generator=title_of, validate_by_name=True
    )

    type: str = Field(examples=["urn:conncheck:problem:invalid-request"])
    title: str
    status: int
    detail: str
    errors: list[RowError | InvalidField] | None = Field(
        default=None,
        exclude_if=_is_none,
        description="The fields that are not valid, or that the policy refuses. Of an upload: the "
        "first 50 invalid rows, or the place that can't be read.",
    )
    rejected: int | None = Field(
        default=None, exclude_if=_is_none, description="The number of invalid rows of an upload."
    )
    read: ReadingView | None = Field(
        default=None, exclude_if=_is_none, description="What was read of an upload."
    )
    job_id: str | None = Field(
        default=None, exclude_if=_is_none, description="With 504: the unfinished job."
    )


def _examples(model: type[BaseModel], prefix: str = "") -> dict[str, str]:
    return {
        f"{prefix}{field.alias or name}": str(field.examples[0])
        for name, field in model.model_fields.items()
        if field.examples
    }


@cache  # and not at the import: a command that tests one platform loads one product
def _known_names() -> frozenset[str]:
    """Return every name that a request may have a field by."""
    models: list[type[BaseModel]] = [JobRequest, InspectionRequest, Options, TlsOptions]
    models.append(ExpectedIdentity)
    models += [product.options for product in PRODUCTS.values()]
    fields = [field for model in models for field in model.model_fields.items()]
    return frozenset(
        {field.alias or name for name, field in fields} | {"name", "ref", "labels", "body"}
    )


def without_unknown_names(field: str) -> str:
    """Return a field's name up to its first part that no field is called.

    A caller may have typed a secret as a name: it is told to that caller, and kept nowhere.
    """
    return ".".join(takewhile(_known_names().__contains__, field.split(".")))


_EXAMPLES = {
    **_examples(JobRequest),
    **_examples(Options, "options."),
    **_examples(TlsOptions, "options.tls."),
}


def _invalid_field(error: dict[str, Any]) -> InvalidField:
    context = error.get("ctx") or {}
    parts = [str(part)[: LONGEST_FIELD_NAME + 1] for part in error["loc"]]
    if parts[:1] == ["body"]:
        del parts[0]
    # Pydantic ends the location with the branch of a union, which is not a field.
    if error["type"] != "extra_forbidden" and parts and _BRANCH.fullmatch(parts[-1]):
        del parts[-1]
    field = context.get("field") or ".".join(parts)
    if error["type"] == "json_invalid":
        field = ""
    return invalid_field(
        printable(field, LONGEST_FIELD_NAME) or "body",
        _reason(error["type"], context),
        cause=context.get("cause") or _CAUSES.get(error["type"]),
        example=_EXAMPLES.get(field),
    )


def invalid_field(
    field: str, reason: Sentence, *, cause: str | None = None, example: str | None = None
) -> InvalidField:
    """Return a field that is not valid, and why."""
    said = reason if reason.facts or reason.cause else None
    return InvalidField(field=field, reason=str(reason), said=said, cause=cause, example=example)


def _reason(kind: str, context: Mapping[str, Any]) -> Sentence:
    """Return the reason of an error of pydantic's, or the one that our own error has."""
    if kind == "invalid":
        problem = context["problem"]
        return problem if isinstance(problem, Sentence) else Sentence(problem)
    if kind == OPTION:
        return _reason(context["kind"], context["of_option"])
    known = {**context, "choices": tuple(_QUOTED.findall(str(context.get("expected", ""))))}
    english = _REASONS.get(kind, "is not valid")
    return Sentence(english, {name: known[name] for name in named_in(english)})


def invalid_fields(errors: Sequence[dict[str, Any]]) -> list[InvalidField]:
    """Return pydantic's `errors` as invalid fields, one for each field."""
    by_field = {found.field: found for found in reversed([_invalid_field(e) for e in errors])}
    return list(reversed(by_field.values()))
