# ruff: noqa: RUF001 -- the full-width characters are Chinese punctuation
"""A body is limited while it arrives."""

import asyncio

import pytest
from starlette.types import Message

from api.access.body import AdmittedBody
from api.problems import ApiProblemError

ADMITTED = AdmittedBody(("application/json",), 100, max_commas=10, patience_s=0.05)


def part(body: bytes, *, is_last: bool = False) -> Message:
    """Return a part of a body as the server passes it on."""
    return {"type": "http.request", "body": body, "more_body": not is_last}


def read(*parts: Message, times: int) -> list[Message]:
    """Return what arrives of parts after which nothing comes, looked for so many times."""
    waiting = list(parts)

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def arriving() -> list[Message]:
        limited = ADMITTED.limiting(receive)
        return [await limited() for _ in range(times)]

    return asyncio.run(arriving())


@pytest.mark.parametrize(
    ("parts", "status", "chinese"),
    [
        ([part(b"a" * 101)], 413, "请求内容不能超过 100 字节。"),
        ([part(b"a" * 60), part(b"a" * 60)], 413, "请求内容不能超过 100 字节。"),
        ([part(b"," * 11)], 422, "body：超过 256 个成员"),
        ([part(b"," * 6), part(b"," * 6)], 422, "body：超过 256 个成员"),
        ([], 408, "请求内容的接收时间过长：请每秒发送至少 4096 字节。"),
        ([part(b"a")], 408, "请求内容的接收时间过长：请每秒发送至少 4096 字节。"),
    ],
)
def test_what_is_too_much_or_too_slow_is_refused(
    parts: list[Message], status: int, chinese: str
) -> None:
    """Nothing of it is parsed, and the connection ends with the answer."""
    with pytest.raises(ApiProblemError) as refused:
        read(*parts, times=len(parts) + 1)

    assert refused.value.problem.status == status
    assert refused.value.headers["Connection"] == "close"
    assert refused.value.in_language("zh-CN").detail == chinese


def test_a_whole_body_leaves_all_the_time_that_the_answer_takes() -> None:
    """What comes after it is only that the caller has gone, perhaps after minutes."""
    gone: Message = {"type": "http.disconnect"}

    assert read(part(b"a", is_last=True), gone, times=2)[-1] is gone
