import contextlib
import time
import tracemalloc

import pytest

from shared.uploads import UploadError
from shared.uploads.inventories.values import VAULTED
from shared.uploads.inventories.yaml_value import MOST_NODES, yaml_documents
from tests.shared.uploads.uploading import CANARY


def test_plain_scalars_have_their_types_and_keys_stay_texts() -> None:
    """A key that looks like a date, an octal or a sexagesimal number is still a key."""
    text = (
        "a: 20\nb: 1.5\nc: no\nd: TRUE\ne:\nf: ~\ng: 007\nh: 0x1F\ni: 2026-01-01\nj: 22:22\n"
        "k: 1_000\nl: 1.50\nm: -0\nn: '5'\no: \"yes\"\np: .inf\nq: 1e5\nr: !!str 5\n"
    )

    assert yaml_documents(text) == [
        {
            "a": 20,
            "b": 1.5,
            "c": False,
            "d": True,
            "e": None,
            "f": None,
            "g": "007",
            "h": "0x1F",
            "i": "2026-01-01",
            "j": "22:22",
            "k": "1_000",
            "l": "1.50",
            "m": "-0",
            "n": "5",
            "o": "yes",
            "p": ".inf",
            "q": "1e5",
            "r": "5",
        }
    ]


def test_aliases_and_merge_keys_are_expanded() -> None:
    """People keep what their clouds share in one place."""
    text = (
        "base: &base {a: 1, b: 2}\nover: {<<: *base, b: 3}\nsame: *base\n"
        "several:\n  c: 4\n  <<: [{a: 5}, *base]\nquoted: {'<<': x}\n"
    )

    assert yaml_documents(text) == [
        {
            "base": {"a": 1, "b": 2},
            "over": {"a": 1, "b": 3},
            "same": {"a": 1, "b": 2},
            "several": {"a": 5, "b": 2, "c": 4},
            "quoted": {"<<": "x"},
        }
    ]


def test_what_ansible_marks_is_known() -> None:
    """An encrypted value is none, and a text is not a template."""
    text = f"a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  {CANARY}\nb: !unsafe '{{{{ x }}}}'\n"

    assert yaml_documents(text) == [{"a": VAULTED, "b": "{{ x }}"}]


def test_several_documents_are_all_read() -> None:
    """Files are put one after the other."""
    assert yaml_documents("a: 1\n---\n- 2\n---\n") == [{"a": 1}, [2]]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (f"a: [{CANARY}", "line 2: is not valid YAML."),
        (f"a: 1\n b: {CANARY}\n", "line 2: is not valid YAML."),
        (f"a: \0{CANARY}", "the document: is not valid YAML."),
        (f"{CANARY}: 1\n{CANARY}: 2\n", "line 2: the mapping has this name twice."),
        ("a: !!python/object/apply:os.system ['x']", "line 1: has a tag of YAML that is not"),
        (f"a: !{CANARY} x", "line 1: has a tag of YAML that is not supported."),
        ("a: !!binary aGk=", "line 1: has a tag of YAML that is not supported."),
        ("%TAG ! tag:x\n---\na: 1", "The document has a directive %TAG, which is not supported."),
        ("a: &a [*a]", "line 1: the alias stands for nothing."),
        ("a: *b", "line 1: the alias stands for nothing."),
        ("a: &a x\n---\nb: *a", "line 3: the alias stands for nothing."),
        ("? [a]\n: b", "line 1: the name in a mapping is no text."),
        ("a: &a x\n*a : b", "line 2: the name in a mapping is no text."),
    ],
)
def test_what_can_not_be_read_is_said_and_not_shown(text: str, detail: str) -> None:
    """The line is enough to find it."""
    with pytest.raises(UploadError) as caught:
        yaml_documents(text)

    assert detail in caught.value.detail
    assert CANARY not in f"{caught.value!r} {caught.value.__context__!r}"


LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
MERGES = f"a: &a {{{','.join(f'k{n}: v' for n in range(1000))}}}\n" + "".join(
    f"m{n}: {{<<: [{','.join(['*a'] * 300)}]}}\n" for n in range(300)
)
LONG = 4_000_000


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x85", "\u2028", "\u2029"])
def test_a_directive_is_found_behind_each_line_end_of_yaml(end: str) -> None:
    """A megabyte of them, each compared with the others, would take minutes."""
    with pytest.raises(UploadError, match="a directive %TAG"):
        yaml_documents(f"# comment{end}%TAG !a! b{end}--- {{}}{end}")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(LAUGHS, id="laughs"),
        pytest.param(MERGES, id="merges"),
        *(
            pytest.param((part * LONG)[:LONG], id=repr(part))
            for part in (
                *("[", "{", "- ", "? ", "{a: ", "[a, ", "---\n", "a: b\n", "{a,", "a:\n ", "- a\n"),
                *("- {a: b}\n", "- &a b\n", "- |\n a\n", "&a ", "!a ", "'", '"', "%TAG ! a\n"),
            )
        ),
    ],
)
def test_a_bomb_costs_neither_time_nor_memory(text: str) -> None:
    """Four megabytes can stand for terabytes."""
    tracemalloc.start()
    started = time.thread_time()

    with contextlib.suppress(UploadError):
        yaml_documents(text[: 200_000 if len(text) == LONG else LONG])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert time.thread_time() - started < 5  # tracing makes it five times slower
    assert peak < 50_000_000


def test_as_many_values_as_are_allowed_are_read() -> None:
    """20,000 platforms of five fields."""
    text = "- {a: b, c: d, e: f, g: h, i: j}\n" * (MOST_NODES // 12)

    assert len(yaml_documents(text)[0]) == MOST_NODES // 12
