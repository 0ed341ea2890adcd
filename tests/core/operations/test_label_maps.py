"""Maps on labels: measurements, neighbours, meshes and overlaps, each against sums done object by object."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scipy.spatial.distance import cdist
from skimage import draw, measure

import bioloom
from bioloom import device, operations
from bioloom.errors import InputError
from bioloom.measure.maps import _COLUMNS, column_map, measurement_map
from bioloom.operations import _neighbour_lists

LARGE = 4_294_967_295
SHAPES = [(40, 50), (8, 18, 20)]
SPACINGS = {2: [None, (2.0, 0.5)], 3: [None, (3.0, 0.7, 0.7)]}
STATISTICS = {
    "mean": np.mean,
    "minimum": np.min,
    "maximum": np.max,
    "median": np.median,
    "standard deviation": np.std,
    "mode": lambda v: np.unique(v)[np.argmax(np.unique(v, return_counts=True)[1])],
    "count": len,
}


def mosaic(shape, seed=0, n=14):
    """Objects of a tessellation with gaps, ids far apart."""
    rng = np.random.default_rng(seed)
    seeds = np.zeros(shape, np.uint32)
    seeds[tuple(rng.integers(0, s, n) for s in shape)] = np.append(rng.permutation(n - 1) * 11 + 2, LARGE)
    nearest = ndimage.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    labels = seeds[tuple(nearest)]
    labels[..., shape[-1] // 2] = 0
    labels[ndimage.gaussian_filter(rng.random(shape), 1) > 0.62] = 0
    return labels


@pytest.fixture(params=[(s, sp) for s in SHAPES for sp in SPACINGS[len(s)]], ids=str)
def sample(request):
    """Labels, their ids, a map with repeated values, one value per object, and the spacing."""
    shape, spacing = request.param
    labels = mosaic(shape)
    ids = np.unique(labels[labels != 0])
    values = np.random.default_rng(5).integers(0, 4, ids.size).astype(float)
    image = np.zeros(shape)
    for k, value in zip(ids, values, strict=True):
        image[labels == k] = value
    return labels, ids, image, values, spacing


def centres(labels, ids, spacing=None):
    return np.array([np.argwhere(labels == k).mean(0) for k in ids]) * (spacing or 1)


def touch_matrix(labels, ids):
    cross = ndimage.generate_binary_structure(labels.ndim, 1)
    matrix = np.zeros((len(ids), len(ids)), bool)
    for i, k in enumerate(ids):
        around = np.unique(labels[ndimage.binary_dilation(labels == k, cross)])
        matrix[i] = np.isin(ids, around) & (ids != k)
    return matrix


def between(distances, share):
    """A length that no distance comes near to, so that rounding does not matter."""
    found = np.unique(distances[np.isfinite(distances)].round(6))
    at = int(share * found.size)
    return float(found[at : at + 2].mean())


def painted(labels, ids, values):
    result = np.zeros(labels.shape)
    for k, value in zip(ids, values, strict=True):
        result[labels == k] = value
    return result


def of_neighbours(matrix, values, statistic, with_itself):
    found = []
    for i, row in enumerate(matrix):
        chosen = row | (np.arange(len(row)) == i) if with_itself and statistic != "count" else row
        found.append(STATISTICS[statistic](values[chosen]) if chosen.any() or statistic == "count" else np.nan)
    return found


@pytest.mark.parametrize("with_itself", [True, False])
@pytest.mark.parametrize("statistic", STATISTICS)
def test_neighbour_maps(sample, statistic, with_itself):
    labels, ids, image, values, spacing = sample
    distances = cdist(*[centres(labels, ids, spacing)] * 2)
    np.fill_diagonal(distances, np.inf)
    touch = touch_matrix(labels, ids)
    ranks = np.argsort(np.argsort(distances, axis=1), axis=1)
    limits = between(distances, 0.1), between(distances, 0.4)
    common = {"statistic": statistic, "with_itself": with_itself}
    calls = {
        "touching": (touch, lambda **k: operations.touching_neighbors_map(labels, image, **k)),
        "two steps": (
            (touch | (touch.astype(int) @ touch > 0)) & ~np.eye(len(ids), dtype=bool),
            lambda **k: operations.touching_neighbors_map(labels, image, steps=2, **k),
        ),
        "nearest": (
            ranks < 3,
            lambda **k: operations.nearest_neighbors_map(labels, image, n=3, spacing=spacing, **k),
        ),
        "proximal": (
            (distances >= limits[0]) & (distances <= limits[1]),
            lambda **k: operations.proximal_neighbors_map(
                labels, image, maximum_distance=limits[1], minimum_distance=limits[0], spacing=spacing, **k
            ),
        ),
    }
    for name, (matrix, call) in calls.items():
        expected = painted(labels, ids, of_neighbours(matrix, values, statistic, with_itself))
        np.testing.assert_allclose(call(**common), expected, rtol=1e-6, err_msg=name)


def test_neighbours_are_the_same_in_small_chunks(sample, monkeypatch):
    labels, _, image, _, spacing = sample
    calls = [
        lambda: operations.touching_neighbors_map(labels, image, steps=2),
        lambda: operations.nearest_neighbors_map(labels, image, spacing=spacing),
        lambda: operations.proximal_neighbors_map(labels, image, maximum_distance=15, spacing=spacing),
        lambda: operations.mesh_between_proximal_labels(labels, 15, spacing=spacing),
    ]
    whole = [call() for call in calls]
    monkeypatch.setattr(_neighbour_lists, "_CHUNK", 7)
    for call, expected in zip(calls, whole, strict=True):
        np.testing.assert_array_equal(call(), expected)


def test_objects_at_the_same_place_are_neighbours_of_each_other():
    points = np.zeros((5, 2))
    objects, others = (np.concatenate(x) for x in zip(*_neighbour_lists.nearest_pairs(points, 2), strict=True))
    assert np.bincount(objects).tolist() == [2] * 5
    assert (objects != others).all()


def test_an_image_of_intensities_gives_means_and_nan_is_left_out():
    labels = np.array([[1, 1, 2, 2, 0, 9]], np.uint16)
    image = np.array([[1.0, 3.0, np.nan, 7.0, 100.0, np.nan]])
    alone = operations.touching_neighbors_map(labels, image, with_itself=False)
    np.testing.assert_array_equal(alone, [[7, 7, 2, 2, 0, np.nan]])
    np.testing.assert_array_equal(operations.touching_neighbors_map(labels, image)[0, :4], [4.5] * 4)
    with pytest.raises(InputError, match="image is missing"):
        operations.nearest_neighbors_map(labels)
    np.testing.assert_array_equal(operations.touching_neighbors_map(labels, statistic="count"), [[1, 1, 1, 1, 0, 0]])


def test_a_single_object_has_no_neighbours():
    labels = np.zeros((6, 6), np.uint32)
    labels[2:4, 2:4] = LARGE
    assert operations.nearest_neighbors_map(labels, statistic="count").max() == 0
    assert np.isnan(operations.neighbor_distance_map(labels)[2, 2])
    assert not operations.mesh_between_nearest_labels(labels).any()
    assert not operations.mesh_between_proximal_labels(labels).any()


@pytest.mark.parametrize("statistic", ["mean", "minimum", "maximum", "standard deviation"])
def test_distances_to_neighbours(sample, statistic):
    labels, ids, _, _, spacing = sample
    distances = cdist(*[centres(labels, ids, spacing)] * 2)
    nearest = [STATISTICS[statistic](np.sort(row)[1:4]) for row in distances]
    got = operations.neighbor_distance_map(labels, n=3, statistic=statistic, spacing=spacing)
    np.testing.assert_allclose(got, painted(labels, ids, nearest), rtol=1e-5, atol=1e-5)
    touch = touch_matrix(labels, ids)
    beside = [STATISTICS[statistic](d[t]) if t.any() else np.nan for d, t in zip(distances, touch, strict=True)]
    got = operations.neighbor_distance_map(labels, neighbors="touching", statistic=statistic, spacing=spacing)
    np.testing.assert_allclose(got, painted(labels, ids, beside), rtol=1e-5, atol=1e-5)


def test_meshes_connect_the_centroids_of_neighbours(sample):
    labels, ids, _, _, spacing = sample
    pixels, units = centres(labels, ids), centres(labels, ids, spacing)
    distances = cdist(units, units)
    np.fill_diagonal(distances, np.inf)
    touch = touch_matrix(labels, ids)
    nearest = distances <= np.sort(distances, axis=1)[:, [1]]
    limit = between(distances, 0.3)
    calls = [
        (touch, lambda **k: operations.mesh_between_touching_labels(labels, spacing=spacing, **k)),
        (nearest, lambda **k: operations.mesh_between_nearest_labels(labels, n=2, spacing=spacing, **k)),
        (distances <= limit, lambda **k: operations.mesh_between_proximal_labels(labels, limit, spacing=spacing, **k)),
    ]
    for matrix, call in calls:
        drawn, lengths = np.zeros(labels.shape), np.zeros(labels.shape)
        for a, b in np.argwhere(np.triu(matrix | matrix.T)):
            n = max(int(np.ceil(np.abs(pixels[a] - pixels[b]).max())), 1)
            share = np.arange(n + 1)[:, None] / n
            line = np.floor(pixels[a] + (pixels[b] - pixels[a]) * share + 0.5).astype(int)
            drawn[tuple(line.T)] = 1
            lengths[tuple(line.T)] = np.maximum(lengths[tuple(line.T)], distances[a, b])
        # Centroids that are summed up in another order may be rounded to another pixel.
        assert (call() != drawn).sum() <= 4
        assert (np.abs(call(value="distance") - lengths) > 1e-4).sum() <= 4


def test_a_mesh_line_is_the_usual_line():
    labels = np.zeros((20, 30), np.uint8)
    labels[3, 4], labels[15, 25] = 1, 2
    expected = np.zeros(labels.shape)
    expected[draw.line(3, 4, 15, 25)] = 1
    assert (operations.mesh_between_nearest_labels(labels) != expected).sum() <= 4


@pytest.mark.parametrize("shape", SHAPES)
def test_overlaps(shape):
    a, b = mosaic(shape, 1), mosaic(shape, 2, n=9)
    ids_a, ids_b = (np.unique(x[x != 0]) for x in (a, b))
    common = np.array([[np.count_nonzero((a == i) & (b == j)) for j in ids_b] for i in ids_a])
    size_a, size_b = (np.array([np.count_nonzero(x == k) for k in ids]) for x, ids in ((a, ids_a), (b, ids_b)))
    values = {
        "count": (common > 0).sum(1),
        "share covered": common.sum(1) / size_a,
        "largest share": common.max(1) / size_a,
        "intersection over union": (common / (size_a[:, None] + size_b - common)).max(1),
    }
    for name, expected in values.items():
        got = operations.overlap_map(a, b, measure=name)
        np.testing.assert_allclose(got, painted(a, ids_a, expected), rtol=1e-6)
    shares = common.max(1) / size_a
    for least in (0.0, 0.5):
        owner = np.where((common.max(1) > 0) & (shares >= least), ids_b[common.argmax(1)], 0)
        np.testing.assert_array_equal(
            operations.relabel_by_overlap(a, b, minimum_share=least), painted(a, ids_a, owner)
        )
    assert (operations.relabel_by_overlap(a, np.zeros_like(a)) == 0).all()


def test_distances_within_objects(sample):
    labels, ids, _, _, spacing = sample
    border, centre = np.zeros(labels.shape), np.zeros(labels.shape)
    for k in ids:
        own = labels == k
        border[own] = ndimage.distance_transform_edt(own, sampling=spacing)[own]
        middle = np.argwhere(own).mean(0)
        centre[own] = np.linalg.norm((np.argwhere(own) - middle) * (spacing or 1), axis=1)
    np.testing.assert_allclose(operations.label_distance_map(labels, spacing=spacing), border, rtol=1e-6)
    got = operations.label_distance_map(labels, to="centroid", spacing=spacing)
    np.testing.assert_allclose(got, centre, atol=1e-4)


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("size", [None, 0.5])
@pytest.mark.parametrize("shape", SHAPES)
def test_opencl_gives_the_same_distances(shape, size):
    labels = np.where(mosaic(shape) == LARGE, 200, mosaic(shape))
    settings = {"to": "centroid", "spacing": size and (size,) * len(shape)}
    there = operations.label_distance_map(device.push(labels), **settings)
    assert device.is_opencl(there)
    np.testing.assert_allclose(device.pull(there), operations.label_distance_map(labels, **settings), atol=1e-4)


def test_any_measurement_is_a_map(sample):
    labels, ids, image, _, spacing = sample
    table = bioloom.measure(
        labels, image, spacing, ["area", "intensity_mean", "centroid", "average_distance_of_n4_nearest_neighbors"]
    )
    for name in ("area", "intensity_mean", "centroid-1", "average_distance_of_n4_nearest_neighbors"):
        got = measurement_map(labels, image, measurement=name, spacing=spacing)
        np.testing.assert_allclose(got, painted(labels, ids, table[name]), rtol=1e-6)
    regions = measure.regionprops(np.searchsorted(ids, labels) + (labels != 0))
    pixel = np.prod(spacing) if spacing else 1
    np.testing.assert_allclose(
        measurement_map(labels, spacing=spacing), painted(labels, ids, [r.area * pixel for r in regions]), rtol=1e-6
    )


@pytest.mark.parametrize("ndim", [2, 3])
def test_every_measurement_that_is_offered_can_be_had(ndim):
    labels = mosaic(SHAPES[ndim - 2], n=5)
    image = np.random.default_rng(0).random(labels.shape)
    for name, found in _COLUMNS.items():
        if ndim in found.ndims and name in found.columns(ndim):
            assert measurement_map(labels, image, measurement=name).shape == labels.shape


def test_measurements_that_do_not_fit_are_refused():
    labels = mosaic((40, 50))
    with pytest.raises(InputError, match="give one"):
        measurement_map(labels, measurement="intensity_mean")
    with pytest.raises(InputError, match="3D only"):
        measurement_map(labels, measurement="sphericity")
    with pytest.raises(InputError, match="2D"):
        measurement_map(labels, measurement="centroid-2")


def test_any_column_is_a_map():
    labels = mosaic((40, 50))
    ids = np.unique(labels[labels != 0]).astype(np.int64)
    table = pd.DataFrame({"index": ids[::-1], "score": np.arange(ids.size), "name": "a", "good": ids[::-1] > 50})
    np.testing.assert_array_equal(
        column_map(labels, table, "score"), painted(labels, ids[::-1], np.arange(ids.size)).astype(np.float32)
    )
    np.testing.assert_array_equal(column_map(labels, table, "good") == 1, labels > 50)
    missing = column_map(labels, table[table["index"] > 50], "score")
    np.testing.assert_array_equal(np.isnan(missing), (labels != 0) & (labels <= 50))
    for column, says in (("colour", "no column 'colour'"), ("name", "numbers")):
        with pytest.raises(InputError, match=says):
            column_map(labels, table, column)
    with pytest.raises(InputError, match="several rows"):
        column_map(labels, pd.concat([table, table]), "score")
    movie = np.stack([labels, np.where(labels == LARGE, 0, labels)])
    both = pd.concat([table.assign(frame=0), table.assign(frame=1, score=7)]).rename(columns={"index": "label"})
    got = column_map(movie, both, "score", frame_axis=0)
    np.testing.assert_array_equal(got[0], column_map(labels, table, "score"))
    np.testing.assert_array_equal(got[1], np.where(movie[1], 7, 0))
