"""Expressions over the columns of a table, computed on all rows at once."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.session.table_columns import Column
from bioloom.session.table_expression import parse
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

Value = Any  # a float, bool or str, an array of numbers or bools with one per row, or a Column of text

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "//": np.floor_divide, "%": np.mod, "**": np.power,
}  # fmt: skip
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_ONE: dict[str, Callable[[Any], Any]] = {
    "abs": np.abs, "sqrt": np.sqrt, "exp": np.exp, "log": np.log, "log2": np.log2, "log10": np.log10,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "arctan": np.arctan,
    "floor": np.floor, "ceil": np.ceil, "round": np.rint, "sign": np.sign,
}  # fmt: skip
_WHOLE: dict[str, Callable[[NDArray[np.float64]], Any]] = {
    "mean": np.mean, "median": np.median, "std": lambda v: np.std(v, ddof=1) if len(v) > 1 else np.nan,
    "sum": np.sum, "min": np.min, "max": np.max,
}  # fmt: skip
FUNCTIONS: dict[str, str] = {
    **{name: f"{name}(x)" for name in _ONE},
    **{name: f"{name}(x): one number, of all rows" for name in _WHOLE},
    "min": "min(x): one number, of all rows; min(x, y, …): the smallest in each row",
    "max": "max(x): one number, of all rows; max(x, y, …): the largest in each row",
    "quantile": "quantile(x, q): the value below which a share q of all rows lies, q from 0 to 1",
    "zscore": "zscore(x): how many standard deviations above the mean of all rows",
    "rank": "rank(x): 1 for the smallest value, equal ones share their mean rank",
    "arctan2": "arctan2(y, x): angle in radians",
    "missing": "missing(x): whether the value is missing",
    "where": "where(condition, x, y): x where the condition holds, else y",
    "contains": 'contains(text, "part")',
    "startswith": 'startswith(text, "beginning")',
}
"""The functions that expressions may use, and how."""


def condition(text: str, columns: Mapping[str, Column], n_rows: int) -> NDArray[np.bool_]:
    """Compute for which rows an expression holds.

    A comparison with a missing value is false, ``!=`` is true.

    Parameters
    ----------
    text
        See :func:`bioloom.session.table_expression.parse`.
    columns
        The columns by name.
    n_rows
        The number of rows.

    Returns
    -------
    numpy.ndarray
        bool per row.

    Raises
    ------
    InputError
        If the text cannot be read or is no condition.
    """
    result = _Formula(columns, n_rows).value(parse(text, columns, FUNCTIONS))
    if isinstance(result, Column) or not _is_bool(result):
        raise InputError("A filter needs a comparison, for example: area > 100 and eccentricity < 0.8")
    return np.array(np.broadcast_to(result, n_rows))


def formula(text: str, columns: Mapping[str, Column], n_rows: int) -> NDArray[Any]:
    """Compute a new column.

    Aggregates such as ``mean(x)`` are of all rows; what has no answer (a root of a negative number) is NaN.

    Parameters
    ----------
    text, columns, n_rows
        As for :func:`condition`.

    Returns
    -------
    numpy.ndarray
        float64, bool or object (text) per row.

    Raises
    ------
    InputError
        If the text cannot be read or computed.
    """
    result = _Formula(columns, n_rows).value(parse(text, columns, FUNCTIONS))
    if isinstance(result, Column):
        return np.array(result.values)
    if isinstance(result, str):
        return np.full(n_rows, result, object)
    kind = bool if _is_bool(result) else object if np.asarray(result).dtype == object else np.float64
    return np.array(np.broadcast_to(np.asarray(result, kind), n_rows))


def _is_bool(value: Value) -> bool:
    return isinstance(value, (bool, np.bool_)) or (isinstance(value, np.ndarray) and value.dtype == bool)


class _Formula:
    def __init__(self, columns: Mapping[str, Column], n_rows: int) -> None:
        self._columns, self._n = columns, n_rows

    def value(self, node: Node) -> Value:
        with np.errstate(all="ignore"):
            return self._value(node)

    def _value(self, node: Node) -> Value:
        match node:
            case Number(value) | Text(value):
                return value
            case Name(name):
                column = self._columns[name]
                return column if column.is_text else column.values
            case Negative(value):
                return -self._number(value)
            case Arithmetic(parts, operators):
                result = self._number(parts[0])
                for sign, part in zip(operators, parts[1:], strict=True):
                    result = _ARITHMETIC[sign](result, self._number(part))
                return result
            case Comparison(parts, operators):
                values = [self._value(part) for part in parts]
                result = _compare(operators[0], values[0], values[1])
                for sign, left, right in zip(operators[1:], values[1:-1], values[2:], strict=True):
                    result = result & _compare(sign, left, right)
                return result
            case Among(value, choices):
                return self._among(value, [choice.value for choice in choices])
            case Logic(parts, operator_):
                result = self._truth(parts[0])
                for part in parts[1:]:
                    result = result & self._truth(part) if operator_ == "and" else result | self._truth(part)
                return result
            case Not(value):
                return np.logical_not(self._truth(value))
            case Call(function, arguments):
                return self._call(function, arguments)
        raise AssertionError(node)

    def _number(self, node: Node) -> Any:
        value = self._value(node)
        if isinstance(value, (str, Column)) or np.asarray(value).dtype == object:
            _text_refused(value)
        return np.asarray(value, np.float64)[()]

    def _truth(self, node: Node) -> Any:
        value = self._value(node)
        if not _is_bool(value):
            raise InputError(
                "‘and’, ‘or’ and ‘not’ stand between comparisons, for example: area > 100 and not label == 3"
            )
        return value

    def _among(self, node: Node, choices: list[float | str]) -> Any:
        value = self._value(node)
        if isinstance(value, Column):
            return value.where_word(np.isin(value.words, np.array([c for c in choices if isinstance(c, str)], object)))
        if any(isinstance(c, str) for c in choices) or isinstance(value, str):
            raise InputError("Numbers are compared with numbers, texts with texts in quotes.")
        return np.isin(value, np.array(choices, np.float64))

    # -------------------------------------------------------------------------------------------- functions
    def _call(self, name: str, arguments: tuple[Node, ...]) -> Value:
        n = len(arguments)
        if name in ("min", "max") and n > 1:
            values = [self._number(a) for a in arguments]
            smallest = np.fmin if name == "min" else np.fmax
            result = values[0]
            for value in values[1:]:
                result = smallest(result, value)
            return result
        needed = {"where": 3, "quantile": 2, "arctan2": 2, "contains": 2, "startswith": 2}.get(name, 1)
        if n != needed:
            raise InputError(f"‘{name}’ needs {needed} value{'s' * (needed > 1)}, not {n}: {FUNCTIONS[name]}")
        if name in _ONE:
            return _ONE[name](self._number(arguments[0]))
        if name in _WHOLE:
            there = self._there(arguments[0])
            return float(_WHOLE[name](there)) if len(there) else np.nan
        return getattr(self, f"_{name}")(*arguments)

    def _there(self, node: Node) -> NDArray[np.float64]:
        values = np.atleast_1d(self._number(node))
        missing = np.isnan(values)
        return values[~missing] if missing.any() else values

    def _quantile(self, node: Node, share: Node) -> float:
        q = self._number(share)
        if np.ndim(q) or not 0 <= q <= 1:
            raise InputError("‘quantile’ needs a share from 0 to 1, for example: quantile(area, 0.9)")
        there = self._there(node)
        return float(np.quantile(there, q)) if len(there) else np.nan

    def _zscore(self, node: Node) -> Any:
        values, there = self._number(node), self._there(node)
        return (values - there.mean()) / there.std(ddof=1) if len(there) > 1 else values * np.nan

    def _rank(self, node: Node) -> Any:
        from scipy.stats import rankdata

        return rankdata(np.broadcast_to(self._number(node), self._n), nan_policy="omit")

    def _arctan2(self, y: Node, x: Node) -> Any:
        return np.arctan2(self._number(y), self._number(x))

    def _missing(self, node: Node) -> Any:
        value = self._value(node)
        if isinstance(value, Column):
            return value.codes < 0
        return np.isnan(self._number(node))

    def _where(self, test: Node, yes: Node, no: Node) -> Any:
        chosen, values = self._truth(test), [self._value(yes), self._value(no)]
        values = [v.values if isinstance(v, Column) else v for v in values]
        if any(isinstance(v, str) or np.asarray(v).dtype == object for v in values):
            if not all(isinstance(v, str) or np.asarray(v).dtype == object for v in values):
                raise InputError("‘where’ chooses between two numbers or between two texts.")
            return np.where(chosen, *[np.asarray(v, object) for v in values])
        return np.where(chosen, *values)

    def _contains(self, node: Node, part: Node) -> Any:
        return self._of_words("contains", node, part, lambda word, wanted: wanted in word)

    def _startswith(self, node: Node, part: Node) -> Any:
        return self._of_words("startswith", node, part, str.startswith)

    def _of_words(self, name: str, node: Node, part: Node, test: Callable[[str, str], bool]) -> Any:
        column, wanted = self._value(node), self._value(part)
        if not isinstance(column, Column) or not isinstance(wanted, str):
            raise InputError(f"‘{name}’ looks into a column of text: {FUNCTIONS[name]}")
        return column.where_word(np.array([test(word, wanted) for word in column.words], bool))


def _compare(sign: str, left: Value, right: Value) -> Any:
    if isinstance(left, str) and isinstance(right, Column):
        turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
        return _compare(turned.get(sign, sign), right, left)
    if isinstance(left, Column) and isinstance(right, str):
        result = left.where_word(np.array([_COMPARE[sign](word, right) for word in left.words], bool))
        return result | (left.codes < 0) if sign == "!=" else result
    if isinstance(left, Column) and isinstance(right, Column):
        return _compare_texts(sign, left, right)
    if isinstance(left, str) and isinstance(right, str):
        return _COMPARE[sign](left, right)
    for value in (left, right):
        if isinstance(value, (str, Column)) or np.asarray(value).dtype == object:
            _text_refused(value)
    return _COMPARE[sign](left, right)


def _compare_texts(sign: str, left: Column, right: Column) -> Any:
    words = np.unique(np.concatenate([left.words, right.words]))
    places = [np.append(np.searchsorted(words, column.words), -1)[column.codes] for column in (left, right)]
    missing = (left.codes < 0) | (right.codes < 0)
    result = _COMPARE[sign](*places)
    return result | missing if sign == "!=" else result & ~missing


def _text_refused(value: Value) -> NoReturn:
    what = f"The column ‘{value.name}’ holds text" if isinstance(value, Column) else f"‘{value}’ is text"
    raise InputError(f'{what}, and a number is needed. Texts are compared with texts in quotes, as in class == "a".')
