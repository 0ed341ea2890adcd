"""Tables: sorted, filtered, computed, described, correlated; and as files, joined by label and frame."""

import contextlib
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from bioloom import tables
from bioloom.errors import Cancelled, InputError
from bioloom.session.table_columns import MISSING, Column
from bioloom.session.table_correlation import METHODS, correlate
from bioloom.session.table_filters import RangeFilter, ValuesFilter
from bioloom.session.table_formula import FUNCTIONS, condition, formula
from bioloom.session.table_histograms import bin_column, bins_of_filter, count, describe_bin, filter_of_bins, states
from bioloom.session.table_statistics import SUMMARIES, describe, summarise
from bioloom.session.table_tokens import renamed
from bioloom.session.table_view import TableView
from bioloom.session.table_words import meaning

NAN = np.nan


@pytest.fixture
def table():
    """Seven objects in two frames, with gaps, ties, missing values and an awkward column name."""
    return pd.DataFrame(
        {
            "index": [5, 3, 2**32 - 1, 3, 5, 8, 9],
            "frame": [0, 0, 0, 1, 1, 1, 1],
            "label": [5, 3, 2**32 - 1, 3, 5, 8, 9],
            "area": [20.0, 10.0, NAN, 10.0, 40.0, np.inf, 30.0],
            "class": ["b", "a", None, "a", "b", "c", "a"],
            "UMAP-0": [0.5, -1.0, 2.0, NAN, 0.25, -2.0, 4.0],
            "touches border": [True, False, False, True, False, False, True],
        }
    )


@pytest.fixture
def view(table):
    view = TableView()
    view.show(table)
    return view


def shown(view, name="label"):
    return view.shown_table()[name].tolist()


def holds(text, table):
    return condition(text, columns_of_table(table), len(table)).tolist()


def columns_of_table(table):
    view = TableView()
    view.show(table)
    return view.columns


# ------------------------------------------------------------------------------------------------ sorting
def test_sorting_both_ways_puts_missing_values_last_and_keeps_the_order_of_equal_ones(view):
    view.sort("area")
    assert view.rows.tolist() == [1, 3, 0, 6, 4, 5, 2]
    view.sort("area", descending=True)
    assert view.rows.tolist() == [5, 4, 6, 0, 1, 3, 2]
    view.sort("class", descending=True)
    assert view.rows.tolist() == [5, 4, 0, 6, 1, 3, 2], "rows of a class stay sorted by area"
    view.sort("touches border")
    assert view.rows.tolist() == [5, 4, 1, 2, 0, 6, 3]
    view.sort(None)
    assert view.rows.tolist() == list(range(7))
    with pytest.raises(InputError, match="no column ‘volume’"):
        view.sort("volume")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([NAN, -np.inf, -1.0, 0.0, 2.0, np.inf]), max_size=30), st.booleans(), st.randoms())
def test_sorting_agrees_with_pandas(values, descending, random):
    rows = list(range(len(values)))
    random.shuffle(rows)
    column = Column("x", pd.Series(values, dtype=float))
    expected = pd.Series(values, dtype=float).iloc[rows]
    expected = expected.sort_values(ascending=not descending, kind="stable", na_position="last").index.to_numpy(int)
    assert_array_equal(column.order(np.array(rows, int), descending), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32, np.int64, np.float32, bool, "Int64", "Float64", "boolean"])
def test_columns_of_every_type(dtype):
    column = Column("x", pd.Series([1, 0, 1, 0], dtype=dtype))
    assert column.order(np.arange(4)).tolist() == [1, 3, 0, 2]
    assert column.order(np.arange(4), descending=True).tolist() == [0, 2, 1, 3]
    assert not column.is_text


def test_missing_values_of_extension_types_are_nan():
    column = Column("x", pd.Series([3, None, 1], dtype="Int64"))
    assert_array_equal(column.values, [3, NAN, 1])
    assert [column.text(row) for row in range(3)] == ["3", MISSING, "1"]
    words = Column("x", pd.Series(["b", None, "a", "b"], dtype="category"))
    assert words.is_text
    assert words.codes.tolist() == [1, -1, 0, 1]
    mixed = Column("x", pd.Series(["b", 3, None], dtype=object))
    assert mixed.words.tolist() == ["3", "b"]
    assert mixed.text(1) == "3"


def test_cells_of_a_column_show_the_same_decimals():
    column = Column("x", pd.Series([123.456789, 1.5, -200.0, NAN, np.inf, 1e-9]))
    assert [column.text(row) for row in range(6)] == ["123.46", "1.50", "-200.00", MISSING, "inf", "1e-09"]
    whole = Column("x", pd.Series([4.0, NAN, 1234567.0]))
    assert [whole.text(row) for row in range(3)] == ["4", MISSING, "1234567"]
    sizes = Column("x", pd.Series([1e-3, 10.0, 123456.75, 1e12]))
    assert [sizes.text(row) for row in range(4)] == ["0.0010000", "10.000", "123457", "1e+12"]
    assert Column("x", pd.Series([2**32 - 1])).text(0) == "4294967295"


