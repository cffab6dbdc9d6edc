"""The name of a site: a place that workers test from."""

from typing import Annotated, Final

from pydantic import StringConstraints

SiteName = Annotated[str, StringConstraints(pattern="^[a-z0-9-]{1,32}$")]
"""Lower-case letters, digits and hyphens, 32 at most."""

DEFAULT_SITE: Final = "default"
"""The site that there always is."""
