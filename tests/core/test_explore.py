"""The exploring room against the libraries and formulas it promises to agree with."""

import itertools
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

from bioloom import explore
from bioloom.errors import Cancelled, InputError
from bioloom.explore import (
    CLASS_COLOURS,
    class_colours,
    cluster,
    embed,
    feature_columns,
    nice_ticks,
    points_in_polygon,
    prepare,
    rasterise_points,
    save_scatter,
)

COLUMNS = ["area", "roundness", "intensity", "contrast"]


def blobs(sizes=(30, 50, 20), seed=0):
    """Three groups of objects of known membership, with gaps in two rows and a column that says nothing."""
    rng = np.random.default_rng(seed)
    member = np.repeat(np.arange(len(sizes)), sizes)
    centers = np.array([[100, 0.2, 10, 1], [400, 0.5, 40, 5], [900, 0.9, 5, 9]])
    values = centers[member] + rng.normal(size=(len(member), 4)) * [20, 0.03, 1, 0.4]
    table = pd.DataFrame(values, columns=COLUMNS)
    table.insert(0, "label", np.arange(len(table)) * 3 + 1)
    table["flat"] = 7.5
    return table, member


def with_gaps():
    table, member = blobs()
    table.loc[4, "area"] = np.nan
    table.loc[40, "intensity"] = np.inf
    return table, member


# columns and scaling


def test_default_columns_describe_objects():
    table, _ = blobs()
    n = len(table)
    left_out = [
        *("index", "frame", "track_id", "Parent_ID", "original_label", "ID", "x", "y", "z", "centroid-0", "centroid_y"),
        *("weighted_centroid-1", "local_centroid-0", "mass_center_x", "position_x", "bbox-3", "bbox_min_x", "min_row"),
        *("nearest_neighbor_label", "label_plus_one", "intensity_min_position-0", "sum_x", "sum_intensity_times_y"),
        *("moments-1-0", "moments_weighted-0-1_ch1", "t-SNE-0", "Isomap-1", "MDS-0", "HDBSCAN_CLUSTER"),
        *("class", "KMEANS_CLUSTER", "MANUAL_CLUSTER_ID", "prediction", "annotation", "UMAP-0", "PCA-1"),
        *("SHAP area 2", "KMEANS_CLUSTER_STABILITY"),
    ]
    kept = [
        *(
            "area_bbox",
            "bbox_area",
            "orientation",
            "classic_ratio",
            "extent",
            "solidity",
            "max_intensity",
            "border_index",
        ),
        *("moments_central-1-1", "moments_hu-0", "sum_intensity", "nearest_neighbor_distance", "labelled_share"),
        *("mean_distance_to_centroid", "mean_max_distance_to_centroid_ratio"),
    ]
    for number, name in enumerate([*left_out, *kept]):
        table[name] = np.arange(n) * (number + 1.0)
    table["name"] = "cell"
    table["touches_border"] = np.arange(n) % 2 == 0
    table["empty"] = np.nan
    table["counted"] = pd.array([None, *range(1, n)], dtype="Int64")
    assert feature_columns(table) == [*COLUMNS, *kept, "counted"]


