"""The words and signs of expressions over columns."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass

from bioloom.errors import InputError

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?!\w)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|`(?P<quoted>[^`]+)`"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign>\*\*|//|<=|>=|==|!=|<>|&&|\|\||[-+*/%<>=&|!~(),\[\]≤≥≠×÷−]))"
)
_SAME = {
    "&": "and", "&&": "and", "|": "or", "||": "or", "!": "not", "~": "not", "=": "==", "<>": "!=",
    "≤": "<=", "≥": ">=", "≠": "!=", "×": "*", "÷": "/", "−": "-", "[": "(", "]": ")",
}  # fmt: skip
_WORDS = ("and", "or", "not", "in")


@dataclass(frozen=True)
class Token:
    """A word or sign of an expression, and where it stands in the text."""

    kind: str  # number, text, column, function, sign or end
    value: str
    place: int
    end: int


def tokens_of(text: str, names: Collection[str], functions: Collection[str]) -> list[Token]:
    """Divide an expression into words and signs.

    Parameters
    ----------
    text
        The expression.
    names
        The columns.
    functions
        The functions.

    Raises
    ------
    InputError
        If a sign or a name is not known.
    """
    # Names with blanks or signs must be looked for first, the longest before those it begins with.
    special = sorted((n for n in names if not n.isidentifier() and n.strip()), key=len, reverse=True)
    first_letters = {letter for n in special for letter in (n[0].lower(), n[0].upper())}
    lower = {n.lower(): n for n in names}
    tokens: list[Token] = []
    place = 0
    while True:
        while place < len(text) and text[place].isspace():
            place += 1
        if place == len(text):
            return [*tokens, Token("end", "", place, place)]
        if text[place] in first_letters and not text[place].isdigit():
            fitting = [n for n in special if _fits(text, place, n)]
            if fitting:
                # Of names that differ only in upper and lower case, the one that is written so.
                longest = [n for n in fitting if len(n) == len(fitting[0])]
                name = next((n for n in longest if text.startswith(n, place)), longest[0])
                tokens.append(Token("column", name, place, place + len(name)))
                place += len(name)
                continue
        match = _TOKEN.match(text, place)
        if match is None:
            raise InputError(f"‘{text[place]}’ cannot be read here: {show_place(text, place)}")
        kind = str(match.lastgroup)
        value = match[kind]
        if kind == "sign":
            value = _SAME.get(value, value)
        elif kind == "text":
            value = value[1:-1]
        elif kind == "name" and value.lower() in _WORDS:
            kind, value = "sign", value.lower()
        elif kind == "name" and value in functions and text[match.end() :].lstrip()[:1] == "(":
            kind = "function"
        elif kind in ("name", "quoted"):
            found = value if value in names else lower.get(value.lower())
            if found is None:
                raise InputError(_unknown(value, names, functions))
            kind, value = "column", found
        tokens.append(Token(kind, value, place, match.end()))
        place = match.end()


def _fits(text: str, place: int, name: str) -> bool:
    """Tell whether a name stands at a place, and does not end in the middle of a longer word."""
    end = place + len(name)
    if text[place:end].lower() != name.lower():
        return False
    return not _is_letter(name[-1]) or not _is_letter(text[end : end + 1])


def _is_letter(character: str) -> bool:
    return character.isalnum() or character == "_"


def _unknown(name: str, names: Collection[str], functions: Collection[str]) -> str:
    close = difflib.get_close_matches(name, [*names, *functions], 3, 0.6)
    text = f"There is no column ‘{name}’."
    if close:
        return f"{text} Did you mean {' or '.join(f'‘{c}’' for c in close)}?"
    return f'{text} Texts need quotes: "{name}".'


def show_place(text: str, place: int) -> str:
    """Return a text around a place, which is marked."""
    return f"{text[max(0, place - 25) : place]}▸{text[place : place + 25]}"


def renamed(text: str, old: str, new: str, names: Collection[str], functions: Collection[str]) -> str:
    """Return an expression in which a column has another name; one that cannot be read stays as it is."""
    try:
        found = tokens_of(text, names, functions)
    except InputError:
        return text
    for token in reversed(found):
        if token.kind == "column" and token.value == old:
            text = f"{text[: token.place]}`{new}`{text[token.end :]}"
    return text
