"""Gates: rows by their values, in one table and the next."""

import json

import numpy as np
import pandas as pd
import pytest

from bioloom.errors import InputError
from bioloom.explore import (
    CombinedGate,
    GateSet,
    PolygonGate,
    RangeGate,
    ValueGate,
    ellipse_vertices,
    points_in_polygon,
)
from bioloom.explore.axis_scales import Scale


def cells(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "area": rng.lognormal(5, 1, n),
            "signal": rng.normal(0, 50, n),
            "class": rng.integers(0, 4, n),
            "layer": np.where(rng.random(n) < 0.5, "left", "right"),
        }
    )


def gates():
    return GateSet(
        {
            "bright small": CombinedGate("and", ("bright", "not large")),
            "bright": RangeGate("signal", low=20),
            "large": RangeGate("area", 300, 1e6, unit="µm"),
            "not large": CombinedGate("not", ("large",)),
            "either": CombinedGate("or", ("bright", "chosen", "drawn")),
            "neither": CombinedGate("not", ("bright", "large")),
            "chosen": ValueGate("class", (1, 3)),
            "left": ValueGate("layer", ("left",)),
            "drawn": PolygonGate(
                "area", "signal", ((50, -30), (400, -10), (200, 60)), Scale("log"), Scale("symlog", 5), "mm"
            ),
        }
    )


def expected(table):
    bright, large = table["signal"] >= 20, (table["area"] >= 300) & (table["area"] <= 1e6)
    chosen = table["class"].isin([1, 3])
    place = np.sign(table["signal"]) * np.log10(1 + np.abs(table["signal"]) / 5)
    corners = np.array([[50, -30], [400, -10], [200, 60]], float)
    ys = np.sign(corners[:, 1]) * np.log10(1 + np.abs(corners[:, 1]) / 5)
    drawn = points_in_polygon(np.log10(table["area"]), place, np.stack([np.log10(corners[:, 0]), ys], axis=1))
    return {
        "bright small": bright & ~large,
        "bright": bright,
        "large": large,
        "not large": ~large,
        "either": bright | chosen | drawn,
        "neither": ~(bright | large),
        "chosen": chosen,
        "left": table["layer"] == "left",
        "drawn": drawn,
    }


@pytest.mark.parametrize("seed", [0, 1])
def test_gates_select_by_value_and_combine(seed):
    table = cells(seed=seed)
    made = gates()
    for name, rows in expected(table).items():
        np.testing.assert_array_equal(made.mask(name, table), rows, err_msg=name)
        assert 0 < rows.sum() < len(table)
    assert made.columns("either") == ["signal", "class", "area"]


def test_gates_from_a_file_select_the_same_in_another_table(tmp_path):
    made = gates()
    made.save(tmp_path / "gates.json")
    loaded = GateSet.load(tmp_path / "gates.json")
    assert loaded == made
    assert list(loaded) == list(made)
    assert [loaded.units(name) for name in ("large", "bright small", "chosen", "bright")] == [
        {"µm"},
        {"µm"},
        set(),
        set(),
    ]
    loaded.put("both", CombinedGate("or", ("bright small", "drawn")))
    assert loaded.units("both") == {"µm", "mm"}
    loaded.remove("both")
    other = cells(seed=7)
    for name in made:
        np.testing.assert_array_equal(loaded.mask(name, other), expected(other)[name])
    # Readable by others: no infinities, which JSON does not know.
    assert "Infinity" not in (tmp_path / "gates.json").read_text()


def test_missing_values_are_in_no_gate_and_so_in_the_opposite_of_each():
    table = cells(5)
    table.loc[2, ["area", "signal"]] = np.nan
    table.loc[3, "area"] = 0
    made = gates()
    assert not made.mask("bright", table)[2]
    assert not made.mask("drawn", table)[2:4].any()
    assert made.mask("not large", table)[2]


def test_an_ellipse_is_a_polygon_of_many_corners():
    table = pd.DataFrame({"x": [0.0, 1.9, 2.1, 0], "y": [0.0, 0, 0, 0.95]})
    made = GateSet({"round": PolygonGate("x", "y", ellipse_vertices((0, 0), (2, 1)))})
    assert made.mask("round", table).tolist() == [True, True, False, True]


