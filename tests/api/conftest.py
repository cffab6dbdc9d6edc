from tests.shared.conftest import real_redis, redis_url

__all__ = ["real_redis", "redis_url"]
