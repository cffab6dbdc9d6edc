"""Read the lines of a table that is drawn with vertical bars, as in Markdown, wikis and psql."""

import re

_RULE = re.compile(r"[\s|+:=-]*[-=][\s|+:=-]*")
_FOOT = re.compile(r"\s*\(?[0-9]+ rows?( in set.*)?\)?\s*")  # of psql and mysql
_BAR = re.compile(r"(?<!\\)\|")
_HEADS = re.compile(r"(?<!\\)\|\|")  # Jira writes || between the names of columns
_BARE_BAR = re.compile(r"(?<=\S)\|(?=\S)")
_CODE = re.compile(r"`([^`]+)`")


def is_drawn(line: str) -> bool:
    """Return whether a line is of a table whose bars are lines, and not separators alone."""
    text = line.strip()
    if text.startswith("|"):
        return text.endswith("|") and len(text) > 1
    return " | " in text and not _BARE_BAR.search(text)


def says_nothing(line: str) -> bool:
    """Return whether a line is a rule between rows, or the number of rows at the end."""
    return bool(_RULE.fullmatch(line) or _FOOT.fullmatch(line))


def drawn_cells(line: str) -> list[str]:
    r"""Return the cells of a line, without the blanks that align them, and with | for \|."""
    text = line.strip()
    if text.startswith("||") and "|" not in _HEADS.sub("", text):
        text = _HEADS.sub("|", text)
    cells = _BAR.split(text)
    if text.startswith("|"):
        del cells[0]
        if cells and not cells[-1].strip():
            del cells[-1]
    return [_CODE.sub(r"\1", c) if _CODE.fullmatch(c) else c for c in map(_bare, cells)]


def _bare(cell: str) -> str:
    return cell.strip().replace("\\|", "|")