@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_scaling_equals_scikit_learn(scaling):
    from sklearn.preprocessing import RobustScaler, StandardScaler

    table, _ = blobs()
    expected = {"standard": StandardScaler, "robust": RobustScaler}[scaling]().fit_transform(table[COLUMNS].to_numpy())
    np.testing.assert_allclose(prepare(table, COLUMNS, scaling).values, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("factor", [1e-308, 1e-160, 1e160, 1e300])
@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_huge_and_tiny_values_are_scaled_like_others(scaling, factor):
    table, _ = blobs()
    expected = prepare(table, COLUMNS, scaling).values
    np.testing.assert_allclose(prepare(table * factor, COLUMNS, scaling).values, expected, rtol=1e-6, atol=1e-6)
    if factor > 1:
        with pytest.raises(InputError, match="too large"):
            prepare(table * factor, COLUMNS, "none")


def test_incomplete_rows_and_constant_columns_are_left_out_and_reported():
    table, _ = with_gaps()
    prepared = prepare(table, [*COLUMNS, "flat"])
    assert prepared.incomplete_rows == 2
    assert np.flatnonzero(~prepared.kept).tolist() == [4, 40]
    assert prepared.columns == tuple(COLUMNS)
    assert prepared.dropped_constant == ("flat",)
    assert prepared.values.shape == (98, 4)
    back = prepared.values * prepared.scale + prepared.offset
    np.testing.assert_allclose(back, table.loc[prepared.kept, COLUMNS])


def test_a_mostly_zero_column_does_not_dominate_after_robust_scaling():
    table, _ = blobs()
    table["rare"] = np.where(np.arange(100) < 5, 1e6, 0)
    assert np.ptp(prepare(table, ["area", "rare"], "robust").values[:, 1]) < 10


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([], "No column was chosen"),
        (["size"], "no column named 'size'.*area"),
        (["name"], "'name' holds .*, not numbers"),
        (["ok"], "'ok' holds bool"),
        (["flat"], "same value in all 100"),
        (["area", "area"], "twice"),
        (["area", "gone"], "Only 1 of 100 rows.*'gone' is empty or infinite in 99 rows"),
        (["twin"], "2 columns named 'twin'"),
    ],
)
def test_columns_that_cannot_be_used_are_named(columns, message):
    table, _ = blobs()
    table["name"], table["ok"], table["gone"] = "cell", np.arange(100) > 3, np.nan
    table.loc[0, "gone"] = 1
    twins = pd.DataFrame(np.arange(200.0).reshape(100, 2), columns=["twin", "twin"])
    with pytest.raises(InputError, match=message):
        prepare(pd.concat([table, twins], axis=1), columns)


def test_unknown_scaling_and_foreign_tables_are_refused():
    table, _ = blobs()
    with pytest.raises(InputError, match="scaling"):
        prepare(table, COLUMNS, "minmax")
    with pytest.raises(InputError, match="pandas table"):
        feature_columns({"area": [1, 2]})
    with pytest.raises(InputError, match="There is only 1 row"):
        prepare(table.iloc[:1], COLUMNS)


# embeddings


