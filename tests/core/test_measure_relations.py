"""Neighbours, radial distribution, colocalisation, objects in objects, points and summaries: equal to plain references.

The references are written with scikit-image, SciPy and loops over objects, or are the answers that shapes must give.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage, spatial, stats
from skimage import filters, graph
from skimage import measure as skm

from bioloom.errors import Cancelled, InputError
from bioloom.measure import (
    list_neighbors,
    list_properties,
    measure,
    measure_colocalisation,
    measure_images,
    measure_points,
    relate,
    summarise,
)

Spacing = tuple[float, ...] | None


def blobs(shape: tuple[int, ...], n: int, seed: int, radius: float = 8) -> np.ndarray:
    """Touching ellipsoids with gaps in their numbers, some cut by the border or fallen into pieces."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    labels = np.zeros(shape, np.int32)
    for i in range(n):
        centre, radii = rng.uniform(0, shape), rng.uniform(1, radius, len(shape))
        labels[np.linalg.norm((grid - centre) / radii, axis=-1) < 1] = 3 * i + 2
    labels[rng.random(shape) < 0.02] = 0
    return labels


def channels_for(labels: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shared = rng.gamma(2.0, 100.0, labels.shape)
    return {"red": shared + rng.gamma(2.0, 50.0, labels.shape), "green": shared + rng.gamma(2.0, 80.0, labels.shape)}


def ids_of(labels: np.ndarray) -> np.ndarray:
    found = np.unique(labels)
    return found[found > 0]


def sizes_of(labels: np.ndarray, spacing: Spacing) -> np.ndarray:
    return np.ones(labels.ndim) if spacing is None else np.array(spacing)


# ------------------------------------------------------------------------------------------------ neighbours
def contacts_of(labels: np.ndarray, sizes: np.ndarray) -> tuple[dict[tuple[int, int], float], dict[int, float]]:
    """Size of the contact of each pair, and of the border of each object, face by face."""
    pairs: dict[tuple[int, int], float] = {}
    border: dict[int, float] = {}
    for axis in range(labels.ndim):
        lines = np.moveaxis(labels, axis, 0)
        face = np.prod(np.delete(sizes, axis))
        for a, b in zip(lines[:-1].ravel().tolist(), lines[1:].ravel().tolist(), strict=True):
            if a == b:
                continue
            for k, other in ((a, b), (b, a)):
                if k:
                    border[k] = border.get(k, 0) + face
                    if other:
                        pairs[k, other] = pairs.get((k, other), 0) + face
    return pairs, border


CASES = [
    (blobs((70, 80), 40, 0), None),
    (blobs((70, 80), 40, 1), (2.0, 0.5)),
    (blobs((20, 30, 35), 25, 2), None),
    (blobs((20, 30, 35), 25, 3), (3.0, 0.4, 0.7)),
]


@pytest.mark.parametrize(("labels", "spacing"), CASES)
def test_contacts_are_those_of_the_faces(labels: np.ndarray, spacing: Spacing) -> None:
    sizes = sizes_of(labels, spacing)
    pairs, border = contacts_of(labels, sizes)
    name = "contact_length" if labels.ndim == 2 else "contact_area"
    columns = (name, "touching_portion", "touching_portion_max", "touching_neighbor_count", "centroid")
    distances = ("touching_distance_min", "touching_distance_mean", "touching_distance_max")
    table = measure(labels, spacing=spacing, properties=(*columns, *distances)).set_index("label")
    assert (table["touching_neighbor_count"] > 0).sum() > 5
    centroids = table.filter(regex="centroid")
    for k, row in table.iterrows():
        own = {b: size for (a, b), size in pairs.items() if a == k}
        assert row[name] == pytest.approx(sum(own.values()))
        assert row["touching_portion"] == pytest.approx(sum(own.values()) / border[k])
        assert row["touching_portion_max"] == pytest.approx(max(own.values(), default=0) / border[k])
        assert row["touching_neighbor_count"] == len(own)
        away = [np.linalg.norm(centroids.loc[b] - centroids.loc[k]) for b in own]
        expected = (min(away), np.mean(away), max(away)) if away else (np.nan,) * 3
        np.testing.assert_allclose(row[list(distances)].to_numpy(float), expected)


def gap(a: np.ndarray, b: np.ndarray, sizes: np.ndarray) -> float:
    """Smallest distance between pixels, taken as boxes, at two lists of positions."""
    steps = np.maximum(np.abs(a[:, None] - b[None]) - 1, 0) * sizes
    return float(np.sqrt((steps**2).sum(axis=-1)).min())


@pytest.mark.parametrize(("labels", "spacing"), [
    (blobs((70, 80), 12, 0, 6), None), (blobs((70, 80), 12, 1, 6), (2.0, 0.5)), (blobs((20, 30, 35), 9, 2, 5), None),
    (blobs((20, 30, 35), 9, 3, 5), (3.0, 0.4, 0.7)), (blobs((1, 40, 35), 9, 3, 5), (3.0, 0.4, 0.7)),
])  # fmt: skip
def test_gaps_between_surfaces_are_those_of_all_pixels(labels: np.ndarray, spacing: Spacing) -> None:
    sizes, ids = sizes_of(labels, spacing), ids_of(labels)
    pixels = {k: np.argwhere(labels == k) for k in ids}
    apart = pd.DataFrame(np.nan, ids, ids)
    for a, b in combinations(ids, 2):
        apart.loc[a, b] = apart.loc[b, a] = gap(pixels[a], pixels[b], sizes)
    within = 3 * sizes.min()
    names = ("nearest_surface_distance", "nearest_surface_label", f"surface_neighbor_count_within={within}")
    table = measure(labels, spacing=spacing, properties=names).set_index("label")
    assert (apart.min() > 0).any()
    assert (apart.min() == 0).any()
    np.testing.assert_allclose(table["nearest_surface_distance"], apart.min(), rtol=1e-12)
    for k, row in table.iterrows():
        # scipy and numpy order equal distances by label
        assert apart.loc[k, int(row["nearest_surface_label"])] == pytest.approx(apart.loc[k].min())
        assert row.iloc[2] == (apart.loc[k] <= within * (1 + 1e-9)).sum()


def test_boxes_are_apart_as_far_as_they_were_put() -> None:
    labels = np.zeros((20, 40), int)
    labels[3:8, 2:10] = 4
    labels[3:8, 13:20] = 9  # three pixels of background along x
    labels[12:15, 23:30] = 5  # four and three, along both
    table = measure(labels, spacing=(2.0, 0.5), properties="neighbours").set_index("label")
    assert table["nearest_surface_distance"].tolist() == pytest.approx([1.5, np.hypot(8, 1.5), 1.5])
    assert table["nearest_surface_label"].tolist() == [9, 9, 4]
    assert table.loc[4, "nearest_neighbor_distance"] == pytest.approx(0.5 * 10.5)
    assert table["nearest_neighbor_label"].tolist() == [9, 9, 4]
    assert table["contact_length"].tolist() == [0, 0, 0]
    assert table["touching_distance_mean"].isna().all()
    counts = measure(labels, spacing=(2.0, 0.5), properties=[f"surface_neighbor_count_within={r}" for r in (1.49, 1.5)])
    assert counts.iloc[:, 1].tolist() == [0, 0, 0]
    assert counts.iloc[:, 2].tolist() == [1, 0, 1]


@pytest.mark.parametrize(("labels", "spacing"), CASES)
def test_nearest_centroids_are_those_of_all_distances(labels: np.ndarray, spacing: Spacing) -> None:
    numbered = ("nearest_neighbors_distance_max=3", "nearest_neighbors_distance_std=3", "neighbor_count_within=9.5")
    table = measure(labels, spacing=spacing, properties=("centroid", "neighbours", *numbered))
    points = table.filter(regex="centroid").to_numpy()
    away = spatial.distance.cdist(points, points)
    np.fill_diagonal(away, np.inf)
    ascending = np.sort(away, axis=1)
    np.testing.assert_allclose(table["nearest_neighbor_distance"], ascending[:, 0])
    np.testing.assert_allclose(table["second_nearest_neighbor_distance"], ascending[:, 1])
    np.testing.assert_allclose(table["nearest_neighbors_distance_mean"], ascending[:, :6].mean(axis=1))
    np.testing.assert_allclose(table["nearest_neighbors_distance_max=3"], ascending[:, 2])
    np.testing.assert_allclose(table["nearest_neighbors_distance_std=3"], ascending[:, :3].std(axis=1))
    assert table["neighbor_count_within=9.5"].tolist() == (away <= 9.5).sum(axis=1).tolist()
    assert table["nearest_neighbor_label"].tolist() == table["label"].to_numpy()[away.argmin(axis=1)].tolist()
    ball = np.pi * ascending[:, 5] ** 2 if labels.ndim == 2 else 4 / 3 * np.pi * ascending[:, 5] ** 3
    np.testing.assert_allclose(table["local_density"], 5 / ball)
    first, second = (points[np.argsort(away, axis=1)[:, i]] - points for i in range(2))
    cosine = (first * second).sum(axis=1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    np.testing.assert_allclose(table["nearest_neighbors_angle"], np.arccos(np.clip(cosine, -1, 1)), atol=1e-6)


def test_points_scattered_at_random_have_their_density() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((1000, 1000), int)
    at = rng.choice(labels.size, 2000, replace=False)
    labels.ravel()[at] = np.arange(1, 2001)
    table = measure(labels, spacing=(0.5, 0.5), properties=("centroid", "local_density"))
    inner = table.filter(regex="centroid").sub(250).abs().max(axis=1) < 220
    assert table.loc[inner, "local_density"].mean() == pytest.approx(2000 / 500**2, rel=0.03)
    frame = measure_images(labels, spacing=(0.5, 0.5)).iloc[0]
    assert frame["clark_evans_index"] == pytest.approx(1, abs=0.05)


def test_a_grid_is_ordered_and_has_what_it_must() -> None:
    labels = np.zeros((200, 200), int)
    labels[5::10, 5::10] = np.arange(1, 401).reshape(20, 20)
    table = measure(labels, spacing=(0.1, 0.1), properties="neighbours")
    assert table["nearest_neighbor_distance"].to_numpy() == pytest.approx(1)
    assert table["nearest_surface_distance"].to_numpy() == pytest.approx(0.9)
    # the lower label where several are as near
    assert table["nearest_surface_label"].tolist()[:3] == [2, 1, 2]
    assert table["nearest_surface_label"].iloc[21 * 10] == 21 * 10 + 1 - 20
    frame = measure_images(labels, spacing=(0.1, 0.1)).iloc[0]
    assert frame["clark_evans_index"] == pytest.approx(2)
    assert frame["object_count"] == 400
    assert frame["object_density"] == pytest.approx(1)
    assert frame["object_share"] == pytest.approx(0.01)


def test_a_single_object_has_no_neighbours() -> None:
    labels = np.zeros((9, 9), int)
    labels[2:5, 2:5] = 7
    names = ["neighbours", "neighbor_count_within=5", "surface_neighbor_count_within=5"]
    row = measure(labels, properties=names).iloc[0]
    expected = {"contact_length": 0, "touching_portion": 0, "touching_portion_max": 0, "nearest_neighbor_label": 0,
                "nearest_surface_label": 0, **dict.fromkeys(names[1:], 0)}  # fmt: skip
    for name, value in row.drop("label").items():
        assert value == expected[name] if name in expected else np.isnan(value), name
    full = measure(np.ones((4, 4), int), properties="neighbours").iloc[0]
    assert np.isnan(full["touching_portion"])
    assert len(measure(np.zeros((4, 4), int), properties="neighbours")) == 0


def test_huge_labels_have_neighbours_too() -> None:
    small = blobs((60, 60), 20, 4)
    ids = np.zeros(small.max() + 1, np.int64)
    ids[1:] = 2**32 - 1 - np.arange(small.max())[::-1]
    table, expected = (measure(x, properties="neighbours") for x in (ids[small], small))
    for name in ("nearest_neighbor_label", "nearest_surface_label"):
        assert table[name].tolist() == ids[expected[name]].tolist()
    pd.testing.assert_frame_equal(table.filter(regex="^(?!.*label)"), expected.filter(regex="^(?!.*label)"))


def test_lists_of_neighbours() -> None:
    labels = blobs((70, 80), 30, 5)
    table = measure(labels, spacing=(2.0, 0.5), properties="centroid").set_index("label")
    away = pd.DataFrame(spatial.distance.cdist(table, table), table.index, table.index)
    listed = list_neighbors(labels, (2.0, 0.5), within=12.0)
    expected = {(a, b): d for (a, b), d in away.stack().items() if a != b and d <= 12}
    assert {(a, b) for a, b in listed[["label", "neighbor"]].to_numpy().tolist()} == set(expected)
    for row in listed.itertuples():
        assert row.distance == pytest.approx(expected[row.label, row.neighbor])
    nearest = list_neighbors(labels, (2.0, 0.5), n_nearest=2)
    assert nearest.groupby("label")["rank"].agg(list).map(lambda x: x == [1, 2]).all()
    both = list_neighbors(labels, (2.0, 0.5), n_nearest=2, within=12.0)
    pd.testing.assert_frame_equal(both, nearest[nearest["distance"] <= 12].reset_index(drop=True))
    series = list_neighbors(np.stack([labels, labels]), n_nearest=1, frame_axis=0)
    assert series["frame"].value_counts().nunique() == 1
    assert len(list_neighbors(np.zeros((5, 5), int), n_nearest=1)) == 0
    for wrong in ({}, {"n_nearest": 0}, {"within": -1}):
        with pytest.raises(InputError):
            list_neighbors(labels, **wrong)


# ------------------------------------------------------------------------------------------------ radial
def radial_reference(labels: np.ndarray, image: np.ndarray, sizes: np.ndarray, n_rings: int) -> pd.DataFrame:
    """Rings with the distances of SciPy and the shortest ways of scikit-image."""
    rows = []
    for k in ids_of(labels):
        mask = labels == k
        edge = ndimage.distance_transform_edt(mask, sampling=sizes)
        at = np.argwhere(mask)
        deepest = at[np.isclose(edge[mask], edge.max())]
        centre = deepest[np.argmin(np.round((((deepest - at.mean(0)) * sizes) ** 2).sum(axis=1), 9))]
        ways = graph.MCP_Geometric(np.where(mask, 1.0, -1.0), fully_connected=True, sampling=sizes.tolist())
        inner = ways.find_costs([centre.tolist()])[0][mask]
        there = np.isfinite(inner)
        share = inner[there] / (inner[there] + edge[mask][there] + 0.001 * sizes.min())
        ring = (share * n_rings).astype(int)
        away = (at - centre)[there] * sizes
        if labels.ndim == 2:
            wedge = (away[:, 0] > 0) + 2 * (away[:, 1] > 0) + 4 * (np.abs(away[:, 0]) > np.abs(away[:, 1]))
        else:
            wedge = (away[:, 1] > 0) + 2 * (away[:, 2] > 0) + 4 * (away[:, 0] > 0)
        values = image[mask][there]
        row = {"label": k}
        for r in range(n_rings):
            of_ring = values[ring == r]
            row[f"radial_fraction-{r}"] = of_ring.sum() / values.sum()
            means = [values[(ring == r) & (wedge == w)].mean() for w in np.unique(wedge[ring == r])]
            row[f"radial_mean_fraction-{r}"] = of_ring.mean() / values.mean() if of_ring.size else np.nan
            row[f"radial_cv-{r}"] = np.std(means) / np.mean(means) if means else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("labels", "spacing"), [
    (blobs((70, 80), 15, 0, 14), None), (blobs((70, 80), 15, 1, 14), (2.0, 0.5)),
    (blobs((16, 30, 35), 8, 3, 10), (3.0, 0.4, 0.7)),
])  # fmt: skip
def test_rings_are_those_of_distances_and_shortest_ways(labels: np.ndarray, spacing: Spacing) -> None:
    image = channels_for(labels)["red"]
    table = measure(labels, image, spacing, "radial")
    expected = radial_reference(labels, image, sizes_of(labels, spacing), 4)
    assert len(table) > 4
    assert set(table.columns) == set(expected.columns)
    for name in expected:
        np.testing.assert_allclose(table[name], expected[name], rtol=1e-9, err_msg=name)
    eight = measure(labels, image, spacing, ["radial_fraction=8", "radial_cv=8"])
    expected = radial_reference(labels, image, sizes_of(labels, spacing), 8)
    for name in eight.columns[1:]:
        np.testing.assert_allclose(eight[name], expected[name.replace("=8", "")], rtol=1e-9, err_msg=name)


def test_a_disk_of_one_value_has_the_shares_of_rings() -> None:
    y, x = np.mgrid[-100:101, -100:101]
    labels = (np.hypot(y, x) < 90).astype(int)
    row = measure(labels, np.full(labels.shape, 5.0), properties="radial").iloc[0]
    # ways in steps to eight neighbours are up to 8 % longer than straight ones
    for r in range(4):
        assert row[f"radial_fraction-{r}"] == pytest.approx(((r + 1) ** 2 - r**2) / 16, rel=0.15)
        assert row[f"radial_mean_fraction-{r}"] == pytest.approx(1)
        assert row[f"radial_cv-{r}"] == pytest.approx(0, abs=1e-12)
    half = measure(labels, np.where(y > 0, 2.0, 0.0), properties="radial_cv").iloc[0]
    assert half["radial_cv-3"] == pytest.approx(1, rel=0.05)


def test_radial_limits() -> None:
    labels = np.zeros((12, 12), int)
    labels[1, 1] = 1
    labels[5, 2:9] = 2
    labels[8:11, 0] = 3
    labels[8:11, 6:10] = 4
    image = np.ones(labels.shape)
    image[5] = 0
    image[8:11, :3] = np.nan
    table = measure(labels, image, properties="radial").set_index("label")
    assert table.loc[1, "radial_fraction-0"] == 1
    assert table.loc[1, [f"radial_fraction-{i}" for i in (1, 2, 3)]].tolist() == [0, 0, 0]
    assert np.isnan(table.loc[1, "radial_mean_fraction-3"])
    assert table.loc[1, "radial_cv-0"] == 0
    assert table.loc[[2, 3]].filter(regex="fraction").isna().all(axis=None)
    assert table.loc[4].filter(regex="radial_fraction").sum() == pytest.approx(1)
    # nothing ends within the image: all of it is centre
    whole = measure(np.ones((6, 7), int), np.ones((6, 7)), properties="radial_fraction").iloc[0]
    assert whole["radial_fraction-0"] == 1


# ------------------------------------------------------------------------------------------------ colocalisation
@pytest.mark.parametrize("labels", [blobs((70, 80), 20, 0), blobs((16, 30, 35), 12, 3)])
def test_colocalisation_agrees_with_scikit_image(labels: np.ndarray) -> None:
    images = channels_for(labels)
    labels = np.where(np.isin(labels, [k for k in ids_of(labels) if (labels == k).sum() > 2]), labels, 0)
    red, green = images.values()
    table = measure(labels, images, properties="colocalisation").set_index("label")
    assert len(table) > 8
    above_red, above_green = red > filters.threshold_otsu(red), green > filters.threshold_otsu(green)
    for k, row in table.iterrows():
        mask = labels == k
        expected = {
            "pearson_corr_coeff": skm.pearson_corr_coeff(red, green, mask)[0],
            "spearman_corr_coeff": stats.spearmanr(red[mask], green[mask]).statistic,
            "manders_overlap_coeff": skm.manders_overlap_coeff(red, green, mask),
            "manders_coloc_coeff_m1": skm.manders_coloc_coeff(red, above_green, mask),
            "manders_coloc_coeff_m2": skm.manders_coloc_coeff(green, above_red, mask),
            "intensity_correlation_quotient":
                ((red[mask] - red[mask].mean()) * (green[mask] - green[mask].mean()) > 0).mean() - 0.5,
        }  # fmt: skip
        for name, value in expected.items():
            assert row[f"{name}_red_green"] == pytest.approx(value, rel=1e-9), name


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_small_whole_numbers_with_ties_agree_with_scipy(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 30))
    a, b = (data.draw(arrays(np.uint8, (1, n), elements=st.integers(0, 4))) for _ in range(2))
    row = measure(np.ones((1, n), int), [a, b], properties="colocalisation").iloc[0]
    pearson, spearman = row["pearson_corr_coeff_channel0_channel1"], row["spearman_corr_coeff_channel0_channel1"]
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert np.isnan([pearson, spearman]).all()
    else:
        assert pearson == pytest.approx(stats.pearsonr(a[0], b[0]).statistic, abs=1e-12)
        assert spearman == pytest.approx(stats.spearmanr(a[0], b[0]).statistic, abs=1e-12)


