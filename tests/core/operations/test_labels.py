"""Working on labels: every object by itself, ids with gaps and large, pixels that may be anisotropic."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import segmentation

from bioloom import device, operations
from bioloom.errors import InputError
from bioloom.operations import CATALOGUE

LARGE = 4_294_967_295
SHAPES = [(48, 60), (10, 20, 24)]
SPACINGS = {2: [None, (2.0, 0.5)], 3: [None, (2.0, 0.7, 0.7)]}


def tissue(shape, seed=0, n=9, large=True):
    """Touching and separate objects with background between, ids with gaps."""
    rng = np.random.default_rng(seed)
    seeds = np.zeros(shape, np.uint32)
    seeds[tuple(rng.integers(0, s, n) for s in shape)] = rng.permutation(n) * 7 + 3
    distance, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    labels = np.where(distance < 0.28 * max(shape[-2:]), seeds[tuple(nearest)], 0).astype(np.uint32)
    labels[ndimage.gaussian_filter(rng.random(shape), 1.2) > 0.62] = 0
    if large:
        labels[labels == labels.max()] = LARGE
    return labels


def ball(radius, ndim, spacing):
    spacing = spacing or (1,) * ndim
    reach = [int(radius / s + 1e-9) for s in spacing]
    grid = np.meshgrid(*(np.arange(-r, r + 1) * s for r, s in zip(reach, spacing, strict=True)), indexing="ij")
    return sum(g**2 for g in grid) <= radius**2 * (1 + 1e-9)


def each_object(labels, change):
    """Apply a function of a mask to every object by itself."""
    result = np.zeros_like(labels)
    for k in np.unique(labels[labels != 0]):
        result[change(labels == k)] = k
    return result


@pytest.fixture(params=[(s, sp) for s in SHAPES for sp in SPACINGS[len(s)]], ids=str)
def sample(request):
    shape, spacing = request.param
    return tissue(shape), spacing


def test_removing_by_size_counts_in_units_of_spacing(sample):
    labels, spacing = sample
    pixel = np.prod(spacing) if spacing else 1
    ids, counts = np.unique(labels[labels != 0], return_counts=True)
    limits = np.quantile(counts * pixel, [0.2, 0.8])
    kept = operations.remove_labels_by_size(labels, *limits, spacing=spacing)
    stay = ids[(counts * pixel >= limits[0]) & (counts * pixel <= limits[1])]
    np.testing.assert_array_equal(kept, np.where(np.isin(labels, stay), labels, 0))


@pytest.mark.parametrize("statistic", ["mean", "median", "minimum", "maximum"])
def test_removing_by_map_value(statistic):
    labels = tissue((48, 60))
    image = np.random.default_rng(1).normal(50, 10, labels.shape)
    image[:5] = np.nan
    ids = np.unique(labels[labels != 0])
    name = {"mean": "nanmean", "median": "nanmedian", "minimum": "nanmin", "maximum": "nanmax"}[statistic]
    values = np.array([getattr(np, name)(image[labels == k]) for k in ids])
    low, high = np.sort(values)[[2, 5]]
    kept = operations.remove_labels_by_map_value(labels, image, low - 1e-9, high + 1e-9, statistic=statistic)
    assert set(np.unique(kept)) == {0, *ids[(values >= low) & (values <= high)]}
    gone = operations.remove_labels_by_map_value(
        labels, image, low - 1e-9, high + 1e-9, statistic=statistic, remove="inside"
    )
    np.testing.assert_array_equal((gone != 0) ^ (kept != 0), labels != 0)


def test_a_map_of_constants_is_compared_exactly():
    labels = tissue((48, 60))
    heights = np.where(labels == LARGE, 0.1, 0.3)
    kept = operations.remove_labels_by_map_value(labels, heights, minimum=0.1, maximum=0.1)
    assert set(np.unique(kept)) == {0, LARGE}


def test_masking_cuts_pixels_off(sample):
    labels, _ = sample
    mask = np.random.default_rng(0).random(labels.shape) > 0.5
    np.testing.assert_array_equal(operations.mask_labels(labels, mask), labels * mask)
    np.testing.assert_array_equal(operations.mask_labels(labels, mask, keep="outside"), labels * ~mask)


@pytest.mark.parametrize("shape", SHAPES)
def test_relabelling(shape):
    labels = tissue(shape)
    ids = np.unique(labels[labels != 0])
    np.testing.assert_array_equal(operations.relabel_sequential(labels), np.searchsorted(ids, labels) + (labels != 0))
    small = tissue(shape, large=False).astype(np.uint8)
    np.testing.assert_array_equal(operations.relabel_sequential(small), segmentation.relabel_sequential(small)[0])
    by_size = operations.relabel_sequential(labels, order="size")
    counts = np.bincount(by_size.ravel())[1:]
    assert (np.diff(counts) <= 0).all()
    by_place = operations.relabel_sequential(labels, order="position")
    firsts = [np.flatnonzero(by_place.ravel() == k)[0] for k in range(1, len(ids) + 1)]
    assert (np.diff(firsts) > 0).all()


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_splitting_disconnected_labels(shape, diagonal):
    labels = tissue(shape)
    labels[..., 11] = 0
    split = operations.split_disconnected_labels(np.where(labels == LARGE, 90, labels), diagonal=diagonal)
    structure = ndimage.generate_binary_structure(len(shape), len(shape) if diagonal else 1)
    total = 0
    for k in np.unique(labels[labels != 0]):
        parts, n = ndimage.label(labels == k, structure)
        total += n
        for part in range(1, n + 1):
            assert len(np.unique(split[parts == part])) == 1
        largest = np.bincount(parts.ravel())[1:].max()
        kept = operations.split_disconnected_labels(labels, parts="keep largest", diagonal=diagonal) == k
        assert kept.sum() == largest
        assert ndimage.label(kept, structure)[1] == 1
    assert len(np.unique(split)) == total + 1
    assert total >= len(np.unique(labels))


def test_splitting_does_not_run_out_of_numbers_silently():
    labels = np.array([[LARGE, 0, LARGE]], np.uint32)
    with pytest.raises(InputError, match="relabel_sequential"):
        operations.split_disconnected_labels(labels)


def test_expansion_takes_the_nearest_object(sample):
    labels, spacing = sample
    limit = 3.0
    by_label = {
        k: ndimage.distance_transform_edt(labels != k, sampling=spacing) for k in np.unique(labels[labels != 0])
    }
    distances = np.stack(list(by_label.values()))
    nearest = np.array(list(by_label), np.uint32)[np.argmin(distances, axis=0)]
    expected = np.where(distances.min(0) <= limit + 1e-9, nearest, 0)
    np.testing.assert_array_equal(operations.expand_labels(labels, limit, spacing=spacing), expected)
    np.testing.assert_array_equal(operations.dilate_labels(labels, limit, spacing=spacing), expected)
    everywhere = operations.expand_labels_voronoi(labels, spacing=spacing)
    assert everywhere.all()
    for k, distance in by_label.items():
        np.testing.assert_allclose(distance[everywhere == k], distances.min(0)[everywhere == k])


def test_erosion_and_opening_are_those_of_each_object_by_itself(sample):
    labels, spacing = sample
    for radius in (1.0, 2.0):
        element = ball(radius, labels.ndim, spacing)
        eroded = each_object(labels, lambda m, e=element: ndimage.binary_erosion(m, e, border_value=1))
        np.testing.assert_array_equal(operations.erode_labels(labels, radius, spacing=spacing), eroded)
        opened = each_object(eroded, lambda m, e=element: ndimage.binary_dilation(m, e))
        np.testing.assert_array_equal(operations.open_labels(labels, radius, spacing=spacing), opened)


def test_closing_fills_notches_and_keeps_gaps(sample):
    labels, spacing = sample
    radius = 2.0
    closed = operations.close_labels(labels, radius, spacing=spacing)
    np.testing.assert_array_equal(closed[labels != 0], labels[labels != 0])
    element = ball(radius, labels.ndim, spacing)
    for k in np.unique(labels[labels != 0]):
        alone = np.where(labels == k, k, 0).astype(np.uint32)
        expected = ndimage.binary_erosion(ndimage.binary_dilation(alone != 0, element), element, border_value=1)
        got = operations.close_labels(alone, radius, spacing=spacing) != 0
        np.testing.assert_array_equal(got, expected)
        # With others around it gets no more than alone.
        assert not ((closed == k) & ~expected).any()


def test_smoothing_keeps_a_straight_border_and_rounds_a_corner():
    labels = np.zeros((24, 40), np.uint32)
    labels[:, :20], labels[:, 20:] = 5, LARGE
    np.testing.assert_array_equal(operations.smooth_labels(labels, 2.0), labels)
    labels[:12] = 0
    smooth = operations.smooth_labels(labels, 2.0)
    assert (smooth[12:, 19] == 5).mean() > 0.8
    square = np.zeros((30, 30), np.uint32)
    square[8:22, 8:22] = 3
    square[15, 22:27] = 3
    rounded = operations.smooth_labels(square, 2.0)
    assert rounded[8, 8] == 0
    assert rounded[15, 25] == 0
    assert rounded[10:20, 10:20].all()
    assert abs(int((rounded != 0).sum()) - 14**2) < 14


def test_smoothing_is_a_vote_with_weights(sample):
    labels, spacing = sample
    sigmas = 1.2 / np.array(spacing or (1,) * labels.ndim)
    ids = np.unique(labels)
    weights = [ndimage.gaussian_filter((labels == k).astype(np.float32), sigmas, mode="nearest") for k in ids]
    expected = ids[np.argmax(weights, axis=0)]
    margin = np.sort(weights, axis=0)
    clear = margin[-1] - margin[-2] > 1e-5
    got = operations.smooth_labels(labels, 1.2, spacing=spacing)
    np.testing.assert_array_equal(got[clear], expected[clear])


@pytest.mark.parametrize("shape", ["ball", "box"])
def test_the_mode_filter_counts(sample, shape):
    labels, spacing = sample
    labels = labels[..., :20, :20]
    element = ball(2.0, labels.ndim, spacing)
    if shape == "box":
        element = np.ones([2 * int(2.0 / s + 0.5) + 1 for s in spacing or (1,) * labels.ndim], bool)
    got = operations.mode_filter_labels(labels, 2.0, shape=shape, spacing=spacing)
    ids = np.unique(labels)
    counts = np.stack([ndimage.convolve((labels == k).astype(int), element.astype(int), mode="constant") for k in ids])
    most = counts.max(0)
    own = np.take_along_axis(counts, np.searchsorted(ids, labels)[None], 0)[0]
    np.testing.assert_array_equal(got, np.where(own == most, labels, ids[counts.argmax(0)]))


def test_holes_are_filled_object_by_object(sample):
    labels, spacing = sample
    labels = operations.close_labels(labels, 1.0)
    rng = np.random.default_rng(3)
    labels[rng.random(labels.shape) < 0.03] = 0
    expected = labels.copy()
    for k in np.unique(labels[labels != 0]):
        filled = ndimage.binary_fill_holes(labels == k)
        expected[filled & (labels == 0)] = k
    assert (expected != labels).any()
    np.testing.assert_array_equal(operations.fill_label_holes(labels), expected)
    pixel = np.prod(spacing) if spacing else 1.0
    np.testing.assert_array_equal(
        operations.fill_label_holes(labels, maximum_size=pixel, spacing=spacing),
        operations.fill_label_holes(labels, maximum_size=1),
    )


def test_a_hole_with_an_object_in_it_is_filled_around_the_object():
    labels = np.zeros((15, 15), np.uint32)
    labels[2:13, 2:13], labels[4:11, 4:11], labels[6:9, 6:9], labels[7, 7] = 9, 0, 4, 0
    filled = operations.fill_label_holes(labels)
    assert (filled[2:13, 2:13] != 0).all()
    assert (filled[6:9, 6:9] == 4).all()
    assert filled[5, 5] == 9
    small = operations.fill_label_holes(labels, maximum_size=4)
    assert small[7, 7] == 4
    assert small[5, 5] == 0


def test_a_gap_between_objects_is_no_hole():
    labels = np.zeros((9, 9), np.uint8)
    labels[1:8, 1:4], labels[1:8, 4:8], labels[4, 4] = 1, 2, 0
    labels[4, 3] = 0
    assert (operations.fill_label_holes(labels)[4, 3:5] == 0).all()


HALOS = ["expand_labels", "dilate_labels", "erode_labels", "open_labels", "close_labels", "smooth_labels",
         "mode_filter_labels", "find_label_outlines", "reduce_labels_to_outlines"]  # fmt: skip


@pytest.mark.parametrize("name", HALOS)
def test_blocks_equal_the_whole_also_with_anisotropic_pixels(name, sample):
    da = pytest.importorskip("dask.array")
    labels, spacing = sample
    operation = CATALOGUE[name]
    settings = {p.name: 2.3 for p in operation.settings if p.name in ("radius", "distance", "sigma")}
    settings |= {"spacing": spacing} if any(p.kind == "spacing" for p in operation.settings) else {}
    lazy = da.from_array(labels, chunks=tuple(max(5, n // 3) for n in labels.shape))
    got = operation(lazy, **settings).compute(scheduler="synchronous")
    np.testing.assert_array_equal(got, operation(labels, **settings))


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("mask_labels", {"keep": "inside"}),
        ("mask_labels", {"keep": "outside"}),
        ("find_label_outlines", {"where": "inner"}),
        ("find_label_outlines", {"where": "outer"}),
        ("find_label_outlines", {"where": "both"}),
        ("reduce_labels_to_outlines", {}),
        ("relabel_sequential", {"order": "label"}),
        ("relabel_sequential", {"order": "size"}),
        ("combine_labels", {"on_top": "other"}),
        ("combine_labels", {"on_top": "labels"}),
    ],
)
def test_opencl_gives_the_same_labels(name, settings, shape):
    operation = CATALOGUE[name]
    labels = tissue(shape, large=False)
    second = tissue(shape, seed=1, large=False) if name == "combine_labels" else labels % 3 == 0
    arrays = [labels, second][: len(operation.arrays)]
    there = operation(*(device.push(a) for a in arrays), **settings)
    assert device.is_opencl(there)
    np.testing.assert_array_equal(device.pull(there), operation(*arrays, **settings))


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("name", ["relabel_sequential", "combine_labels", "label_distance_map"])
def test_ids_that_float32_does_not_hold_are_renumbered_right_on_the_device(name):
    labels = np.zeros((8, 9), np.uint32)
    labels[2:4, 2:5], labels[2:4, 5:7], labels[6] = 16_777_216, 16_777_217, LARGE
    operation = CATALOGUE[name]
    arrays = [labels, labels.T.copy().reshape(8, 9)][: len(operation.arrays)]
    there = operation(*(device.push(a) for a in arrays))
    np.testing.assert_array_equal(device.pull(there), operation(*arrays))