def test_umap_equals_umap_learn_and_repeats_itself():
    table, member = with_gaps()
    result = embed(table, COLUMNS, "umap", n_neighbors=12, min_dist=0.3, seed=7)
    # Only now: its import warns about optional parts, which embed keeps quiet.
    import umap

    kept = result.prepared.kept
    direct = umap.UMAP(n_neighbors=12, min_dist=0.3, random_state=7, n_jobs=1).fit_transform(result.prepared.values)
    np.testing.assert_array_equal(result.coordinates[kept], direct)
    assert np.isnan(result.coordinates[[4, 40]]).all()
    assert result.column_names == ("UMAP-0", "UMAP-1")
    assert result.parameters["seed"] == 7
    assert result.parameters["n_neighbors"] == 12
    assert result.parameters["versions"]["umap-learn"] == umap.__version__
    again = embed(table, COLUMNS, "umap", n_neighbors=12, min_dist=0.3, seed=7)
    np.testing.assert_array_equal(again.coordinates, result.coordinates)
    assert not np.array_equal(embed(table, COLUMNS, "umap", seed=8).coordinates, result.coordinates)
    # Groups that are far apart stay apart: each point's nearest neighbour is of its own group.
    distance = np.linalg.norm(direct[:, None] - direct[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (member[kept][distance.argmin(axis=1)] == member[kept]).mean() == 1


@pytest.mark.parametrize(("n_rows", "used"), [(4, 3), (9, 8), (16, 15), (30, 15)])
def test_umap_lowers_neighbours_for_small_tables_and_says_so(n_rows, used):
    table, _ = blobs()
    result = embed(table.sample(n_rows, random_state=0), COLUMNS, "umap")
    assert np.isfinite(result.coordinates).all()
    assert result.parameters["n_neighbors"] == used
    assert result.parameters.get("n_neighbors_requested", used) == 15


def test_umap_reports_epochs_and_stops_on_request():
    table, _ = blobs()
    steps = []
    silent = embed(table, COLUMNS, "umap")
    reporting = embed(table, COLUMNS, "umap", progress=lambda *step: steps.append(step))
    np.testing.assert_array_equal(silent.coordinates, reporting.coordinates)
    assert steps[-1][0] == steps[-1][1] > 100

    def stop(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        embed(table, COLUMNS, "umap", progress=stop)


def test_pca_equals_scikit_learn_and_the_eigenvalues():
    from sklearn.decomposition import PCA

    table, _ = with_gaps()
    result = embed(table, COLUMNS, "pca", 3)
    values = result.prepared.values
    model = PCA(3, svd_solver="full").fit(values)
    np.testing.assert_allclose(result.coordinates[result.prepared.kept], model.transform(values), atol=1e-10)
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(values.T)))[::-1]
    np.testing.assert_allclose(result.explained_variance_ratio, eigenvalues[:3] / eigenvalues.sum(), rtol=1e-10)
    assert result.column_names == ("PCA-0", "PCA-1", "PCA-2")
    assert np.isnan(result.coordinates[[4, 40]]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "som"}, "method is 'som'"),
        ({"n_components": 0}, "n_components is 0"),
        ({"method": "pca", "n_components": 5}, "at most 4 dimensions"),
        ({"n_neighbors": 1}, "n_neighbors is 1"),
        ({"min_dist": 1.5}, "min_dist is 1.5"),
        ({"seed": -1}, "seed is -1"),
        ({"n_components": 99}, "need at least 101 complete rows, but there are 100"),
    ],
)
def test_embedding_refuses_what_cannot_be(options, message):
    with pytest.raises(InputError, match=message):
        embed(blobs()[0], COLUMNS, **options)


# clusters


def test_kmeans_equals_scikit_learn_up_to_numbering_and_numbers_by_size():
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    table, member = with_gaps()
    result = cluster(table, COLUMNS, n_clusters=3, seed=5)
    kept = result.prepared.kept
    direct = KMeans(3, n_init=10, random_state=5).fit(result.prepared.values)
    assert adjusted_rand_score(direct.labels_, result.labels[kept]) == 1
    assert result.labels.dtype == np.int32
    assert result.labels[[4, 40]].tolist() == [0, 0]
    assert result.sizes.tolist() == [49, 29, 20]
    assert (result.labels[kept] == np.array([2, 1, 3])[member[kept]]).all()
    means = [table.loc[result.labels == number, COLUMNS].mean() for number in (1, 2, 3)]
    np.testing.assert_allclose(result.centers, means, rtol=1e-9)
    assert result.column_name == "KMEANS_CLUSTER"


def test_cluster_numbers_do_not_depend_on_the_seed_or_the_order_of_rows():
    table, _ = blobs((25, 25, 25))
    first = cluster(table, COLUMNS, n_clusters=3, seed=0).labels
    np.testing.assert_array_equal(cluster(table, COLUMNS, n_clusters=3, seed=1).labels, first)
    shuffled = table.sample(frac=1, random_state=2)
    np.testing.assert_array_equal(cluster(shuffled, COLUMNS, n_clusters=3).labels, first[shuffled.index])


def test_more_clusters_than_different_rows_are_refused():
    table = pd.DataFrame({"area": [1.0, 1, 1, 2, 2, 2]})
    assert cluster(table, ["area"], n_clusters=2).labels.tolist() == [1, 1, 1, 2, 2, 2]
    with pytest.raises(InputError, match="only 2 different rows"):
        cluster(table, ["area"], n_clusters=3)
    with pytest.raises(InputError, match="must be 1 to 6"):
        cluster(table, ["area"], n_clusters=7)
    with pytest.raises(InputError, match="method"):
        cluster(table, ["area"], "dbscan")