def test_correlation_keeps_its_digits_on_large_values() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(50, 50))
    b = a + rng.normal(size=a.shape)
    labels = np.ones(a.shape, int)
    plain, shifted = (measure(labels, [a + c, b + c], properties="pearson_corr_coeff").iloc[0, 1] for c in (0, 1e7))
    assert shifted == pytest.approx(plain, abs=1e-7)
    flat = measure(labels, [np.full(a.shape, 0.1), b], properties="pearson_corr_coeff").iloc[0, 1]
    assert np.isnan(flat)


def costes_reference(a: np.ndarray, b: np.ndarray) -> float:
    """Lower the threshold through all values that pixels meet until what is below is not correlated."""
    cov = np.cov(a, b, ddof=0)
    slope = (cov[1, 1] - cov[0, 0] + np.hypot(cov[1, 1] - cov[0, 0], 2 * cov[0, 1])) / (2 * cov[0, 1])
    met = np.minimum(a, (b - (b.mean() - slope * a.mean())) / slope)
    for threshold in np.sort(met)[::-1]:
        below = met < threshold
        if below.sum() > 2 and np.corrcoef(a[below], b[below])[0, 1] <= 0:
            return float(threshold)
    return float(met.min())


@pytest.mark.parametrize("seed", range(5))
def test_costes_threshold_is_where_the_correlation_ends(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (60, 60)
    signal = np.where(rng.random(shape) < 0.3, rng.gamma(3, 200, shape), 0)
    a, b = (signal + rng.normal(100, 20, shape) for _ in range(2))
    table = measure_colocalisation(a, b)
    expected = costes_reference(a.ravel(), b.ravel())
    found = table["threshold_first"].iloc[0]
    assert found == pytest.approx(expected, abs=2e-3 * np.ptp(a))
    assert 100 < found < 250
    assert table["manders_coloc_coeff_m1"].iloc[0] == pytest.approx(
        skm.manders_coloc_coeff(a, b > table["threshold_second"].iloc[0])
    )
    labels = np.ones(shape, int)
    again = measure(labels, [a, b], properties="colocalisation").iloc[0]
    assert again["manders_coloc_coeff_costes_m1_channel0_channel1"] == table["manders_coloc_coeff_m1"].iloc[0]


def test_colocalisation_of_several_channels_and_thresholds() -> None:
    labels = blobs((50, 60), 10, 3)
    images = channels_for(labels)
    images["blue"] = images["green"][::-1].copy()
    table = measure(labels, images, properties=["pearson_corr_coeff", "intensity_mean"])
    pairs = ["red_green", "red_blue", "green_blue"]
    assert list(table.columns) == [
        "label", *(f"pearson_corr_coeff_{p}" for p in pairs), *(f"intensity_mean_{c}" for c in images),
    ]  # fmt: skip
    given = measure_colocalisation(images["red"], images["green"], labels, thresholds=(300, 320)).set_index("label")
    for k, row in given.iterrows():
        mask = labels == k
        assert row["manders_coloc_coeff_m1"] == pytest.approx(
            skm.manders_coloc_coeff(images["red"], images["green"] > 320, mask)
        )
    assert set(given["threshold_first"]) == {300.0}


def test_colocalisation_limits() -> None:
    labels = np.zeros((6, 8), int)
    labels[0, 0] = 1
    labels[2, :4] = 2
    labels[4, :] = 3
    a = np.arange(48.0).reshape(6, 8)
    b = a.copy()
    a[2, 0] = -1
    b[4, 3:] = np.nan
    table = measure(labels, {"a": a, "b": b}, properties="colocalisation").set_index("label")
    assert table.loc[1, ["pearson_corr_coeff_a_b", "spearman_corr_coeff_a_b"]].isna().all()
    assert table.loc[2].filter(regex="manders").isna().all()
    assert table.loc[3, "pearson_corr_coeff_a_b"] == pytest.approx(1)
    assert table.loc[3, "intensity_correlation_quotient_a_b"] == pytest.approx(0.5)
    falling = measure_colocalisation(a[3:4], -b[3:4])
    assert np.isnan(falling["threshold_first"].iloc[0])
    assert falling["pearson_corr_coeff"].iloc[0] == pytest.approx(-1)
    with pytest.raises(InputError, match="pairs of channels: give two"):
        measure(labels, a, properties="colocalisation")
    with pytest.raises(InputError, match="two numbers"):
        measure_colocalisation(a, b, thresholds=(1, 2, 3))
    with pytest.raises(InputError, match="must be the same"):
        measure_colocalisation(a, b[1:])


# ------------------------------------------------------------------------------------------------ objects in objects
@pytest.mark.parametrize("slab", [1 << 23, 300])
def test_relation_is_that_of_the_pixels(slab: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bioloom.measure.nested._SLAB", slab)
    cells, nuclei = blobs((70, 80), 20, 0, 14), blobs((70, 80), 60, 1, 4)
    sizes = measure(nuclei, channels_for(nuclei)["red"], (2.0, 0.5), ["area", "intensity_mean"])
    found = relate(nuclei, cells, (2.0, 0.5), table=sizes, summaries=("mean", "max", "std"))
    children, parents = found.children.set_index("label"), found.parents.set_index("label")
    assert children.index.tolist() == ids_of(nuclei).tolist()
    assert parents.index.tolist() == ids_of(cells).tolist()
    assert (children["parent"] == 0).any()
    assert (children["n_overlaps"] > 1).any()
    centres = [measure(x, spacing=(2.0, 0.5), properties="centroid").set_index("label") for x in (nuclei, cells)]
    for k, row in children.iterrows():
        inside, counts = np.unique(cells[nuclei == k], return_counts=True)
        real = inside > 0
        expected = inside[real][counts[real].argmax()] if real.any() else 0
        assert row["parent"] == expected
        assert row["overlap_share"] == pytest.approx(counts[real].max(initial=0) / counts.sum())
        assert row["outside_share"] == pytest.approx(counts[~real].sum() / counts.sum())
        assert row["n_overlaps"] == real.sum()
        if expected:
            distance = np.linalg.norm(centres[0].loc[k] - centres[1].loc[expected])
            assert row["parent_distance"] == pytest.approx(distance)
    for k, row in parents.iterrows():
        own = children.index[children["parent"] == k]
        assert row["child_count"] == len(own)
        assert row["child_area"] == pytest.approx(((cells == k) & np.isin(nuclei, own)).sum())
        assert row["child_share"] == pytest.approx(np.isin(nuclei, own)[cells == k].mean())
        areas = sizes.set_index("label").loc[own, "area"]
        expected_values = [areas.mean(), areas.max(), areas.std()]
        np.testing.assert_allclose(row[["area_mean", "area_max", "area_std"]].to_numpy(float), expected_values)


def test_relation_in_frames_with_a_least_share() -> None:
    cells = np.zeros((2, 10, 12), int)
    cells[0, 1:9, 1:6] = 8
    cells[1, 1:9, 6:11] = 2**32 - 1
    spots = np.zeros_like(cells)
    spots[:, 3, 4:8] = 5
    spots[1, 6, 7:9] = 6
    found = relate(spots, cells, frame_axis=0)
    assert found.children[["frame", "label", "parent"]].to_numpy().tolist() == [
        [0, 5, 8], [1, 5, 2**32 - 1], [1, 6, 2**32 - 1],
    ]  # fmt: skip
    assert found.children["overlap_share"].tolist() == [0.5, 0.5, 1]
    assert found.parents[["frame", "label", "child_count"]].to_numpy().tolist() == [[0, 8, 1], [1, 2**32 - 1, 2]]
    strict = relate(spots, cells, frame_axis=0, least_share=0.6)
    assert strict.children["parent"].tolist() == [0, 0, 2**32 - 1]
    assert strict.parents["child_area"].tolist() == [0, 2]
    empty = relate(np.zeros((4, 4), int), np.ones((4, 4), int), table=pd.DataFrame({"label": [], "area": []}))
    assert len(empty.children) == 0
    assert np.isnan(empty.parents["area_mean"].iloc[0])


@pytest.mark.parametrize(("arguments", "message"), [
    ({"others": np.ones((3, 3), int)}, "same pixels"),
    ({"least_share": 2}, "share from 0 to 1"),
    ({"summaries": ("mode",)}, "no summary 'mode'"),
    ({"columns": ["area"]}, "give it as table"),
    ({"table": pd.DataFrame({"label": [1], "name": ["a"]}), "columns": ["name"]}, "does not hold numbers"),
    ({"table": pd.DataFrame({"label": [1, 1], "area": [1, 2]})}, "several rows of one object"),
    ({"table": pd.DataFrame({"id": [1]})}, "no column 'label'"),
])  # fmt: skip
def test_what_relate_refuses(arguments: dict, message: str) -> None:
    labels = np.ones((4, 4), int)
    with pytest.raises(InputError, match=message):
        relate(labels, **{"others": labels, **arguments})


# ------------------------------------------------------------------------------------------------ points
@pytest.mark.parametrize(("shape", "spacing"), [((30, 40), (2.0, 0.5)), ((9, 20, 25), (3.0, 0.5, 0.4))])
def test_values_at_points(shape: tuple[int, ...], spacing: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 60000, shape).astype(np.uint16)
    labels = blobs(shape, 8, 1)
    places = rng.uniform(-0.49, np.array(shape) - 0.51, (200, len(shape)))
    nearest = measure_points(places * spacing, image, spacing, labels=labels)
    at = tuple(np.floor(places + 0.5).astype(int).T)
    assert nearest["intensity"].tolist() == image[at].tolist()
    assert nearest["label"].tolist() == labels[at].tolist()
    linear = measure_points(places * spacing, image, spacing, interpolation="linear")["intensity"]
    expected = ndimage.map_coordinates(image.astype(float), places.T, order=1, mode="nearest")
    np.testing.assert_allclose(linear, expected, rtol=1e-9)
    around = measure_points(places * spacing, {"a": image, "b": image / 7}, spacing, radius=1.7)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    for i in range(0, 200, 9):
        ball = np.linalg.norm((grid - places[i]) * spacing, axis=-1) <= 1.7
        ball[tuple(a[i] for a in at)] = True
        row = around.iloc[i]
        assert row["num_pixels_a"] == ball.sum()
        for name in ("mean", "std", "min", "max", "sum"):
            value = getattr(image[ball].astype(float), name)()
            assert row[f"intensity_{name}_a"] == pytest.approx(value, rel=1e-9), name
            assert row[f"intensity_{name}_b"] == pytest.approx(value / 7, rel=1e-9), name


def test_points_in_frames_and_outside() -> None:
    image = np.arange(2 * 4 * 5.0).reshape(2, 4, 5)
    image[1, 2, 2] = np.nan
    points = [[0, 1, 1], [1, 1, 1], [1, 2, 2], [2, 1, 1], [1, 3.6, 1], [1, np.nan, 1], [-1, 0, 0]]
    table = measure_points(points, image, frame_axis=0)
    assert table["frame"].tolist() == [0, 1, 1, 2, 1, 1, -1]
    np.testing.assert_array_equal(table["intensity"], [6, 26, np.nan, np.nan, np.nan, np.nan, np.nan])
    around = measure_points(points, image, frame_axis=0, radius=1)
    assert around["num_pixels"].tolist() == [5, 5, 4, 0, 0, 0, 0]
    assert around["intensity_mean"].isna().tolist() == [False, False, False, True, True, True, True]
    assert len(measure_points([], image, frame_axis=0)) == 0
    channels = measure_points([[1, 1]], np.stack([image[0], image[1]]), channel_axis=0, channel_names=["a", "b"])
    assert channels[["intensity_a", "intensity_b"]].to_numpy().tolist() == [[6, 26]]
    for wrong in ({"points": [[1, 2, 3]]}, {"radius": -1}, {"interpolation": "cubic"}):
        with pytest.raises(InputError):
            measure_points(**{"points": [[1, 1]], "image": image[0], **wrong})


# ------------------------------------------------------------------------------------------------ summaries
def test_summary_of_columns_by_group() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"frame": rng.integers(0, 3, 100), "label": np.arange(100), "area": rng.gamma(2, 5, 100),
                          "inside": rng.random(100) < 0.4, "name": "x"})  # fmt: skip
    table.loc[::7, "area"] = np.nan
    whole = summarise(table.drop(columns="frame")).set_index("column")
    assert whole.index.tolist() == ["area", "inside"]
    described = table["area"].describe()
    for ours, theirs in (("count", "count"), ("mean", "mean"), ("std", "std"), ("q25", "25%"), ("median", "50%")):
        assert whole.loc["area", ours] == pytest.approx(described[theirs])
    assert whole.loc["area", "sem"] == pytest.approx(table["area"].sem())
    by_frame = summarise(table, "frame").set_index(["frame", "column"])
    for t in range(3):
        part = table.loc[table["frame"] == t, "area"]
        assert by_frame.loc[(t, "area"), "sum"] == pytest.approx(part.sum())
        assert by_frame.loc[(t, "area"), "q95"] == pytest.approx(part.quantile(0.95))
        assert by_frame.loc[(t, "area"), "cv"] == pytest.approx(part.std() / part.mean())
    two = summarise(table, ["frame", "inside"], ["area"])
    assert two[["frame", "inside"]].drop_duplicates().shape[0] == len(two) == 6
    nothing = summarise(pd.DataFrame({"a": [np.nan]})).iloc[0]
    assert nothing["count"] == 0
    assert nothing.drop(["column", "count"]).isna().all()
    with pytest.raises(InputError, match="no column 'b'"):
        summarise(table, columns=["b"])
    with pytest.raises(InputError, match="'name' does not hold numbers"):
        summarise(table, columns=["name"])


