"""The kinds of values that a scenario file may have."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from brainray import plugins

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Column = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"must be a number, not {value}")
    return value


def offered(group: str, what: str) -> AfterValidator:
    """Allow the names that installed packages offer in ``brainray.<group>``."""

    def check(name: str) -> str:
        if name not in plugins.names(group):
            allowed = ", ".join(plugins.names(group))
            raise ValueError(f"unknown {what} {name!r}, allowed are {allowed}")
        return name

    return AfterValidator(check)


def _each_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    for number, value in enumerate(values):
        if value in values[:number]:
            raise ValueError(f"{value!r} is given twice")
    return values


Distinct = AfterValidator(_each_once)
"""Refuses a list that has a value twice."""

Number = Annotated[float, Field(strict=False), BeforeValidator(_no_boolean)]
"""A float. Not strict, for YAML takes ``1e-3`` for a string."""


class Section(BaseModel):
    """A part of a scenario: unknown keys and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