# polygons


def star(n_vertices=200, seed=0):
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, n_vertices))
    radius = rng.uniform(0.3, 1, n_vertices)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def winding_numbers(x, y, polygon):
    """The slow definition: the sum of the angles under which each edge is seen."""
    edges = np.vstack([polygon, polygon[:1]])
    angles = np.arctan2(edges[:, 1] - y[:, None], edges[:, 0] - x[:, None])
    turns = np.diff(angles, axis=1)
    turns -= 2 * np.pi * np.round(turns / (2 * np.pi))
    return np.rint(turns.sum(axis=1) / (2 * np.pi)).astype(int)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("closed", [False, True])
def test_simple_polygons_equal_matplotlib(seed, closed):
    from matplotlib.path import Path

    polygon = star(seed=seed)[:: -1 if seed % 2 else 1]
    if closed:
        polygon = np.vstack([polygon, polygon[:1]])
    x, y = np.random.default_rng(seed + 100).uniform(-1.1, 1.1, size=(2, 20_000))
    np.testing.assert_array_equal(points_in_polygon(x, y, polygon), Path(polygon).contains_points(np.c_[x, y]))


@pytest.mark.parametrize("seed", range(4))
def test_self_crossing_lassos_follow_the_winding_number(seed):
    rng = np.random.default_rng(seed)
    polygon = rng.normal(size=(40, 2)).cumsum(axis=0)
    x, y = rng.uniform(polygon.min(), polygon.max(), size=(2, 5000))
    turns = winding_numbers(x, y, polygon)
    assert (turns[turns != 0] % 2 == 0).any(), "the lasso should go around some points twice"
    np.testing.assert_array_equal(points_in_polygon(x, y, polygon), turns != 0)


def test_the_middle_of_a_pentagram_is_inside():
    angle = np.arange(5) * 4 * np.pi / 5
    assert points_in_polygon([0.0], [0.0], np.c_[np.cos(angle), np.sin(angle)]).tolist() == [True]


def test_tiles_share_no_point_and_miss_none():
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(0, 4, 0.5), np.arange(0, 4, 0.5)))
    tiles = [[(c, r), (c + 1, r), (c + 1, r + 1), (c, r + 1)] for c in range(4) for r in range(4)]
    assert (sum(points_in_polygon(x, y, tile).astype(int) for tile in tiles) == 1).all()


def test_points_without_coordinates_and_lassos_without_area_select_nothing():
    square = [(0, 0), (1, 0), (1, 1), (0, 1)]
    x, y = [0.5, np.nan, 0.5, np.inf, 2], [0.5, 0.5, np.nan, 0.5, 0.5]
    assert points_in_polygon(x, y, square).tolist() == [True, False, False, False, False]
    for polygon in ([], [(0, 0)], [(0, 0), (1, 1)], [(0, 0), (1, 1), (2, 2)], [(0, 0), (1, 0), (2, 0)]):
        assert not points_in_polygon([0.5, 1.0], [0.5, 0.0], polygon).any()
    assert points_in_polygon([], [], square).shape == (0,)
    with pytest.raises(InputError, match="equally long"):
        points_in_polygon([1, 2], [1], square)
    with pytest.raises(InputError, match="vertex"):
        points_in_polygon([1], [1], [(0, 0), (1, 0), (np.nan, 1)])


def test_a_lasso_over_a_million_points_is_faster_than_matplotlib():
    from matplotlib.path import Path

    polygon = star() * 3
    x, y = np.random.default_rng(0).normal(size=(2, 1_000_000))
    points_in_polygon(x[:3], y[:3], polygon)
    ours, mask = timed(lambda: points_in_polygon(x, y, polygon), repeats=3)
    theirs, expected = timed(lambda: Path(polygon).contains_points(np.c_[x, y]))
    print(f"lasso, 1 M points, 200 vertices: {ours * 1e3:.0f} ms, matplotlib {theirs * 1e3:.0f} ms")
    np.testing.assert_array_equal(mask, expected)
    assert ours < theirs / 2


