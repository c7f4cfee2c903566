"""How words and quotes are written in a filter."""

import re

KEYWORDS = frozenset({"and", "or", "not", "in", "is", "missing"})
"""In capital or small letters."""

_BARE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+%-]*")


def quoted(text: str) -> str:
    """Return a text between quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def spelled(text: str) -> str:
    """Return a text as a value: between quotes where it could be read as something else."""
    if _BARE.fullmatch(text) and ".." not in text and text.lower() not in KEYWORDS:
        return text
    return quoted(text)


def unquoted(token: str) -> str:
    """Return the text between quotes."""
    return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)
