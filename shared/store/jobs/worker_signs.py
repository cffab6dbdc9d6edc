"""What a worker tells of itself, and what it is told."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from time import monotonic, perf_counter, time

from redis import Redis
from redis.client import PubSub

from shared.distance import Distance
from shared.queue.queued_job import QueueName
from shared.silence import LEAST_S, LONGEST_S, Silence
from shared.sites.worker_record import WorkerRecord
from shared.store.errors import StoreUnreachableError, named_if_unreachable
from shared.store.jobs.presence import SEEN_KEPT_S
from shared.store.limits.turn_scripts import ANNOUNCE
from shared.store.redis_time import RedisClock
from shared.store.sentinels import follow_primary, leads_to_former_primary
from shared.store.site_keys import SiteKeys

WORKERS_KEPT_S = 86_400
TRUSTED_TRIP_S = 1.0  # beyond it, half of the trip would pass for a wrong clock
FIGURES_S = 6  # three times the interval between two reports of a worker


class WorkerSigns:
    """The signs of life of one worker, its metrics, and the cancellations for all of them."""

    def __init__(self, redis: Redis, worker: str, keys: SiteKeys) -> None:
        self._redis = redis
        self._worker = worker
        self._keys = keys
        self._distance = Distance.of(keys.site)
        self._sign_ms = Silence.of(keys.site).sign_ms
        self.clock = RedisClock()

    def beat(self, slots: Mapping[QueueName, int]) -> None:
        """Send a sign of life for this worker, and for the queues that it has `slots` for.

        It keeps alive what a worker writes for each run without a time to live. How long the next
        sign lasts is what a reaper wants by now; the API alone knows what is declared for a site.
        The answer also tells the time.

        Raises:
            StoreUnreachableError: the store can't be reached.
        """
        keys, worker = self._keys, self._worker
        follow_primary(self._redis)
        with named_if_unreachable(), self._redis.pipeline(transaction=False) as pipe:
            for key in (keys.sign_of_worker(worker), *map(keys.sign_of_queue, slots)):
                pipe.set(key, 1, px=self._sign_ms)
            for queue, count in slots.items():
                ANNOUNCE.call(pipe, keys, [keys.slots(queue)], [worker, count, self._sign_ms])
            pipe.sadd(keys.workers, worker)
            for key in (keys.workers, keys.running, keys.jobs_of(worker), keys.turns_of(worker)):
                pipe.expire(key, WORKERS_KEPT_S)
            pipe.get(keys.reaping)
            pipe.time()
            asked_at_s = monotonic()
            *_, wanted, (seconds, micros) = pipe.execute()
        self.clock.learn(seconds, micros, asked_at_s, monotonic())
        self._learn(wanted)

    def tell_figures(self, text: bytes) -> None:
        """Publish this worker's metrics for the API to read.

        Raises:
            StoreUnreachableError: the store can't be reached.
        """
        with named_if_unreachable():
            self._redis.set(self._keys.figures(self._worker), text, px=self._lasts_ms)

    @property
    def _lasts_ms(self) -> int:
        """How long is known what this worker tells; longer than a cut line keeps it silent."""
        return max(FIGURES_S * 1000, self._sign_ms)

    def _learn(self, wanted: bytes | None) -> None:
        """Have signs last as long as a reaper wants; one of an older version says nothing."""
        with suppress(ValueError):
            sign_ms = int(wanted or b"")
            if Silence(LEAST_S).sign_ms <= sign_ms <= Silence(LONGEST_S).sign_ms:
                self._sign_ms = sign_ms

    def tell_record(self, record: WorkerRecord) -> float | None:
        """Publish what this worker tells of itself; return how far its clock is ahead, in seconds.

        It is compared with the clock of Redis, which reads it half a round trip after the question;
        None if that took too long to be sure.

        Raises:
            StoreUnreachableError: the store can't be reached.
        """
        keys = self._keys
        with named_if_unreachable(), self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.set(keys.record(self._worker), record.text(), px=self._lasts_ms)
            pipe.set(keys.seen, 1, ex=SEEN_KEPT_S)
            began_s, began_at_s = perf_counter(), time()
            (seconds, micros), *_ = pipe.execute()
        took_s = perf_counter() - began_s
        if took_s > TRUSTED_TRIP_S:
            return None
        return began_at_s + took_s / 2 - float(seconds + micros / 1e6)

    def cancellations(self) -> Iterator[str]:
        """Yield the ids of jobs that are cancelled while this is read.

        Raises:
            StoreUnreachableError: the connection is lost.
        """
        with named_if_unreachable(), self._pubsub() as pubsub:
            pubsub.subscribe(self._keys.cancellations)
            is_asked = False
            while True:
                message = pubsub.get_message(timeout=self._distance.listen_s)
                if message and message["type"] == "message":
                    yield message["data"].decode("utf-8", "replace")
                if (message is None and is_asked) or leads_to_former_primary(
                    self._redis.connection_pool, pubsub.connection
                ):
                    raise StoreUnreachableError
                is_asked = message is None
                if is_asked:  # the connection may be dead without either end knowing
                    pubsub.ping()

    def _pubsub(self) -> PubSub:
        pubsub: PubSub = self._redis.pubsub()  # type: ignore[no-untyped-call] # bare in redis-py
        return pubsub