def timed(function, repeats=1):
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        best = min(best, time.perf_counter() - start)
    return best, result


# rasters

PALETTE = np.array([[150, 150, 150, 255], [255, 0, 0, 255], [0, 0, 255, 128], [9, 9, 9, 0]], dtype=np.uint8)


def drawn(x, y, classes, view=(0, 10, 0, 10), shape=(10, 10), radius=0.0, order=None, dtype=np.uint8):
    return rasterise_points(x, y, np.array(classes, dtype=dtype), PALETTE, view, shape, radius, order)


def test_pixels_show_colours_and_rows_with_y_upwards():
    rgba, ids = drawn([0.5, 9.5, 3.2], [0.5, 9.5, 7.7], [1, 2, 0])
    assert {(row, column): ids[row, column] for row, column in np.argwhere(ids >= 0)} == {
        (9, 0): 0,
        (0, 9): 1,
        (2, 3): 2,
    }
    assert rgba[9, 0].tolist() == [255, 0, 0, 255]
    assert rgba[0, 9].tolist() == [0, 0, 255, 128]
    assert rgba[2, 3].tolist() == [150, 150, 150, 255]
    assert not rgba[ids < 0].any()
    assert (rgba.dtype, ids.dtype) == (np.uint8, np.int32)


@pytest.mark.parametrize("dtype", [np.uint8, np.intp, np.int32])
def test_rasters_equal_a_slow_painter(dtype):
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-3, 13, 60), rng.uniform(-3, 13, 60)
    classes, order = rng.integers(0, 4, 60), rng.permutation(60)[:40]
    x[5] = y[6] = np.nan
    rgba, ids = drawn(x, y, classes, (0, 10, 1, 9), (40, 60), 3.0, order, dtype)
    rows, columns = np.mgrid[:40, :60]
    expected = np.full((40, 60), -1)
    for i in order:
        if classes[i] != 3 and np.isfinite(x[i] + y[i]):
            row, column = np.floor((9 - y[i]) * 5), np.floor(x[i] * 6)
            expected[(rows - row) ** 2 + (columns - column) ** 2 <= 3.25**2] = i
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(rgba, np.where(ids[..., None] >= 0, PALETTE[classes[ids]], 0))


def test_hidden_classes_do_not_cover_what_lies_below():
    _, ids = drawn([5.5, 5.5], [5.5, 5.5], [1, 3], radius=2)
    assert set(np.unique(ids)) == {-1, 0}


def test_points_far_outside_the_view_are_skipped():
    far = [1e300, -1e300, np.inf, -np.inf, 1e18]
    _, ids = drawn(far, far[::-1], [1] * 5, radius=5)
    assert (ids == -1).all()
    assert (drawn([], [], [])[1] == -1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": [4]}, "colour_index holds 4…4"),
        ({"classes": [1, 1]}, "equally long"),
        ({"order": np.array([1])}, "order holds 1…1"),
        ({"order": np.array([-1])}, "order holds"),
        ({"order": np.array([0.0])}, "integers"),
        ({"view": (1, 1, 0, 1)}, "view"),
        ({"view": (0, np.inf, 0, 1)}, "view"),
        ({"shape": (0, 5)}, "0 × 5"),
        ({"radius": -1}, "radius"),
        ({"radius": np.nan}, "radius"),
    ],
)
def test_rasters_refuse_what_would_read_foreign_memory(change, message):
    with pytest.raises(InputError, match=message):
        drawn(**({"x": [1], "y": [1], "classes": [1]} | change))


