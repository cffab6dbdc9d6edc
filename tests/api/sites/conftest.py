from tests.shared.conftest import real, real_redis, redis_url

__all__ = ["real", "real_redis", "redis_url"]
