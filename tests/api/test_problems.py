# ruff: noqa: RUF001 -- the full-width characters are Chinese punctuation
import asyncio
import json
from http import HTTPStatus
from typing import Any, get_args

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, field_validator
from pydantic_core.core_schema import ErrorType

from api.problems import MEDIA_TYPE, ApiProblemError, answer_with_problems, invalid_request
from shared.store.errors import StoreUnreachableError
from shared.wire.problems import LONGEST_FIELD_NAME, InvalidField

CANARY = "canary-7f3a9-secret"
NO_JSON = "必须是 JSON 对象；请求内容不是有效的 JSON"


class Order(BaseModel):
    """A request body."""

    text: str
    number: int | float = 0

    @field_validator("text")
    @classmethod
    def _refuse(cls, text: str) -> str:
        if text == CANARY:
            raise ValueError(f"{text} is what was sent")
        return text


@pytest.fixture
def app() -> FastAPI:
    """Give an API in which everything goes wrong."""
    app = FastAPI()
    answer_with_problems(app)

    @app.post("/orders")
    def order(_: Order) -> None: ...

    @app.get("/{fault}")
    def fail(fault: str) -> None:
        raise {
            "bug": KeyError(CANARY),
            "store": StoreUnreachableError(CANARY),
            "teapot": HTTPException(418, "short {and} [stout]", {"X-Spout": "yes"}),
        }[fault]

    return app


def ask(app: FastAPI, method: str, path: str, body: str = "", language: str = "") -> httpx.Response:
    """Return the answer to one request."""

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"Content-Type": "application/json", "Accept-Language": language}
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, path, content=body, headers=headers)

    return asyncio.run(asked())


def an_error(kind: str, *location: str, context: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return an error as pydantic gives it, with the input wherever it can be."""
    return {
        "type": kind,
        "loc": ("body", *location),
        "msg": f"Input was {CANARY}",
        "input": CANARY,
        "ctx": {"error": CANARY, **(context or {})},
    }


def fields_of(*errors: dict[str, Any]) -> list[InvalidField]:
    told = invalid_request(errors).problem.errors or []
    return [one for one in told if isinstance(one, InvalidField)]


@pytest.mark.parametrize("kind", get_args(ErrorType))
def test_no_error_of_pydantic_shows_the_input(kind: str) -> None:
    """Each version brings new ones, and most of their messages repeat what was sent."""
    context = {"ge": 1, "le": 120, "expected": "'csv' or 'json'"}
    problem = invalid_request([an_error(kind, "secretKey", context=context)])

    (field,) = problem.problem.errors or []
    assert field.field == ("body" if kind == "json_invalid" else "secretKey")
    assert field.reason
    assert "{" not in field.reason
    assert CANARY.encode() not in problem.response().body


def test_a_choice_is_answered_with_what_can_be_chosen() -> None:
    """A reason without the choices sends the caller to the documentation."""
    context = {"expected": "'csv' or 'json'"}
    (field,) = fields_of(an_error("literal_error", "format", context=context))

    assert field.reason == "must be one of: csv, json"


def test_an_error_type_of_the_future_is_said_without_detail() -> None:
    """An upgrade of a library must not begin to publish secrets."""
    (field,) = fields_of(an_error("novel_in_3_0", "options", "tls"))

    assert field == InvalidField(field="options.tls", reason="is not valid")


def test_each_field_is_named_once_with_its_first_error() -> None:
    """A number that is neither an int nor a float is one mistake."""
    fields = fields_of(
        an_error("int_type", "options", "timeoutSeconds", "constrained-int"),
        an_error("float_type", "options", "timeoutSeconds", "constrained-float"),
        an_error("missing", "endpoint"),
    )

    assert [(field.field, field.reason) for field in fields] == [
        ("options.timeoutSeconds", "must be a number"),
        ("endpoint", "is required"),
    ]


@pytest.mark.parametrize("name", ["int", "float", "port-int", "a-float", "-int", "body"])
def test_an_unknown_field_is_named_whatever_its_name(name: str) -> None:
    """Pydantic's own words in a location are told from the caller's."""
    fields = fields_of(
        an_error("extra_forbidden", name), an_error("extra_forbidden", "options", "tls", name)
    )

    assert [field.field for field in fields] == [name, f"options.tls.{name}"]


def test_a_known_field_comes_with_an_example() -> None:
    """The example shows what is expected."""
    (known,) = fields_of(an_error("missing", "endpoint"))
    (unknown,) = fields_of(an_error("extra_forbidden", "novel"))

    assert known.example == "192.168.1.100:8080"
    assert unknown.example is None


def test_the_name_of_an_unknown_field_is_cut_and_made_visible() -> None:
    """It comes from outside, and somebody may have put the secret on the wrong side."""
    (field,) = fields_of(an_error("extra_forbidden", "a\x1b[2J\n" + "x" * 10_000))

    assert field.field.isprintable()
    assert len(field.field) <= LONGEST_FIELD_NAME + 1


def test_of_many_errors_the_sentence_names_a_few() -> None:
    """A body with ten thousand unknown fields must not become a sentence of as many words."""
    error = invalid_request([an_error("missing", f"field{n}") for n in range(100)])

    assert error.problem.detail.count("is required") == 5
    assert error.problem.detail.endswith("; and 95 more")
    assert len(error.problem.errors or []) == 50
    assert error.in_language("en") == error.problem
    assert error.in_language("zh-CN").detail.endswith("；另有 95 项")


def test_a_custom_error_says_its_own_words_and_its_cause() -> None:
    """Ours are written for people and never hold the input."""
    context = {"problem": "is no endpoint", "cause": "input.url_malformed"}
    (field,) = fields_of(an_error("invalid", "endpoint", context=context))

    assert (field.reason, field.cause) == ("is no endpoint", "input.url_malformed")


def test_an_empty_credential_has_the_cause_of_a_blank_one() -> None:
    """Front ends branch on the code, and a form sends "" for what was left out."""
    (field,) = fields_of(an_error("too_short", "secretKey"))

    assert (field.reason, field.cause) == ("must not be empty", "input.credential_blank")


@pytest.mark.parametrize(
    "body",
    [
        f'{{"text": "{CANARY}"}}',
        f'{{"text": ["{CANARY}"]}}',
        f'{{"text": "a", "number": "{CANARY}"}}',
        f'["{CANARY}"]',
        f'"{CANARY}"',
        f'{{"text": "{CANARY}',
    ],
)
def test_an_invalid_body_is_a_problem_without_the_input(app: FastAPI, body: str) -> None:
    """FastAPI's own answer would repeat the whole of it."""
    answer = ask(app, "POST", "/orders", body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["type"] == "urn:conncheck:problem:invalid-request"
    assert answer.json()["errors"]
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/bug", 500, "urn:conncheck:problem:internal"),
        ("/store", 503, "urn:conncheck:problem:store-unreachable"),
        ("/teapot", 418, "about:blank"),
        ("/no/such/path", 404, "about:blank"),
    ],
)
def test_every_error_is_a_problem(app: FastAPI, path: str, status: int, kind: str) -> None:
    """A client needs one way to read them all (RFC 9457)."""
    answer = ask(app, "GET", path)

    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["type"] == kind
    assert answer.json()["title"]
    assert answer.json()["detail"]
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "title", "detail"),
    [
        ("GET", "/store", "", "服务暂不可用", "无法连接任务存储。"),
        ("GET", "/no/such/path", "", "未找到", "未找到"),
        ("PUT", "/orders", "", "不支持该方法", "不支持该方法"),
        ("POST", "/orders", "{}", "请求内容无法处理", "text：为必填项"),
        (
            "POST",
            "/orders",
            "{",
            "请求内容无法处理",
            "body：必须是 JSON 对象；请求内容不是有效的 JSON",
        ),
    ],
)
def test_an_error_is_told_in_the_callers_language(
    app: FastAPI, method: str, path: str, body: str, title: str, detail: str
) -> None:
    """All texts are, and a caller reads those of errors first."""
    answer = ask(app, method, path, body, "zh-CN")

    assert (answer.json()["title"], answer.json()["detail"]) == (title, detail)
    assert answer.headers["content-language"] == "zh-CN"
    assert "Accept-Language" in answer.headers["vary"]


