"""Axes: positions, values, ticks and their texts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioloom.errors import InputError
from bioloom.explore.axis_scales import Scale, scale_for, tick_texts


@given(st.lists(st.floats(-1e12, 1e12), min_size=1), st.floats(1e-6, 1e6))
def test_symlog_positions_lead_back_to_their_values(values, knee):
    scale = Scale("symlog", knee)
    positions = scale.forward(values)
    np.testing.assert_allclose(scale.inverse(positions), values, rtol=1e-6, atol=knee * 1e-6)
    assert (np.sign(positions) == np.sign(np.where(np.abs(values) < knee * 1e-15, positions, values))).all()


def test_symlog_is_even_near_zero_and_logarithmic_far_away():
    scale = Scale("symlog", 1.0)
    near = scale.forward([0, 0.001, 0.002])
    np.testing.assert_allclose(np.diff(near), near[1], rtol=1e-2)
    far = scale.forward([1e3, 1e4, 1e5])
    np.testing.assert_allclose(np.diff(far), 1, rtol=1e-3)
    np.testing.assert_allclose(scale.forward([-7.0]), -scale.forward([7.0]))


def test_a_logarithmic_axis_has_no_place_for_zero_and_below():
    positions = Scale("log").forward([0, -1, 1, 1000, np.nan])
    assert np.isnan(positions[[0, 1, 4]]).all()
    np.testing.assert_allclose(positions[[2, 3]], [0, 3])
    np.testing.assert_allclose(Scale("log").inverse([0, 3]), [1, 1000])


def test_positions_far_away_do_not_overflow():
    for kind in ("log", "symlog"):
        assert np.isfinite(Scale(kind).inverse([-1e9, 1e9])).all()


@pytest.mark.parametrize(
    ("kind", "low", "high", "texts"),
    [
        ("linear", 0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ("linear", -3, 3, ["-3", "-2", "-1", "0", "1", "2", "3"]),
        ("linear", 0, 240_000, ["0", "0.5·10⁵", "1.0·10⁵", "1.5·10⁵", "2.0·10⁵"]),
        ("linear", 1e6, 1e6 + 0.2, ["1000000.00", "1000000.05", "1000000.10", "1000000.15", "1000000.20"]),
        ("linear", 0, 0.0005, ["0", "10⁻⁴", "2·10⁻⁴", "3·10⁻⁴", "4·10⁻⁴", "5·10⁻⁴"]),
        ("log", 0, 4, ["1", "10", "100", "1000", "10000"]),
        ("log", -6, 9, ["10⁻⁶", "0.001", "1", "1000", "10⁶", "10⁹"]),
        ("log", 0, 2, ["1", "2", "5", "10", "20", "50", "100"]),
        ("log", 2, 2.3, ["100", "120", "140", "160", "180"]),
    ],
)
def test_ticks_are_round_and_told_apart(kind, low, high, texts):
    ticks = Scale(kind).ticks(low, high)
    assert [t for _, t in ticks] == texts


@given(
    st.sampled_from(["linear", "log", "symlog"]),
    st.floats(-250, 250),
    st.floats(1e-6, 200),
    st.integers(2, 10),
)
def test_ticks_lie_on_the_axis_and_their_texts_differ(kind, low, span, n):
    ticks = Scale(kind, 0.5).ticks(low, low + span, n)
    positions, texts = [p for p, _ in ticks], [t for _, t in ticks]
    assert all(low - 1e-6 <= p <= low + span + 1e-6 for p in positions)
    assert positions == sorted(positions)
    assert len(set(texts)) == len(texts)
    assert len(ticks) <= 4 * n + 2


def test_symlog_ticks_are_symmetric_and_contain_zero():
    texts = [t for _, t in Scale("symlog", 1.0).ticks(-4, 4, 6)]
    assert "0" in texts
    assert [t.lstrip("-") for t in texts] == [t.lstrip("-") for t in texts[::-1]]


@pytest.mark.parametrize(("knee", "most"), [(0.13, 4.5), (1, 9), (30, 300), (1, 3.5)])
def test_a_symlog_axis_of_few_decades_can_be_read(knee, most):
    scale = Scale("symlog", knee)
    low, high = scale.forward([-most, most])
    ticks = scale.ticks(low, high, 6)
    assert 5 <= len(ticks) <= 9
    assert np.diff([p for p, _ in ticks]).min() > (high - low) / 10, "texts do not run into each other"
    assert [t.lstrip("-") for _, t in ticks] == [t.lstrip("-") for _, t in ticks[::-1]]


def test_the_knee_follows_the_values():
    values = np.array([0, 0, -5, 20, 300, 1e5])
    knee = scale_for("symlog", values).knee
    assert 5 <= knee <= 20
    assert scale_for("symlog", np.zeros(3)).knee == 1
    assert scale_for("symlog", np.array([np.nan, np.inf])).knee == 1


def test_texts_of_nothing():
    assert tick_texts(np.zeros(0)) == []
    assert tick_texts(np.zeros(1)) == ["0"]
    assert tick_texts(np.array([7.0])) == ["7"]


@pytest.mark.parametrize("arguments", [("quadratic",), ("symlog", 0.0), ("symlog", np.nan)])
def test_unknown_axes_are_refused(arguments):
    with pytest.raises(InputError):
        Scale(*arguments)
