"""Expressions over columns, such as ``area > 100 and class == "neuron"``: read here, computed in `table_formula`.

Nothing of it is ever run as Python: the text becomes a tree of the few nodes below, and only those are computed.
"""

from __future__ import annotations

from collections.abc import Collection

from bioloom.errors import InputError
from bioloom.session.table_nodes import (
    Among,
    Arithmetic,
    Call,
    Comparison,
    Logic,
    Name,
    Negative,
    Node,
    Not,
    Number,
    Text,
)
from bioloom.session.table_tokens import Token, show_place, tokens_of

LONGEST = 10_000
_DEEPEST = 60
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


def parse(text: str, names: Collection[str], functions: Collection[str]) -> Node:
    """Read an expression.

    Parameters
    ----------
    text
        For example ``area > 100 and not (eccentricity >= 0.8 or class in ("a", "b"))``. Signs: ``+ - * / // % **``,
        ``< <= > >= == !=`` (also in chains: ``1 < x <= 2``), ``in``, ``and or not`` (also ``& | !``), brackets, texts
        in quotes, functions. Names of columns stand as they are, also with hyphens (``UMAP-0``): of several columns
        that fit, the longest name is meant. Any name may stand in `backticks`.
    names
        The columns.
    functions
        The functions.

    Returns
    -------
    Node
        What was read.

    Raises
    ------
    InputError
        If it is not an expression of these; the message says where and what.
    """
    if len(text) > LONGEST:
        raise InputError(f"The expression has {len(text)} characters; {LONGEST} can be read. Shorten it.")
    return _Parser(text, tokens_of(text, names, functions)).whole()


class _Parser:
    def __init__(self, text: str, tokens: list[Token]) -> None:
        self._text, self._tokens, self._at, self._depth = text, tokens, 0, 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, *signs: str) -> str:
        """Take the next sign if it is one of these."""
        token = self._next
        if token.kind == "sign" and token.value in signs:
            self._at += 1
            return token.value
        return ""

    def _fail(self, wanted: str) -> InputError:
        token = self._next
        if token.kind == "end":
            before = "The expression is empty" if not self._at else "The expression ends too early"
            return InputError(f"{before}: {wanted} is missing.")
        return InputError(f"{wanted[0].upper()}{wanted[1:]} is needed before {show_place(self._text, token.place)}")

    def whole(self) -> Node:
        node = self._any()
        if self._next.kind != "end":
            raise self._fail("an operator such as ‘and’")
        return node

    def _any(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InputError(f"The expression has more than {_DEEPEST} brackets or ‘not’ in each other. Simplify it.")
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else Logic(tuple(parts), "or")

    def _all(self) -> Node:
        parts = [self._condition()]
        while self._take("and"):
            parts.append(self._condition())
        return parts[0] if len(parts) == 1 else Logic(tuple(parts), "and")

    def _condition(self) -> Node:
        opposite = False
        while self._take("not"):
            opposite = not opposite
        node = self._comparison()
        return Not(node) if opposite else node

    def _comparison(self) -> Node:
        parts, operators = [self._sum()], []
        before = self._at
        opposite = bool(self._take("not"))
        if self._take("in"):
            among = Among(parts[0], self._choices())
            return Not(among) if opposite else among
        self._at = before
        while sign := self._take(*_COMPARISONS):
            operators.append(sign)
            parts.append(self._sum())
        return Comparison(tuple(parts), tuple(operators)) if operators else parts[0]

    def _choices(self) -> tuple[Number | Text, ...]:
        if not self._take("("):
            raise self._fail("a list in brackets, such as (1, 2, 3)")
        choices: list[Number | Text] = []
        while not self._take(")"):
            node = self._negative()
            if isinstance(node, Negative) and isinstance(node.value, Number):
                node = Number(-node.value.value)
            if not isinstance(node, (Number, Text)):
                raise self._fail("a list of numbers or texts in quotes, instead of anything else,")
            choices.append(node)
            if not self._take(",") and not (self._next.kind == "sign" and self._next.value == ")"):
                raise self._fail("a comma or a closing bracket")
        return tuple(choices)

    def _sum(self) -> Node:
        return self._chain(self._product, "+", "-")

    def _product(self) -> Node:
        return self._chain(self._negative, "*", "/", "//", "%")

    def _chain(self, part: object, *signs: str) -> Node:
        assert callable(part)
        parts, operators = [part()], []
        while sign := self._take(*signs):
            operators.append(sign)
            parts.append(part())
        return Arithmetic(tuple(parts), tuple(operators)) if operators else parts[0]

    def _negative(self) -> Node:
        negative = False
        while sign := self._take("-", "+"):
            negative ^= sign == "-"
        node = self._power()
        return Negative(node) if negative else node

    def _power(self) -> Node:
        base = self._atom()
        if not self._take("**"):
            return base
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InputError(f"The expression has more than {_DEEPEST} powers in each other. Simplify it.")
        node = Arithmetic((base, self._negative()), ("**",))
        self._depth -= 1
        return node

    def _atom(self) -> Node:
        token = self._next
        if token.kind == "end" or (token.kind == "sign" and token.value != "("):
            raise self._fail("a column, number or text")
        self._at += 1
        if token.kind == "number":
            return Number(float(token.value))
        if token.kind == "text":
            return Text(token.value)
        if token.kind == "column":
            return Name(token.value)
        if token.kind == "function":
            return self._call(token.value)
        node = self._any()
        if not self._take(")"):
            raise self._fail("a closing bracket")
        return node

    def _call(self, function: str) -> Node:
        self._take("(")
        arguments = []
        while not self._take(")"):
            arguments.append(self._any())
            if not self._take(",") and not (self._next.kind == "sign" and self._next.value == ")"):
                raise self._fail("a comma or a closing bracket")
        return Call(function, tuple(arguments))
