"""Describe the API as it is without any setting, the same on every machine."""

from typing import Any

from api.app import create_app
from shared.sealing import new_key_pair
from shared.settings import Settings

_NOWHERE = "redis://127.0.0.1:1/0"  # the description asks no store


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of the service."""
    defaults = Settings.model_construct(sealing_public_key=new_key_pair()[1])
    return create_app(defaults, _NOWHERE).openapi()
