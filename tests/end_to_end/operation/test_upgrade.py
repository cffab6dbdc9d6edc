import json
import secrets

from shared.queue.job_queue import celery_app
from shared.queue.queued_job import INTERACTIVE, RUN_JOB
from shared.store.site_keys import DEFAULT_KEYS
from tests.running.batches import events
from tests.running.service import CALL, Service, poll
from tests.stand_ins.zstack import ZstackNode


def told_by_a_newer_worker(service: Service, job: str) -> str:
    """Return the address of a copy of a job, as a newer worker would have written it."""
    job_id, newer_id = job.rpartition("/")[2], secrets.token_hex(16)
    with service.redis() as redis:
        rows = redis.xrange(DEFAULT_KEYS.job(job_id))
        for entry_id, fields in rows:
            newer = {**json.loads(fields[b"entry"]), "a_new_field": {"of": 1}}
            redis.xadd(
                DEFAULT_KEYS.job(newer_id), {"entry": json.dumps(newer), "more": "x"}, id=entry_id
            )
            run, _, number = entry_id.decode().partition("-")
            if number == "0":
                new_kind = {"kind": "paused", "at": newer["at"]}
                redis.xadd(
                    DEFAULT_KEYS.job(newer_id), {"entry": json.dumps(new_kind)}, id=f"{run}-1"
                )
                break
        for entry_id, fields in rows[2:]:
            run, _, number = entry_id.decode().partition("-")
            newer_number = int(number) + (int(number) < 1000)  # the closing id stays
            redis.xadd(DEFAULT_KEYS.job(newer_id), dict(fields), id=f"{run}-{newer_number}")
        redis.expire(DEFAULT_KEYS.job(newer_id), 60)
    return f"{CALL}/jobs/{newer_id}"


def test_a_job_of_a_newer_worker_is_shown(service: Service, node: tuple[ZstackNode, str]) -> None:
    """Workers are upgraded before the API: their callers see nothing of it."""
    job = service.submit(node[1])
    before = service.closed(job)

    newer = told_by_a_newer_worker(service, job)

    shown = service.look(newer)
    assert shown["success"] is True
    assert shown["items"] == before["items"]
    with service.client() as client:
        kinds = [event["event"] for event in events(client, newer)]
    assert kinds[0] == "queued"
    assert kinds[-1] == "closed"
    assert "paused" not in kinds


def test_a_worker_takes_the_message_of_a_newer_api(
    service: Service, node: tuple[ZstackNode, str]
) -> None:
    """To go back, the API is replaced first; what it has queued must still be tested."""
    job = service.submit(node[1])
    service.closed(job)
    job_id = job.rpartition("/")[2]

    broker = celery_app(f"unix://{service.redis_socket()}")
    message = (job_id, "", INTERACTIVE, "a new argument")
    broker.send_task(RUN_JOB, message, {"a_new_name": 1}, queue=INTERACTIVE)
    broker.close()

    def was_looked_at() -> bool:
        lines = service.log_text().splitlines()
        return any(job_id in line and "not_begun" in line for line in lines)

    poll(was_looked_at)