def test_gates_are_renamed_replaced_and_removed_without_breaking_others():
    table, made = cells(), gates()
    before = made.mask("bright small", table)
    made.rename("bright", "positive")
    np.testing.assert_array_equal(made.mask("bright small", table), before)
    made.put("positive", RangeGate("signal", low=1e9))
    assert not made.mask("bright small", table).any()
    with pytest.raises(InputError, match="is part of bright small"):
        made.remove("positive")
    with pytest.raises(InputError, match="in a circle"):
        made.put("large", CombinedGate("not", ("not large",)))
    assert isinstance(made["large"], RangeGate)
    with pytest.raises(InputError, match="taken"):
        made.rename("large", "left")
    with pytest.raises(InputError, match="no gate 'gone'"):
        made.mask("gone", table)
    made.remove("bright small")
    assert "bright small" not in made
    assert len(made) == 8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RangeGate("a", 2, 1), "2 to 1"),
        (lambda: RangeGate("a", np.nan, 1), "nan"),
        (lambda: PolygonGate("a", "b", ((0, 0), (1, 1))), "at least 3 corners"),
        (lambda: PolygonGate("a", "b", ((0, 0), (1, 1), (2, np.inf))), "no place"),
        (lambda: PolygonGate("a", "b", ((0, 1), (1, 1), (2, 2)), Scale("log")), "above 0"),
        (lambda: CombinedGate("xor", ("a",)), "'xor'"),
        (lambda: CombinedGate("and", ()), "at least one"),
        (lambda: GateSet({"a": CombinedGate("and", ("b",))}), "which is not there"),
        (lambda: GateSet({"a": CombinedGate("and", ("a",))}), "in a circle"),
        (lambda: GateSet().put(" ", RangeGate("a")), "needs a name"),
        (lambda: gates().mask("bright", cells().drop(columns="signal")), "no column named 'signal'"),
        (lambda: gates().mask("bright", cells().assign(signal="x")), "not numbers"),
        (lambda: gates().mask("left", cells().drop(columns="layer")), "no single column 'layer'"),
    ],
)
def test_gates_that_cannot_be_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def broken(change):
    state = json.loads(gates().to_json())
    change(state)
    return json.dumps(state)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"kind": "bioloom gates"}',
        "[" * 100_000,
        broken(lambda s: s.update(kind="other")),
        broken(lambda s: s.update(version=2)),
        broken(lambda s: s["gates"].append(s["gates"][0])),
        broken(lambda s: s["gates"][0].update(type="exec")),
        broken(lambda s: s["gates"][0].update(gates=["bright small"])),
        broken(lambda s: s["gates"][0].update(gates=[["bright"]])),
        broken(lambda s: s["gates"][1].update(low="x")),
        broken(lambda s: s["gates"][1].update(column=3)),
        broken(lambda s: s["gates"][1].pop("high")),
        broken(lambda s: s["gates"][8].update(vertices=[[0, 1, 2]] * 3)),
        broken(lambda s: s["gates"][8].update(scales=[{"kind": "log", "knee": -1}] * 2)),
        broken(lambda s: s["gates"].extend({"name": f"g{k}", "type": "not", "gates": [f"g{k - 1}" if k else "left"]}
                                           for k in range(500))),
    ],
)  # fmt: skip
def test_damaged_files_are_refused_with_one_message(text, tmp_path):
    (tmp_path / "gates.json").write_text(text)
    with pytest.raises(InputError, match=r"gates\.json"):
        GateSet.load(tmp_path / "gates.json")


def test_files_that_cannot_be_read_or_written_are_named(tmp_path):
    with pytest.raises(InputError, match=r"saved as \.json"):
        gates().save(tmp_path / "gates.txt")
    with pytest.raises(InputError, match="cannot be read"):
        GateSet.load(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no text"):
        GateSet.load(tmp_path / "bytes.json")


def test_a_gate_on_a_million_rows_is_quick():
    import time

    table = cells(1_000_000)
    made = gates()
    made.mask("drawn", table.head())
    start = time.perf_counter()
    made.mask("either", table)
    assert time.perf_counter() - start < 5