def test_a_million_discs():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 1_000_000))
    index = rng.integers(0, 11, 1_000_000).astype(np.uint8)
    arguments = (CLASS_COLOURS, (-4, 4, -4, 4), (700, 900), 2.0)
    rasterise_points(x[:3], y[:3], index[:3], *arguments)
    seconds, (_, ids) = timed(lambda: rasterise_points(x, y, index, *arguments), repeats=3)
    print(f"1 M discs of radius 2 on 700 × 900 pixels: {seconds * 1e3:.0f} ms")
    assert 0.5 < (ids >= 0).mean() < 0.7


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.1, 0.35, [0.1, 0.15, 0.2, 0.25, 0.3, 0.35]),
        (7.1, -3.3, [-2, 0, 2, 4, 6]),
        (1e6, 1e6 + 0.5, [1e6, 1e6 + 0.1, 1e6 + 0.2, 1e6 + 0.3, 1e6 + 0.4, 1e6 + 0.5]),
        (0, 240000, [0, 50000, 100000, 150000, 200000]),
        (5, 5, [5]),
        (0, 0, [0]),
    ],
)
def test_ticks_are_round_numbers(low, high, expected):
    assert nice_ticks(low, high).tolist() == expected


@pytest.mark.parametrize("n", [1, 3, 5, 10])
def test_about_as_many_ticks_as_asked_for(n):
    rng = np.random.default_rng(0)
    for low, span in zip(rng.normal(size=200) * 100, 10 ** rng.uniform(-6, 6, 200), strict=True):
        ticks = nice_ticks(low, low + span, n)
        assert n / 2 - 1 <= len(ticks) <= 2 * n + 1
        assert ((ticks >= low - span * 1e-6) & (ticks <= low + span * (1 + 1e-6))).all()


def test_ticks_of_endless_axes_are_refused():
    with pytest.raises(InputError, match="finite"):
        nice_ticks(0, np.nan)
    with pytest.raises(InputError, match="1 or more"):
        nice_ticks(0, 1, 0)


# colours


def test_class_colours_start_with_grey_and_stay_distinct():
    colours = class_colours(70)
    assert colours.shape == (71, 4)
    assert len({*colours[0, :3].tolist()}) == 1
    np.testing.assert_array_equal(colours[:11], CLASS_COLOURS)
    assert len(np.unique(colours, axis=0)) == 71
    assert (colours[:, 3] == 255).all()
    assert class_colours(0).shape == (1, 4)
    assert class_colours(300).shape == (301, 4)
    with pytest.raises(InputError):
        class_colours(-1)


# Machado, Oliveira & Fernandes: A physiologically-based model for simulation of color vision deficiency (2009)
DEFICIENCIES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
}


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_can_be_told_apart_by_the_colour_blind(deficiency):
    from skimage.color import deltaE_ciede2000, rgb2lab

    encoded = CLASS_COLOURS[:, :3] / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(DEFICIENCIES[deficiency]).T, 0, 1)
    seen = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(seen)
    difference = deltaE_ciede2000(lab[:, None], lab[None])
    np.fill_diagonal(difference, np.inf)
    pair = np.unravel_index(difference.argmin(), difference.shape)
    print(f"{deficiency}: smallest difference {difference.min():.1f} between {pair}")
    assert difference.min() > 10


# figures


def scatter(path, n=60, **options):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, n))
    labels = {"x_label": "area [µm²]", "y_label": "cost [$] at $2", "title": "Cells & <nuclei>"}
    save_scatter(path, x, y, np.arange(n) % 4, **(labels | options))


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml"), (".SVG", b"<?xml")]
)
def test_figures_are_written_in_each_format_and_repeat_themselves(tmp_path, suffix, start):
    one, other = tmp_path / f"one{suffix}", tmp_path / "new folder" / f"other{suffix}"
    scatter(one)
    scatter(other)
    assert one.read_bytes().startswith(start)
    if suffix in (".png", ".pdf"):
        assert one.read_bytes() == other.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [one.name]


def test_text_in_pdf_is_text(tmp_path):
    import matplotlib

    before = matplotlib.rcParams.copy()
    scatter(tmp_path / "figure.pdf")
    found = (tmp_path / "figure.pdf").read_bytes()
    assert b"/CIDFontType2" in found
    assert b"/Type3" not in found
    assert matplotlib.rcParams.copy() == before


