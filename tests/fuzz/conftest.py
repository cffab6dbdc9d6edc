"""How hard is searched: `make fuzz` for a minute, `make fuzz ARGS=--hypothesis-profile=long` on."""

from hypothesis import HealthCheck, settings

_COMMON = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))

settings.register_profile("fuzz", _COMMON, max_examples=60)
settings.register_profile("long", _COMMON, max_examples=20_000)
