"""A record in Redis that anyone may have written who has a site's password."""

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel


class RecordPart(BaseModel):
    """Camel-case names outside, snake-case inside; what a newer version adds is left out."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, frozen=True, hide_input_in_errors=True
    )


class BoundedRecord(RecordPart):
    """A record that is looked at only where its text is no longer than ours are."""

    longest: ClassVar[int]
    """Bytes of a text; longer ones are not read."""

    @classmethod
    def read(cls, text: bytes) -> Self | None:
        """Return the record in a text; None if it is none."""
        if len(text) > cls.longest:
            return None
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None

    def text(self) -> str:
        """Return the record as text."""
        return self.model_dump_json(by_alias=True)