def test_png_shows_every_class_in_its_colour(tmp_path):
    from skimage.io import imread

    scatter(tmp_path / "figure.png")
    image = imread(tmp_path / "figure.png")
    assert image.shape[:2] == (1050, 1350)
    for colour in CLASS_COLOURS[:4, :3]:
        assert (image[..., :3] == colour).all(axis=2).sum() > 500
    assert not (image[..., :3] == CLASS_COLOURS[5, :3]).all(axis=2).any()


def test_svg_has_a_group_per_class_and_large_ones_stay_small(tmp_path):
    scatter(tmp_path / "figure.svg", class_names={1: "round", 2: "_long"})
    groups = {element.get("id"): element for element in ElementTree.parse(tmp_path / "figure.svg").iter()}
    assert {"class-0", "class-1", "class-2", "class-3", "legend_1"} <= groups.keys()
    uses = [element for element in groups["class-1"].iter() if element.tag.endswith("}use")]
    assert len(uses) == 15
    scatter(tmp_path / "large.svg", n=100_000)
    assert (tmp_path / "large.svg").stat().st_size < 2_000_000


def test_figures_without_classes_have_no_legend_and_skip_missing_points(tmp_path):
    path = tmp_path / "figure.svg"
    save_scatter(path, [1, 2, np.nan, 4], [1, np.inf, 3, 4], x_label="x", y_label="y", title="")
    groups = {element.get("id"): element for element in ElementTree.parse(path).iter()}
    assert "legend_1" not in groups
    assert len([element for element in groups["class-0"].iter() if element.tag.endswith("}use")]) == 2


KINDS = ["points", "density", "histogram", "histogram 2D", "box", "violin"]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_draw_is_an_empty_figure(tmp_path, kind):
    save_scatter(tmp_path / "empty.svg", [], [], [], kind=kind)
    save_scatter(tmp_path / "log.svg", [-1.0, -2.0], [-1.0, -2.0], [1, 2], kind=kind, scales=("log", "log"))
    assert (tmp_path / "log.svg").stat().st_size > 1000


def test_noise_is_dark_grey_in_figures_too(tmp_path):
    from skimage.io import imread

    x = np.linspace(0, 1, 60)
    for kind in ("points", "histogram", "box"):
        save_scatter(tmp_path / "figure.png", x, x, np.arange(60) % 4 - 1, kind=kind)
        image = imread(tmp_path / "figure.png")[..., :3]
        assert (image == 70).all(axis=2).sum() > 500, kind
        assert not (image == CLASS_COLOURS[3, :3]).all(axis=2).any(), kind


@pytest.mark.parametrize("kind", KINDS)
def test_of_hundreds_of_classes_the_small_ones_are_one(tmp_path, kind):
    rng = np.random.default_rng(0)
    classes = np.concatenate([np.repeat(np.arange(1, 51), 8), np.arange(51, 151), [-1] * 9, [2**40]])
    x, y = rng.normal(size=(2, len(classes)))
    save_scatter(tmp_path / "figure.svg", x, y, classes, kind=kind)
    text = (tmp_path / "figure.svg").read_text()
    if kind not in ("density", "histogram 2D"):
        assert "<!-- 92 other classes -->" in text
        assert "<!-- noise -->" in text
        assert "<!-- class 50 -->" in text
        assert "<!-- class 150 -->" not in text


def test_a_missing_value_in_a_column_that_is_not_shown_does_not_count(tmp_path):
    x, nothing = np.arange(1.0, 41), np.full(40, np.nan)
    for kind, columns in (("histogram", (x, nothing)), ("box", (nothing, x))):
        save_scatter(tmp_path / "one.png", *columns, kind=kind)
        save_scatter(tmp_path / "all.png", x, x, kind=kind)
        assert (tmp_path / "one.png").read_bytes() == (tmp_path / "all.png").read_bytes()