# ------------------------------------------------------------------------------------------------ expressions
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("area > 10", [0, 4, 5, 6]),
        ("10 < area <= 30", [0, 6]),
        ("area = 10", [1, 3]),
        ("area != 10", [0, 2, 4, 5, 6]),
        ("not area > 10", [1, 2, 3]),
        ("area > 10 and class == 'b' or frame = 1 & label == 3", [0, 3, 4]),
        ("area > 10 and (class == 'b' or frame == 0)", [0, 4]),
        ('class != "a"', [0, 2, 4, 5]),
        ('"a" < class', [0, 4, 5]),
        ("class in ('a', 'c')", [1, 3, 5, 6]),
        ("label not in [3, 5]", [2, 5, 6]),
        ("label == 4294967295", [2]),
        ("UMAP-0 < 0", [1, 5]),
        ("umap-0 ≥ 2", [2, 6]),
        ("touches border", [0, 3, 6]),
        ("~`touches border` and CLASS == 'b'", [4]),
        ("missing(area) or missing(class)", [2]),
        ("contains(class, 'b') | startswith(class, 'c')", [0, 4, 5]),
        ("-UMAP-0 ** 2 < -1", [2, 5, 6]),
        ("2 ** 3 ** 0 == 2 and 7 // 2 == 3 and 7 % 4 == 3", [0, 1, 2, 3, 4, 5, 6]),
        ("1 - 2 - 3 == -4 and 8 / 4 / 2 == 1 and 1 - -1 == 2", [0, 1, 2, 3, 4, 5, 6]),
        ("label - 3 == 0", [1, 3]),
        ("area >= quantile(area, 0.5)", [4, 5, 6]),
        ("where(class == 'a', area, 0) > 5", [1, 3, 6]),
        ("max(UMAP-0, 1) > min(UMAP-0, 1) + 1", [1, 5, 6]),
        ("UMAP-0 == max(UMAP-0)", [6]),
        ("1e1 == area", [1, 3]),
    ],
)
def test_expressions_choose_rows(view, text, expected):
    view.filter(text)
    assert view.rows.tolist() == expected


def test_of_columns_that_fit_the_longest_name_is_meant():
    table = pd.DataFrame({"a": [5.0, 1.0], "b": [1.0, 5.0], "a-b": [0.0, 9.0], "a b": [2.0, 0.0]})
    assert holds("a-b > 1", table) == [False, True]
    assert holds("a - b > 1", table) == [True, False]
    assert holds("a b > 1", table) == [True, False]
    assert holds("`a`-`b` > 1", table) == [True, False]


def test_texts_of_two_columns_are_compared(table):
    table = table.assign(other=["b", "b", None, "a", "a", None, "a"])
    assert holds("class == other", table) == [True, False, False, True, False, False, True]
    assert holds("class != other", table) == [False, True, True, False, True, True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("arae > 1", "no column ‘arae’. Did you mean ‘area’"),
        ("class == neuron", 'Texts need quotes: "neuron"'),
        ("area >", "ends too early"),
        ("area > 1 label", "operator"),
        ("(area > 1", "closing bracket"),
        ("area > 1)", "operator"),
        ("area", "needs a comparison"),
        ("area + 1", "needs a comparison"),
        ("area and frame", "stand between comparisons"),
        ("class > 3", "‘class’ holds text"),
        ("class + 1 > 3", "‘class’ holds text"),
        ("area == 'big'", "‘big’ is text"),
        ("area in ('a')", "numbers"),
        ("area in (frame)", "list of numbers or texts"),
        ("sqrt(area, 2) > 1", "needs 1 value"),
        ("quantile(area, 2) > 1", "share from 0 to 1"),
        ("contains(area, 'a')", "column of text"),
        ("area $ 3", "‘\\$’ cannot be read"),
        ("3x > 1", "cannot be read"),
        ("area > 'a", "cannot be read"),
        ("__import__('os').system('true')", "no column ‘__import__’"),
        ("area.__class__", "cannot be read|no column"),
        ("(lambda: 1)()", "no column ‘lambda’"),
        ("area if frame else 1", "no column ‘if’"),
        ("(" * 500 + "area" + ")" * 500, "brackets"),
        ("not " * 300 + "(" + "not (" * 100 + "area > 1" + ")" * 101, "brackets"),
        ("2 ** " * 3000 + "2 > 1", "characters|powers"),
        ("area > 1 or " * 5000 + "area > 2", "characters"),
    ],
)
def test_what_cannot_be_read_says_why_and_changes_nothing(view, text, message):
    view.filter("frame == 0")
    with pytest.raises(InputError, match=message):
        view.filter(text)
    assert view.expression == "frame == 0"
    assert len(view.rows) == 3


