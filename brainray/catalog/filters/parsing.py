"""Filters as text: ``region = vision AND NOT platform ~ "PyTorch 1" AND accuracy >= 90% resnet``.

::

    filter     all {"OR" all}
    all        one {["AND"] one}
    one        "NOT" one | "(" filter ")" | condition | word or "several words"
    condition  field ("=" | "!=" | "~" | "!~" | "<" | "<=" | ">" | ">=") value
             | field low..high | field "IN" "(" value {"," value} ")" | field "IS" "MISSING"

Words beside conditions are free text. Values with blanks or signs stand between double quotes,
in which a backslash takes the next character as it is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from brainray.catalog.filters.fields import FIELDS, field_of
from brainray.catalog.filters.tree import (
    And,
    Contains,
    Filter,
    In,
    Missing,
    Not,
    Or,
    Range,
    Text,
)
from brainray.catalog.filters.words import KEYWORDS, unquoted
from brainray.errors import FilterError

DEEPEST = 50
"""Brackets and NOTs within each other."""

LONGEST = 20_000
"""Characters of a filter."""

OPERATORS = ("=", "!=", "~", "!~", "<", "<=", ">", ">=")
_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<sign>[<>!]=|!~|[=~<>(),])|(?P<word>[^\s"=~<>(),!]+))',
    re.DOTALL,
)


Result = TypeVar("Result")


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int

    def is_keyword(self, name: str) -> bool:
        return self.kind == "word" and self.text.lower() == name


def parse(text: str) -> Filter | None:
    """Return the tree of a filter, None for an empty one.

    Raises:
        FilterError: it cannot be read; the message has the position, counted from 1.
    """
    if len(text) > LONGEST:
        raise FilterError(f"filter: {len(text)} characters, allowed are {LONGEST}")
    tokens = _tokens(text)
    if len(tokens) == 1:
        return None
    parser = _Parser(tokens)
    tree = parser.alternatives(0)
    if parser.token.kind != "end":
        raise parser.unexpected("AND, OR or the end")
    return tree


def _tokens(text: str) -> list[_Token]:
    tokens, position, end = [], 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            at = position + len(text[position:]) - len(text[position:].lstrip())
            reason = "is not closed" if text[at] == '"' else "must be != or !~, or be quoted"
            raise FilterError(f"filter: position {at + 1}: {text[at]} {reason}")
        kind = match.lastgroup
        assert kind is not None, "each alternative is a group"
        tokens.append(_Token(kind, match[kind], match.start(kind) + 1))
        position = match.end()
    return [*tokens, _Token("end", "", len(text) + 1)]


class _Parser:
    """Reads one token after the other; every method leaves `token` behind what it has read."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._position = 0

    @property
    def token(self) -> _Token:
        return self._tokens[self._position]

    def unexpected(self, wanted: str) -> FilterError:
        found = f"{self.token.text!r}" if self.token.kind != "end" else "the end"
        return FilterError(f"filter: position {self.token.at}: {found}, allowed is {wanted}")

    def alternatives(self, depth: int) -> Filter:
        parts = [self._all(depth)]
        while self.token.is_keyword("or"):
            self._next()
            parts.append(self._all(depth))
        return Or(tuple(parts)) if len(parts) > 1 else parts[0]

    def _all(self, depth: int) -> Filter:
        parts = [self._one(depth)]
        while self.token.is_keyword("and") or not self._at_end_of_all():
            if self.token.is_keyword("and"):
                self._next()
            parts.append(self._one(depth))
        return And(tuple(parts)) if len(parts) > 1 else parts[0]

    def _at_end_of_all(self) -> bool:
        return self.token.kind == "end" or self.token.text == ")" or self.token.is_keyword("or")

    def _one(self, depth: int) -> Filter:
        if depth > DEEPEST:
            raise FilterError(
                f"filter: position {self.token.at}: more than {DEEPEST} brackets within each other"
            )
        token = self.token
        if token.is_keyword("not"):
            self._next()
            return Not(self._one(depth + 1))
        if token.kind == "sign" and token.text == "(":
            self._next()
            tree = self.alternatives(depth + 1)
            self._take(")")
            return tree
        if token.kind == "string":
            self._next()
            return _placed(token.at, lambda: Text(unquoted(token.text)))
        if token.kind != "word" or token.text.lower() in KEYWORDS:
            raise self.unexpected("a condition, a word, NOT or (")
        return self._condition_or_word()

    def _condition_or_word(self) -> Filter:
        name = self._next()
        follows = self.token
        if follows.kind == "sign" and follows.text in OPERATORS:
            return self._comparison(name)
        if follows.is_keyword("in") or follows.is_keyword("is"):
            return self._membership(name)
        if follows.kind == "word" and ".." in follows.text:
            low, _, high = self._next().text.partition("..")
            _placed(name.at, lambda: field_of(name.text))
            return _placed(
                follows.at, lambda: Range(name.text, low or None, high or None, at=follows.at)
            )
        if name.text.lower().replace("-", "_") in FIELDS:
            raise self.unexpected(
                f"after the field {name.text!r} {', '.join(OPERATORS)}, LOW..HIGH, IN (…) or "
                "IS MISSING; write the word itself between quotes"
            )
        return Text(name.text)

    def _comparison(self, name: _Token) -> Filter:
        _placed(name.at, lambda: field_of(name.text))
        operator = self._next().text
        at, value = self.token.at, self._value()

        def build() -> Filter:
            field = name.text
            match operator:
                case "=" | "!=":
                    condition: Filter = In(field, (value,), at=at)
                case "~" | "!~":
                    condition = Contains(field, value, at=at)
                case ">" | ">=":
                    condition = Range(field, low=value, above=operator == ">", at=at)
                case _:
                    condition = Range(field, high=value, below=operator == "<", at=at)
            return Not(condition) if operator.startswith("!") else condition

        return _placed(at, build)

    def _membership(self, name: _Token) -> Filter:
        _placed(name.at, lambda: field_of(name.text))
        if self._next().is_keyword("is"):
            if not self.token.is_keyword("missing"):
                raise self.unexpected("MISSING")
            self._next()
            return Missing(name.text, at=name.at)
        self._take("(")
        at = self.token.at
        values = [self._value()]
        while self.token.text == ",":
            self._next()
            values.append(self._value())
        self._take(")")
        return _placed(at, lambda: In(name.text, tuple(values), at=at))

    def _value(self) -> str:
        token = self.token
        if token.kind not in ("word", "string"):
            raise self.unexpected("a value")
        self._next()
        return unquoted(token.text) if token.kind == "string" else token.text

    def _take(self, sign: str) -> None:
        if self.token.kind != "sign" or self.token.text != sign:
            raise self.unexpected(f"a {sign!r}")
        self._next()

    def _next(self) -> _Token:
        token = self.token
        self._position += 1
        return token


def _placed(at: int, build: Callable[[], Result]) -> Result:
    """Return what ``build`` returns; its error says at which position of the filter it arose."""
    try:
        return build()
    except FilterError as error:
        raise FilterError(f"filter: position {at}: {error}") from error