def test_the_reasons_of_fields_are_told_in_the_callers_language() -> None:
    """The facts stay: names of fields, choices and limits."""
    context = {"expected": "'csv' or 'json'", "ge": 1}
    problem = invalid_request(
        [
            an_error("literal_error", "format", context=context),
            an_error("greater_than_equal", "limit", context=context),
            an_error("novel_in_3_0", "novel"),
        ]
    ).in_language("zh-CN")

    assert [(error.field, error.reason) for error in problem.errors or []] == [
        ("format", "必须是以下值之一：csv, json"),
        ("limit", "不能小于 1"),
        ("novel", "无效"),
    ]


def test_the_headers_of_an_error_are_kept(app: FastAPI) -> None:
    """Retry-After and Allow are what programs act upon."""
    assert ask(app, "GET", "/teapot").headers["x-spout"] == "yes"
    assert ask(app, "PUT", "/orders").headers["allow"]


def test_a_store_that_is_away_says_when_to_come_back(app: FastAPI) -> None:
    """The same call works a little later."""
    assert int(ask(app, "GET", "/store").headers["retry-after"]) > 0


def test_what_there_is_nothing_to_say_of_is_left_out() -> None:
    """A null would have to be explained."""
    problem = ApiProblemError(HTTPStatus.NOT_FOUND, "There is no such job.", kind="no-such-job")

    assert json.loads(bytes(problem.response().body)) == {
        "type": "urn:conncheck:problem:no-such-job",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such job.",
    }


def test_a_parameter_that_is_no_truth_value_is_told_both() -> None:
    """`?strict=maybe` must not leave the caller guessing."""
    error = {"type": "bool_parsing", "loc": ("query", "strict")}

    errors = invalid_request([error]).problem.errors

    assert errors == [InvalidField(field="query.strict", reason="must be true or false")]
