"""The name of a site: a place that workers test from."""

from typing import TYPE_CHECKING, Annotated, Any, Final

if TYPE_CHECKING:  # a command that only needs the default site's name loads no pydantic
    from pydantic_core.core_schema import StringSchema


class _SiteNamed:
    """What pydantic requires of a site's name."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> "StringSchema":
        from pydantic_core.core_schema import str_schema

        return str_schema(pattern="^[a-z0-9-]{1,32}$")


SiteName = Annotated[str, _SiteNamed()]
"""Lower-case letters, digits and hyphens, 32 at most."""

DEFAULT_SITE: Final = "default"
"""The site that there always is."""