def test_long_chains_are_read(table):
    text = " or ".join(f"label == {i}" for i in range(600))
    assert holds(text, table) == [True, True, False, True, True, True, True]
    assert holds(" + ".join(["frame"] * 1000) + " == 1000", table) == [False] * 3 + [True] * 4


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab12 ()<>=!&|+-*/.,'\"`~notrdi[]%^_xµ", max_size=40))
def test_any_text_is_an_expression_or_an_error_for_the_user(text):
    table = pd.DataFrame({"a": [1.0, NAN], "b": ["x", None], "a b": [1, 2]})
    columns = columns_of_table(table)
    for compute in (condition, formula):
        with contextlib.suppress(InputError):
            assert compute(text, columns, 2).shape == (2,)


NUMBERS = st.recursive(
    st.sampled_from(["x", "y", "2", "0.5"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(lambda p: f"({' '.join(p)})"),
        inner.map(lambda p: f"(-{p})"),
        inner.map(lambda p: f"abs({p})"),
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(NUMBERS, NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
def test_numbers_are_those_of_numpy(left, right, sign):
    x, y = np.array([1.5, -2.0, 0.0, 7.0]), np.array([3.0, 0.5, -1.0, 0.0])
    columns = columns_of_table(pd.DataFrame({"x": x, "y": y}))
    with np.errstate(all="ignore"):
        # The test may run Python on texts that it wrote itself.
        value = eval(left, {"abs": np.abs, "x": x, "y": y}) if "x" in left or "y" in left else None
        if value is not None:
            assert_allclose(formula(left, columns, 4), np.broadcast_to(value, 4))
            other = eval(right, {"abs": np.abs, "x": x, "y": y}) if "x" in right or "y" in right else None
            if other is not None:
                expected = eval(f"a {sign} b", {"a": value, "b": other})
                assert_array_equal(condition(f"{left} {sign} {right}", columns, 4), expected)


def test_functions_are_those_of_numpy(table):
    columns = columns_of_table(table)
    x = table["UMAP-0"].to_numpy()
    with np.errstate(all="ignore"):
        for name in ("abs", "sqrt", "exp", "log", "log2", "log10", "sin", "cos", "tan", "arctan", "floor", "ceil"):
            assert_allclose(formula(f"{name}(UMAP-0)", columns, 7), getattr(np, name)(x), err_msg=name)
    for name in ("mean", "median", "sum", "min", "max"):
        assert_allclose(formula(f"{name}(UMAP-0)", columns, 7), np.full(7, getattr(np, f"nan{name}")(x)))
    assert_allclose(formula("std(UMAP-0)", columns, 7)[0], np.nanstd(x, ddof=1))
    assert_allclose(formula("zscore(UMAP-0)", columns, 7), (x - np.nanmean(x)) / np.nanstd(x, ddof=1))
    assert_allclose(formula("rank(UMAP-0)", columns, 7), table["UMAP-0"].rank())
    assert_allclose(formula("arctan2(UMAP-0, 2)", columns, 7), np.arctan2(x, 2))
    assert formula("where(frame == 0, 'early', class)", columns, 7).tolist() == ["early"] * 3 + ["a", "b", "c", "a"]
    assert formula("touches border and frame == 1", columns, 7).dtype == bool
    assert_array_equal(formula("1 / 0", columns, 7), np.full(7, np.inf))
    assert_array_equal(formula("10 ** 10 ** 10 ** 10", columns, 7), np.full(7, np.inf))
    assert set(FUNCTIONS) >= {"where", "quantile", "zscore"}


# ------------------------------------------------------------------------------------------------ filters of the view
def test_filters_add_up_and_are_taken_off_one_by_one(view):
    heard = []
    view.changed.connect(lambda: heard.append(len(view.rows)))
    view.sort("label")
    view.limit("area", RangeFilter(10, 30))
    assert shown(view) == [3, 3, 5, 9]
    view.limit("class", ValuesFilter(["a"]))
    view.filter("UMAP-0 > -5")
    assert shown(view) == [3, 9]
    view.only(np.array([True, False, True, True, True, True, True]))
    assert shown(view) == [9]
    assert view.kept.tolist() == [False] * 6 + [True]
    view.limit("class", None)
    assert shown(view) == [5, 9]
    view.only(None)
    view.filter("")
    assert shown(view) == [3, 3, 5, 9]
    view.show_all()
    assert not view.filtered
    assert heard == [7, 4, 3, 2, 1, 2, 3, 4, 7]


def test_column_filters_and_missing_values(view):
    view.limit("area", RangeFilter(low=20, missing=True))
    assert view.rows.tolist() == [0, 2, 4, 5, 6]
    view.limit("area", RangeFilter())
    assert view.rows.tolist() == [0, 1, 3, 4, 5, 6], "a range without limits leaves out missing values"
    view.limit("area", None)
    view.limit("class", ValuesFilter([], missing=True))
    assert view.rows.tolist() == [2]
    view.limit("class", None)
    view.limit("frame", ValuesFilter([1]))
    assert view.rows.tolist() == [3, 4, 5, 6]
    with pytest.raises(InputError, match="holds text"):
        view.limit("class", RangeFilter(1, 2))
    with pytest.raises(InputError, match="holds numbers"):
        view.limit("area", ValuesFilter(["a"]))
    assert RangeFilter(1, 2).describe("area") == "1 ≤ area ≤ 2"
    assert RangeFilter(high=2).describe("area") == "area ≤ 2"
    assert ValuesFilter(["a", "b", "c", "d"]).describe("class") == "class: a, b, c …"


def test_another_table_keeps_sorting_and_filters_that_still_fit(view, table):
    view.sort("area", descending=True)
    view.filter("area < 40")
    view.limit("class", ValuesFilter(["a"]))
    view.show(table.assign(area=[1.0, 2, 3, 4, 5, 6, 70]))
    assert view.rows.tolist() == [3, 1]
    view.show(table.drop(columns="class"))
    assert dict(view.limits) == {}
    assert view.rows.tolist() == [6, 0, 1, 3]
    view.show(table.drop(columns="area"))
    assert view.sorted_by is None
    assert view.rows.tolist() == list(range(7))
    assert "area < 40" in view.dropped
    view.show(pd.DataFrame())
    assert len(view.rows) == 0
    assert dict(view.columns) == {}


def test_rows_that_are_shown_can_be_taken_out_and_copied(view):
    view.sort("label", descending=True)
    view.filter("frame == 1")
    part = view.shown_table(["label", "class"])
    assert part.to_numpy().tolist() == [[9, "a"], [8, "c"], [5, "b"], [3, "a"]]
    assert "index" not in view.shown_table().columns
    mask = np.array([True] * 4 + [False] * 3)
    assert view.copied(["label", "class"], mask).split() == ["label", "class", "3", "a"]
    big = TableView()
    big.show(pd.DataFrame({f"c{i}": np.zeros(100_001) for i in range(20)}))
    with pytest.raises(InputError, match="too many to be copied"):
        big.copied()


# ------------------------------------------------------------------------------------------------ computed columns
def test_a_computed_column_is_keyed_and_computed_again_when_the_table_changes(view, table):
    made = view.compute("double", "2 * area")
    assert list(made.columns) == ["frame", "label", "double"]
    assert_array_equal(made["double"], 2 * table["area"])
    twice = view.compute("twice", "2 * label")
    merged = table.assign(double=made["double"], twice=twice["twice"])
    view.show(merged)
    assert view.outdated() is None
    changed = merged.assign(area=np.arange(7.0))
    view.show(changed)
    again = view.outdated()
    assert list(again.columns) == ["frame", "label", "double"]
    assert_array_equal(again["double"], 2 * np.arange(7.0))
    view.show(changed.drop(columns="area"))
    assert view.outdated() is None
    assert dict(view.formulas) == {"twice": "2 * label"}


def test_computed_columns_may_build_on_each_other(view, table):
    table = table.assign(a=view.compute("a", "area + 1")["a"])
    view.show(table)
    table = table.assign(b=view.compute("b", "a * 10")["b"])
    view.show(table)
    view.show(table.assign(area=np.arange(7.0)))
    again = view.outdated()
    assert_array_equal(again["b"], 10 * (np.arange(7.0) + 1))


def test_names_that_are_taken_are_refused(view, table):
    for name in ("area", "index"):
        with pytest.raises(InputError, match="already"):
            view.compute(name, "label")
    view.show(table.drop(columns="frame", errors="ignore"))
    for make in (lambda: view.compute("frame", "label"), lambda: view.rename("area", " frame")):
        with pytest.raises(InputError, match="which object a row is of"):
            make()
    with pytest.raises(InputError, match="needs a name"):
        view.compute("  ", "label")
    with pytest.raises(InputError, match="no column"):
        view.compute("new", "volume")
    assert dict(view.formulas) == {}


# ------------------------------------------------------------------------------------------------ statistics
def test_statistics_agree_with_pandas():
    rng = np.random.default_rng(0)
    values = rng.normal(5, 3, 1001)
    values[::7] = NAN
    found = describe(Column("x", pd.Series(values)))
    expected = pd.Series(values).describe()
    assert (found.count, found.missing) == (expected["count"], 143)
    assert_allclose(
        [found.mean, found.std, found.minimum, found.lower, found.median, found.upper, found.maximum],
        expected.to_numpy()[1:],
    )
    some = np.flatnonzero(values > 5)
    assert_allclose(describe(Column("x", pd.Series(values)), some).mean, values[some].mean())


def test_statistics_of_odd_columns():
    text = describe(Column("x", pd.Series(["b", "a", None, "b"])))
    assert (text.count, text.missing, text.distinct, text.common) == (3, 1, 2, (("b", 2), ("a", 1)))
    one = describe(Column("x", pd.Series([3.0])))
    assert one.mean == one.median == 3
    assert math.isnan(one.std)
    none = describe(Column("x", pd.Series([NAN, NAN])))
    assert (none.count, none.missing) == (0, 2)
    assert math.isnan(none.mean)
    infinite = describe(Column("x", pd.Series([1.0, 3.0, np.inf])))
    assert (infinite.mean, infinite.maximum, infinite.median, infinite.upper) == (2, np.inf, 3, np.inf)
    assert describe(Column("x", pd.Series([True, False, True, True]))).mean == 0.75


def test_groups_agree_with_pandas(table):
    table = table.assign(area=[1.0, 2, 3, NAN, 5, 6, 7])
    groups = summarise(table, ["frame", "touches border"], ["area", "label"], SUMMARIES)
    expected = table.groupby(["frame", "touches border"])[["area", "label"]].agg(list(SUMMARIES))
    assert groups.table["count"].tolist() == [2, 1, 2, 2]
    for column in ("area", "label"):
        for summary in SUMMARIES:
            assert_allclose(groups.table[f"{column} {summary}"], expected[column, summary])
    assert groups.group_of_row.tolist() == [1, 0, 0, 3, 2, 2, 3]


def test_missing_values_make_a_group_and_rows_left_out_are_in_none(table):
    groups = summarise(table, ["class"], ["label"], rows=np.array([6, 2, 1]))
    assert groups.table["count"].tolist() == [2, 1]
    assert groups.table["class"].isna().tolist() == [False, True]
    assert groups.group_of_row.tolist() == [-1, 0, 1, -1, -1, -1, 0]
    with pytest.raises(InputError, match="at least one column"):
        summarise(table, [])
    with pytest.raises(InputError, match="‘class’ holds text"):
        summarise(table, ["frame"], ["class"])
    with pytest.raises(InputError, match="no column ‘volume’"):
        summarise(table, ["frame"], ["volume"])
    with pytest.raises(InputError, match="no summary"):
        summarise(table, ["frame"], ["area"], ["mode"])


def test_long_summaries_can_be_cancelled(table):
    def stop(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        summarise(table, ["frame"], ["area"], progress=stop)
    with pytest.raises(Cancelled):
        correlate(list(columns_of_table(table[["frame", "label"]]).values()), progress=stop)


# ------------------------------------------------------------------------------------------------ histograms
def test_histograms_count_every_value_once():
    rng = np.random.default_rng(1)
    values = rng.normal(size=5000)
    values[:100] = NAN
    binned = bin_column(Column("x", pd.Series(values)))
    kept, selected = values > 0, values > 1
    counts = count(binned, states(kept, selected))
    assert counts.all.sum() == 4900
    assert counts.shown.sum() == kept.sum()
    assert counts.selected.sum() == selected.sum()
    expected, _ = np.histogram(np.clip(values[100:], binned.edges[0], binned.edges[-1]), binned.edges)
    assert np.abs(counts.all - expected).max() <= 1, "only values at the very edge may change bins"


def test_few_whole_numbers_get_a_bin_each_and_outliers_do_not_squeeze_the_rest():
    binned = bin_column(Column("x", pd.Series([3, 4, 4, 7])))
    assert count(binned, np.zeros(4, np.uint8)).all.tolist() == [1, 2, 0, 0, 1]
    assert describe_bin(binned, 1) == "4"
    wide = np.random.default_rng(0).normal(size=10_000)
    wide[0] = 1e9
    binned = bin_column(Column("x", pd.Series(wide)))
    counts = count(binned, np.zeros(10_000, np.uint8)).all
    assert binned.edges[-1] < 10
    assert counts[-1] >= 1
    assert (counts > 0).sum() > 30
    same = bin_column(Column("x", pd.Series([2.5, 2.5])))
    assert count(same, np.zeros(2, np.uint8)).all.tolist() == [2]
    for nothing in ([NAN, NAN], []):
        assert bin_column(Column("x", pd.Series(nothing, dtype=float))).n_bins == 0


@pytest.mark.parametrize("kind", ["float", "int", "bool", "text"])
def test_a_range_of_bins_becomes_the_filter_that_keeps_them(kind):
    rng = np.random.default_rng(2)
    values = {
        "float": rng.exponential(size=400), "int": rng.integers(0, 12, 400), "bool": rng.random(400) < 0.3,
        "text": rng.choice(["a", "b", "c"], 400, p=[0.6, 0.3, 0.1]),
    }[kind]  # fmt: skip
    column = Column("x", pd.Series(values))
    binned = bin_column(column)
    n = binned.n_bins
    assert filter_of_bins(column, binned, 0, n - 1) is None
    for first, last in ((0, 0), (n - 1, n // 2), (n // 2, n - 1), (1, 1)):
        limit = filter_of_bins(column, binned, first, last)
        wanted = (binned.codes >= min(first, last)) & (binned.codes <= max(first, last))
        assert_array_equal(limit.keeps(column), wanted)
        assert_array_equal(
            np.flatnonzero(bins_of_filter(binned, limit)), np.arange(min(first, last), max(first, last) + 1)
        )


# ------------------------------------------------------------------------------------------------ correlation
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("missing", [False, True])
def test_correlations_agree_with_pandas(method, missing):
    rng = np.random.default_rng(3)
    base = rng.normal(size=(300, 2))
    table = pd.DataFrame(
        {
            "a": base[:, 0] * 1e-3 + 1e3,
            "b": base[:, 1],
            "c": base[:, 0] + 0.1 * rng.normal(size=300),
            "d": np.rint(3 * base[:, 1]),
            "e": -base[:, 0],
        }
    )
    if missing:
        table.iloc[::5, 0] = NAN
        table.iloc[1::7, 3] = NAN
    found = correlate(list(columns_of_table(table).values()), method=method)
    expected = table.corr(method).loc[list(found.names), list(found.names)]
    assert_allclose(found.values, expected, atol=1e-9)
    assert found.n_rows == 300
    assert not found.sampled
    places = [found.names.index(name) for name in "ace"]
    assert max(places) - min(places) == 2, "columns that go together are neighbours"


def test_constant_and_empty_columns_have_no_coefficient():
    x = np.arange(10.0)
    table = pd.DataFrame({"flat": 0.1, "x": x, "none": NAN, "y": x**2, "infinite": np.where(x > 8, np.inf, x)})
    for method in METHODS:
        found = correlate(list(columns_of_table(table).values()), method=method)
        at = {name: i for i, name in enumerate(found.names)}
        assert np.isnan(found.values[at["flat"]]).all()
        assert np.isnan(found.values[at["none"]]).all()
        assert found.values[at["x"], at["infinite"]] == pytest.approx(1)
        assert found.representatives(0.5) == [found.names[i] for i in sorted([at[found.representatives(0.5)[0]]])]


def test_one_of_each_group_of_alike_columns_is_kept():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(2, 500))
    table = pd.DataFrame({"a": a, "a2": a + 0.01 * rng.normal(size=500), "b": b, "a3": -a, "b2": b**3})
    found = correlate(list(columns_of_table(table).values()))
    kept = found.representatives(0.7)
    assert len(kept) == 2
    assert {name[0] for name in kept} == {"a", "b"}
    assert len(found.representatives(1.0)) >= 4


def test_large_tables_are_sampled_for_ranks_and_give_nearly_the_same():
    rng = np.random.default_rng(5)
    x = rng.normal(size=30_000)
    table = pd.DataFrame({"x": x, "y": x + rng.normal(size=30_000), "z": rng.normal(size=30_000)})
    columns = list(columns_of_table(table).values())
    found = correlate(columns, method="kendall")
    assert found.sampled
    assert found.n_rows == 10_000
    at = {name: i for i, name in enumerate(found.names)}
    assert found.values[at["x"], at["y"]] == pytest.approx(0.5, abs=0.03)
    assert_allclose(correlate(columns, method="kendall", seed=0).values, found.values)
    with pytest.raises(InputError, match="at least two"):
        correlate(columns[:1])


# ------------------------------------------------------------------------------------------------ files
@pytest.mark.parametrize("suffix", tables.SUFFIXES)
@pytest.mark.filterwarnings("ignore")
def test_a_table_comes_back_from_its_file(table, tmp_path, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    if suffix == ".h5ad":
        pytest.importorskip("anndata")
    path = tmp_path / f"cells{suffix}"
    tables.save_table(path, table.sample(frac=1, random_state=0))
    back = tables.load_table(path)
    expected = table.sample(frac=1, random_state=0).drop(columns="index").reset_index(drop=True)
    pd.testing.assert_frame_equal(back, expected, check_dtype=False)
    assert back["touches border"].dtype == bool
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.filterwarnings("ignore")
def test_anndata_has_keys_in_obs_numbers_in_x_and_centroids(table):
    anndata = pytest.importorskip("anndata")
    data = tables.to_anndata(table.assign(**{"centroid-0": 1.0, "centroid-1": 2.0}))
    assert isinstance(data, anndata.AnnData)
    assert list(data.var_names) == ["area", "UMAP-0", "centroid-0", "centroid-1"]
    assert data.obs_names[2] == "0-4294967295"
    assert_array_equal(data.obsm["spatial"][0], [2.0, 1.0])
    assert data.obs["class"].dtype == "category"
    data.obsm["X_umap"] = np.ones((7, 2))
    assert {"umap-0", "umap-1"} <= set(tables.from_anndata(data).columns)


@pytest.mark.parametrize(
    "text",
    [
        "label;area\n3;1,5\n5;2,25\n",
        "\ufefflabel,area\n3,1.5\n5,2.25\n",
        " ,label,area\n1,3,1.5\n2,5,2.25\n",
        "label\tarea\r\n3\t1.5\r\n5\t2.25\r\n",
    ],
)
def test_tables_of_other_programs_are_read(text, tmp_path):
    path = tmp_path / "elsewhere.csv"
    path.write_bytes(text.encode())
    back = tables.load_table(path)
    assert back.columns.tolist() == ["label", "area"]
    assert back.to_numpy().tolist() == [[3, 1.5], [5, 2.25]]
    path.write_bytes(text.lstrip("\ufeff").encode("utf-16"))
    pd.testing.assert_frame_equal(tables.load_table(path), back)


def test_files_that_are_no_tables_say_so(tmp_path):
    with pytest.raises(InputError, match="no file"):
        tables.load_table(tmp_path / "none.csv")
    with pytest.raises(InputError, match="kind of table"):
        tables.load_table(tmp_path / "picture.png")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match="is empty"):
        tables.load_table(tmp_path / "empty.csv")
    (tmp_path / "broken.csv").write_text("a,b\n1,2,3\n4\n1,2,3,4,5\n")
    with pytest.raises(InputError, match="Cannot read"):
        tables.load_table(tmp_path / "broken.csv")


@pytest.mark.parametrize(
    ("suffix", "module", "extra"), [(".parquet", "pyarrow", "parquet"), (".h5ad", "anndata", "anndata")]
)
def test_missing_packages_are_named_with_the_way_to_get_them(table, tmp_path, monkeypatch, suffix, module, extra):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(InputError, match=rf"pip install \"napari-bioloom\[{extra}\]\""):
        tables.save_table(tmp_path / f"t{suffix}", table)
    (tmp_path / f"t{suffix}").write_bytes(b"x")
    with pytest.raises(InputError, match=rf"napari-bioloom\[{extra}\]"):
        tables.load_table(tmp_path / f"t{suffix}")


# ------------------------------------------------------------------------------------------------ joining
def test_rows_are_joined_by_label_and_frame_and_what_has_no_partner_is_reported(table):
    other = pd.DataFrame(
        {
            "Frame": [1, 1, 0, 4, 0],
            "ObjectNumber": [8, 3, 2**32 - 1, 3, 77],
            "area": [1.0, 2, 3, 4, 5],
            "gene": list("vwxyz"),
        }
    )
    joined = tables.join_table(table, other)
    assert joined.columns == ("area_2", "gene")
    assert joined.matched == 3
    assert joined.table["gene"].astype(object).where(joined.table["gene"].notna(), None).tolist() == [
        None, None, "x", "w", None, "v", None,
    ]  # fmt: skip
    assert_array_equal(joined.table["area_2"], [NAN, NAN, 3, 2, NAN, 1, NAN])
    assert_array_equal(joined.table["area"], table["area"])
    assert joined.missing.to_numpy().tolist() == [[0, 5], [0, 3], [1, 5], [1, 9]]
    assert joined.extra.to_numpy().tolist() == [[4, 3], [0, 77]]
    assert "4 of the table are not in the file (frame 0, label 5, " in joined.report()
    assert "2 of the file are not in the table (frame 4, label 3, frame 0, label 77)" in joined.report()
    assert joined.report().startswith("3 objects matched, 2 columns added.")


def test_columns_and_keys_can_be_chosen(table):
    flat = table[table["frame"] == 0].drop(columns="frame")
    other = pd.DataFrame({"cell": [5.0, 3.0], "x": [1, 2], "y": [3, 4]})
    joined = tables.join_table(flat, other, {"label": "cell"}, ["y"])
    assert joined.columns == ("y",)
    assert_array_equal(joined.table["y"], [3, 4, NAN])
    assert tables.key_columns(pd.DataFrame({"Label": [1], "t": [0.5]})) == {"label": "Label"}
    whole = tables.join_table(
        flat, other.assign(cell=[3, 5]).iloc[[0, 1, 1]].assign(cell=[5, 3, 2**32 - 1]), {"label": "cell"}
    )
    assert whole.table["x"].tolist() == [1, 2, 2]
    assert whole.table["x"].dtype.kind == "i", "whole numbers stay whole where nothing is missing"


@pytest.mark.parametrize(
    ("other", "keys", "message"),
    [
        ({"name": ["a"]}, None, "says which object.*The file has: name"),
        ({"label": [3]}, None, "no column ‘frame’"),
        ({"label": [3, 3], "frame": [0, 0]}, None, "frame 0, label 3 twice"),
        ({"label": [3.5], "frame": [0]}, {"label": "label", "frame": "frame"}, "no whole numbers in ‘label’"),
        ({"label": [3], "frame": [0]}, {"label": "cell", "frame": "frame"}, "no column ‘cell’"),
    ],
)
def test_joins_that_cannot_be_made_say_why(table, other, keys, message):
    with pytest.raises(InputError, match=message):
        tables.join_table(table, pd.DataFrame(other), keys)


def test_measurements_explain_themselves():
    assert "Area of the object" in meaning("area")
    assert meaning("centroid-1") == meaning("centroid-0") != ""
    assert meaning("intensity_mean-1") == meaning("intensity_mean") != ""
    assert meaning("my own column") == ""
    assert meaning("intensity_mean_DAPI").endswith("(intensity), in DAPI")
    assert "velocity" in meaning("acceleration")
    assert meaning("velocity-1") == meaning("velocity-0") != ""
    assert meaning("child_count_nuclei") == "How many objects of nuclei lie in it"
    assert meaning("parent_distance_cells").startswith("The distance")


def test_bins_of_whole_numbers_are_named_by_them():
    few = bin_column(Column("x", pd.Series(np.arange(200))))
    assert describe_bin(few, 0) == "0 – 4"
    assert describe_bin(few, few.n_bins - 1) == "195 – 199"
    assert describe_bin(bin_column(Column("x", pd.Series([0.0, 0.25]))), 0) == "0 – 0.00625"
    assert describe_bin(bin_column(Column("x", pd.Series(["b", "a", "b"]))), 0) == "b"


# ------------------------------------------------------------------------------------------------ other names
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("area > 2 and AREA < 3", "`size of it` > 2 and `size of it` < 3"),
        ("mean(area) / `area` - area_2", "mean(`size of it`) / `size of it` - area_2"),
        ('class == "area"', 'class == "area"'),
        ("area > unknown", "area > unknown"),
        ("", ""),
    ],
)
def test_expressions_follow_a_new_name(text, expected):
    assert renamed(text, "area", "size of it", ("area", "area_2", "class"), FUNCTIONS) == expected


def test_a_long_table_is_written_in_parts_and_can_be_cancelled(tmp_path):
    table = pd.DataFrame({"label": np.arange(45_000), "text": "a,b", "number": np.linspace(0, 1, 45_000)})
    told = []
    tables.save_table(tmp_path / "a.csv", table, lambda done, total: told.append((done, total)))
    assert told == [(0, 45_000), (20_000, 45_000), (40_000, 45_000)]
    pd.testing.assert_frame_equal(tables.load_table(tmp_path / "a.csv"), table, check_dtype=False)
    tables.save_table(tmp_path / "empty.tsv", table.iloc[:0])
    assert (tmp_path / "empty.tsv").read_text() == "label\ttext\tnumber\n"

    def stop(done, total):
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        tables.save_table(tmp_path / "b.csv", table, stop)
    assert not (tmp_path / "b.csv").exists()


def test_large_tables_are_written_as_small_ones_are(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=500) * 10.0 ** rng.integers(-12, 12, 500)
    table = pd.DataFrame(
        {"label": np.arange(500), "a,b": numbers, "float32": numbers.astype(np.float32), "flag": numbers > 0}
    )
    table.loc[::7, "a,b"] = np.nan
    table.loc[3, "a,b"] = -np.inf
    table["text"] = np.where(table["flag"], 'quoted "x", y', "line\nbreak")
    table.loc[::5, "text"] = None
    tables.save_table(tmp_path / "small.csv", table)
    monkeypatch.setattr("bioloom.files._tables._LARGE", 0)
    tables.save_table(tmp_path / "large.csv", table)
    small, large = (tables.load_table(tmp_path / f"{name}.csv") for name in ("small", "large"))
    pd.testing.assert_frame_equal(small, large, check_exact=True)
    assert_array_equal(large["a,b"], table["a,b"])
    assert (tmp_path / "large.csv").read_text().startswith((tmp_path / "small.csv").read_text().partition("\n")[0])
    # What is neither number nor text is written as pandas does.
    odd = table.assign(text=[(1, 2)] * 500)
    tables.save_table(tmp_path / "odd.csv", odd)
    assert tables.load_table(tmp_path / "odd.csv")["text"].iloc[0] == "(1, 2)"
