"""Comparisons as a service tells them."""

import json
from typing import Any

AT = "2026-11-28T00:00:00Z"
ID = "c" * 32


def a_result(site: str, outcome: str | None = "passed", **more: Any) -> dict[str, Any]:
    return {"site": site, "outcome": outcome, "tookMs": 12.0 if outcome else None, **more}


def a_site(site: str, outcome: str | None = "passed", **more: Any) -> dict[str, Any]:
    known = {
        "site": site,
        "jobId": f"job-of-{site}",
        "statusUrl": f"/jobs/job-of-{site}",
        "status": "finished" if outcome else "queued",
        "outcome": outcome,
        "signsIn": False,
    }
    return {**known, **more}


def a_step(name: str, *results: dict[str, Any]) -> dict[str, Any]:
    differs = any(one.get("differs") for one in results)
    return {"name": name, "differs": differs, "results": list(results)}


def a_comparison(**changes: Any) -> dict[str, Any]:
    """Return the comparison of two sites, from the second of which nothing is reached."""
    failed = {"cause": "tcp.no_answer", "summary": "h does not answer", "differs": True}
    of_the_first = {"sites": ["default"], "evidence": {}}
    difference = {
        "code": "sites.unreachable_from",
        "docUrl": "/docs/causes/sites.unreachable_from",
        "owner": "network",
        "step": "tcp_connect",
        "summary": "From fra1 the test fails at tcp_connect; from default this step passes",
        "remedies": ["Allow 203.0.113.7 (fra1) to reach h on 443/tcp; from default this works."],
        "sides": [{"sites": ["fra1"], "evidence": {}}, of_the_first],
    }
    known = {
        "comparisonId": ID,
        "status": "finished",
        "signIn": "first",
        "productType": "tcp",
        "endpoint": "h:443",
        "sites": [a_site("default", signsIn=True), a_site("fra1", "failed")],
        "steps": [
            a_step("dns_lookup", a_result("default"), a_result("fra1")),
            a_step("tcp_connect", a_result("default"), a_result("fra1", "failed", **failed)),
        ],
        "differences": [difference],
        "createdAt": AT,
        "finishedAt": AT,
        "expiresAt": AT,
    }
    return {**known, **changes}


def a_running_comparison() -> dict[str, Any]:
    """Return the same, when nothing has begun."""
    sites = ("default", "fra1")
    steps = ("dns_lookup", "tcp_connect")
    return a_comparison(
        status="running",
        sites=[a_site(one, None, signsIn=one == "default") for one in sites],
        steps=[a_step(name, *(a_result(one, None) for one in sites)) for name in steps],
        differences=[],
        finishedAt=None,
    )


def an_item(step: str, outcome: str = "passed", **more: Any) -> dict[str, Any]:
    status = "failure" if outcome == "failed" else "success"
    told = {"name": step, "status": status, "latencyMs": "12", "errorMsg": "", "outcome": outcome}
    return {**told, "startedAt": AT, "tookMs": 12.0, **more}


def an_event(event_id: str, kind: str, **data: Any) -> str:
    return f"id: {event_id}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"


def of_site(site: str) -> dict[str, str]:
    return {"site": site, "jobId": f"job-of-{site}"}