def texts_outside(path, monkeypatch, draw):
    """Draw a figure; return the texts that leave it or lie on each other, and the size of its axes in inches."""
    from matplotlib.figure import Figure

    drawn = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *a, **k: (save(figure, *a, **k), drawn.append(figure))[0])
    draw(path)
    figure = drawn[-1]
    whole, axes = figure.bbox, figure.axes[0]
    ticks = [t for axis in (axes.xaxis, axes.yaxis) for t in axis.get_majorticklabels() if t.get_rotation() == 0]
    boxes = [t.get_window_extent() for t in ticks if t.get_text()]
    wrong = [(a, b) for a, b in itertools.pairwise(boxes) if a.overlaps(b)]
    labels = [axis.label for part in figure.axes for axis in (part.xaxis, part.yaxis)]
    for text in (*labels, *figure.texts, *figure.legends):
        box = text.get_window_extent()
        if box.width > 1 and (box.x0 < -2 or box.y0 < -2 or box.x1 > whole.x1 + 2 or box.y1 > whole.y1 + 2):
            wrong.append(text)
    size = axes.get_window_extent()
    return wrong, (size.width / figure.dpi, size.height / figure.dpi)


@pytest.mark.parametrize("kind", KINDS)
def test_long_names_and_many_classes_have_room_in_figures(tmp_path, monkeypatch, kind):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 200))
    long = "nearest_neighbour_distance_of_touching_objects_in_channel_2_median"
    options = {"x_label": long, "y_label": long, "title": long, "kind": kind}
    names = {c: f"a rather long name of the class number {c}" for c in range(5)}
    for classes, class_names in ((np.arange(200) % 4 + 1, names), (np.arange(200) % 30 + 1, None)):
        wrong, size = texts_outside(
            tmp_path / "figure.png",
            monkeypatch,
            lambda path, c=classes, n=class_names: save_scatter(path, x, y, c, class_names=n, **options),
        )
        assert not wrong
        assert size[0] > 2
        assert size[1] > 1.4
    if kind == "points":
        wrong, _ = texts_outside(
            tmp_path / "figure.png",
            monkeypatch,
            lambda path: save_scatter(path, x, y, values=x, values_label=long, **options),
        )
        assert not wrong


def test_figures_touch_no_global_state_of_matplotlib(tmp_path):
    code = (
        "import sys, matplotlib; before = matplotlib.rcParams.copy()\n"
        "from bioloom.explore import save_scatter; save_scatter(sys.argv[1], [1, 2], [3, 4], [1, 2])\n"
        "assert 'matplotlib.pyplot' not in sys.modules and matplotlib.rcParams.copy() == before"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "figure.pdf"], check=True)
    assert (tmp_path / "figure.pdf").is_file()


def test_figures_refuse_what_they_cannot_write(tmp_path):
    for path, arguments, message in [
        ("figure.jpg", ([1], [1], [1]), "figure.jpg"),
        ("figure.png", ([1], [1, 2], [1]), "equally long"),
        ("figure.png", ([1], [1], [-2]), "integers ≥ -1"),
        ("figure.png", ([1], [1], [0.5]), "integers ≥ -1"),
    ]:
        with pytest.raises(InputError, match=message):
            save_scatter(tmp_path / path, *arguments)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Cannot write"):
        save_scatter(tmp_path / "file" / "figure.png", [1], [1])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# the room


def test_importing_the_room_is_light():
    code = "import bioloom.explore, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"umap", "sklearn", "numba", "scipy", "pandas", "matplotlib", "skimage", "napari", "qtpy"}
    assert heavy.isdisjoint(answer.stdout.split())


def test_functions_are_not_hidden_by_modules_of_the_same_name():
    import bioloom.explore.cluster
    import bioloom.explore.embed  # noqa: F401

    assert callable(explore.embed)
    assert callable(explore.cluster)
    assert set(explore.__all__) <= set(dir(explore))