def test_statistics_of_images() -> None:
    labels = np.stack([blobs((40, 50), 10, s) for s in (0, 1)])
    images = channels_for(labels)
    images["red"][0, 0, 0] = np.nan
    table = measure_images(labels, images, (0.5, 0.5), frame_axis=0)
    assert table["frame"].tolist() == [0, 1]
    for t in range(2):
        row, red = table.iloc[t], images["red"][t]
        assert row["object_count"] == ids_of(labels[t]).size
        assert row["object_density"] == pytest.approx(row["object_count"] / (20 * 25))
        assert row["image_mean_red"] == pytest.approx(np.nanmean(red))
        assert row["image_std_red"] == pytest.approx(np.nanstd(red))
        assert row["image_q75_red"] == pytest.approx(np.nanquantile(red, 0.75))
        assert row["objects_mean_red"] == pytest.approx(np.nanmean(red[labels[t] > 0]))
        assert row["background_mean_red"] == pytest.approx(np.nanmean(red[labels[t] == 0]))
    empty = measure_images(np.zeros((5, 5), int), np.full((5, 5), np.nan)).iloc[0]
    assert empty["object_count"] == 0
    assert empty[["image_mean", "clark_evans_index", "objects_mean"]].isna().all()
    only = measure_images(image=np.arange(12, dtype=np.uint8).reshape(3, 4)).iloc[0]
    assert only["image_sum"] == 66
    with pytest.raises(InputError, match="nothing to measure"):
        measure_images()


