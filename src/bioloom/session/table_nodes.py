"""What expressions over columns are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True)
class Text:
    """A text in quotes."""

    value: str


@dataclass(frozen=True)
class Name:
    """A column."""

    name: str


@dataclass(frozen=True)
class Negative:
    """The negative of a number."""

    value: Node


@dataclass(frozen=True)
class Arithmetic:
    """Numbers, and the operator before each but the first: one of ``+ -``, one of ``* / // %``, or ``**``."""

    parts: tuple[Node, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Values, and the comparison between each and the next; all must hold."""

    parts: tuple[Node, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True)
class Among:
    """Whether a value is one of some."""

    value: Node
    choices: tuple[Number | Text, ...]


@dataclass(frozen=True)
class Logic:
    """Conditions of which all (``and``) or any (``or``) must hold."""

    parts: tuple[Node, ...]
    operator: str


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    value: Node


@dataclass(frozen=True)
class Call:
    """A function of values."""

    function: str
    arguments: tuple[Node, ...]


Node: TypeAlias = Number | Text | Name | Negative | Arithmetic | Comparison | Among | Logic | Not | Call