# ------------------------------------------------------------------------------------------------ all of them
GROUPS = ("neighbours", "radial", "colocalisation")


def test_measurements_are_described() -> None:
    for p in list_properties(None, GROUPS):
        assert p.description
        assert p.description[0].isupper()
        assert p.unit in ("", "length", "length²", "1/lengthⁿ", "rad"), p.name
    assert {p.unit for p in list_properties(3, GROUPS)} >= {"1/length³", "length²"}


def test_frames_are_measured_one_by_one() -> None:
    labels = np.stack([blobs((50, 60), 12, s) for s in (0, 1, 2)], axis=1)
    images = channels_for(labels)
    table = measure(labels, images, (2.0, 0.5), GROUPS, frame_axis=1)
    for t in range(3):
        alone = measure(labels[:, t], {n: i[:, t] for n, i in images.items()}, (2.0, 0.5), GROUPS)
        pd.testing.assert_frame_equal(table[table["frame"] == t].drop(columns="frame").reset_index(drop=True), alone)


def test_one_can_stop() -> None:
    labels = blobs((50, 60), 12, 0)

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure(labels, channels_for(labels), properties=GROUPS, progress=stop)


@pytest.mark.parametrize("name", [
    "neighbor_count_within=0", "neighbor_count_within=-1", "neighbor_count_within=1e3", "neighbor_count_within=x",
    "surface_neighbor_count_within", "radial_fraction=0", "radial_fraction=2.5",
])  # fmt: skip
def test_wrong_numbers_are_refused(name: str) -> None:
    labels = np.ones((4, 4), int)
    with pytest.raises(InputError, match="Unknown property"):
        measure(labels, labels, properties=name)


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 3)))
def test_any_small_plane_can_be_measured(labels: np.ndarray) -> None:
    images = channels_for(labels)
    table = measure(labels, images, (2.0, 0.5), GROUPS)
    assert table["label"].tolist() == ids_of(labels).tolist()
    pixels = {k: np.argwhere(labels == k) for k in ids_of(labels)}
    for row in table.itertuples():
        others = [gap(pixels[row.label], p, np.array([2.0, 0.5])) for k, p in pixels.items() if k != row.label]
        assert row.nearest_surface_distance == pytest.approx(min(others, default=np.nan), nan_ok=True)
    fractions = table.filter(regex="radial_fraction.*red").sum(axis=1)
    np.testing.assert_allclose(fractions, 1)
