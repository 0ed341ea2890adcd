"""Operations that need more than a halo give the pixels of the whole image on Dask arrays, wherever blocks begin."""

import numpy as np
import pytest
from scipy import ndimage

from bioloom import operations
from bioloom.errors import InputError
from bioloom.operations._order_statistics import median_of_blocks, ranked_pixels
from bioloom.operations._scratch import repeated

da = pytest.importorskip("dask.array")


def texture(shape, seed=0):
    """Smooth noise: structures of a few pixels, many of which cross borders of blocks."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.2)
    return noise / noise.std()


def ids(shape):
    """Objects with ids in no order, with gaps, up to the largest there is."""
    labels = ndimage.label(texture(shape) > 0.3)[0]
    names = np.random.default_rng(0).permutation(np.arange(1, 1 + 3 * labels.max()))[: labels.max()]
    names[:2] = 2**32 - 1, 70_000
    return np.append(0, names)[labels].astype(np.uint32)


def stepped(shape):
    """Whole numbers with plateaus that cross borders of blocks."""
    return np.clip(texture(shape) * 2 + 5, 0, 9).astype(np.uint8)


def image(shape):
    return (50 * texture(shape) + 300).astype(np.float32)


def spotty(shape):
    points = np.zeros(shape)
    points[tuple(np.random.default_rng(0).integers(0, n, 25) for n in shape)] = 4000
    return image(shape) / 10 + ndimage.gaussian_filter(points, 1.0).astype(np.float32)


def mask(shape):
    return texture(shape) > 0.1


def patchy(shape):
    pixels = image(shape)
    pixels[::5] = np.nan
    return pixels


CALLS = [
    ("fill_holes", mask, {}),
    ("fill_holes", mask, {"maximum_size": 6.0}),
    ("skeletonize", mask, {}),
    ("local_maxima", stepped, {}),
    ("local_minima", stepped, {}),
    ("local_minima", mask, {}),
    ("local_maxima", image, {"sigma": 1.0}),
    ("canny", image, {"sigma": 0.7}),
    ("canny", image, {"sigma": 0.7, "low": 2.0, "high": 9.0}),
    ("threshold_hysteresis", image, {"diagonal": True}),
    ("frangi", image, {"smallest": 1.0, "largest": 1.5, "scales": 2, "ridges": "dark"}),
    ("frangi", image, {"gamma": 4.0, "scales": 1}),
    ("rolling_ball", image, {"radius": 4.0}),
    ("rolling_ball", stepped, {"radius": 11.0, "height": 3.0}),
    ("spots_log", spotty, {"radius": 1.5}),
    ("spots_log", stepped, {"radius": 2.0, "threshold": 0.5, "mark": "point"}),
    ("spots_dog", spotty, {"radius": 2.0}),
    ("remove_labels_at_edges", ids, {"edges": "lateral"}),
    ("remove_labels_by_size", ids, {"minimum": 5.0, "maximum": 60.0}),
    ("relabel_sequential", ids, {}),
    ("relabel_sequential", ids, {"order": "size"}),
    ("relabel_sequential", ids, {"order": "position"}),
    ("label_distance_map", ids, {}),
    ("invert", stepped, {}),
    ("gamma_correction", image, {"gamma": 2.0}),
    ("rescale_intensity", image, {"lower": 2.0, "upper": 99.5}),
    ("rescale_intensity", stepped, {"lower": 10.0}),
    ("replace_nan", patchy, {}),
    ("kmeans", image, {"classes": 4}),
]


@pytest.mark.parametrize(("name", "make", "settings"), CALLS, ids=lambda v: getattr(v, "__name__", str(v)))
@pytest.mark.parametrize(("shape", "chunks"), [((45, 57), 15), ((11, 42, 34), (11, 21, 17))], ids=["2D", "3D"])
def test_blocks_equal_the_whole(name, make, settings, shape, chunks):
    operation, pixels = operations.CATALOGUE[name], make(shape)
    settings = dict(settings)
    if "spacing" in operation.parameters:
        settings["spacing"] = (1.5, 1.0, 0.8)[-len(shape) :]
    lazy = operation(da.from_array(pixels, chunks=chunks), **settings)
    assert operation.works_on_blocks
    assert lazy.npartitions > 1
    computed = lazy.compute(scheduler="synchronous")
    whole = operation(pixels, **settings)
    assert lazy.dtype == computed.dtype == whole.dtype
    np.testing.assert_array_equal(computed, whole)
    # Not by having found nothing.
    assert np.unique(whole).size > 1


def test_a_hole_that_winds_through_many_blocks_is_filled_and_an_open_one_is_not():
    walls = np.ones((40, 40), bool)
    walls[2:-2, 2:-2] = False
    walls[5:-5:4, 3:-3] = True
    assert operations.fill_holes(da.from_array(walls, chunks=7)).compute(scheduler="synchronous").all()
    walls[20, 38:] = False
    still_open = operations.fill_holes(da.from_array(walls, chunks=7)).compute(scheduler="synchronous")
    np.testing.assert_array_equal(still_open, walls)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 2, 101, 1000])
def test_the_median_of_blocks_is_exact(dtype, size):
    rng = np.random.default_rng(0)
    pixels = (rng.normal(size=size) * 10.0 ** rng.integers(-30, 30, size)).astype(dtype)
    pixels[::7], pixels[1::9] = 0, -0.0
    read, bits = repeated(da.from_array(pixels, chunks=37)), 8 * pixels.itemsize
    assert median_of_blocks(read, size, bits).compute(scheduler="synchronous") == np.median(pixels)
    ranks = [0, size // 3, size - 1]
    found = ranked_pixels(read, ranks, bits).compute(scheduler="synchronous")
    np.testing.assert_array_equal(found, np.sort(pixels)[ranks])


@pytest.mark.parametrize("name", ["rolling_ball", "spots_log", "frangi", "canny", "local_maxima", "kmeans", "invert"])
def test_nan_in_a_block_is_refused_when_it_is_computed(name):
    lazy = operations.CATALOGUE[name](da.from_array(patchy((20, 20)), chunks=10))
    with pytest.raises(InputError, match="NaN"):
        lazy.compute(scheduler="synchronous")


def test_a_mask_whose_columns_lie_side_by_side_in_memory_is_flooded():
    height, seeds = texture((20, 24)), np.zeros((20, 24), np.uint32)
    seeds[5, 5], seeds[12, 18] = 1, 2
    inside = texture((20, 24), seed=1) > -1
    expected = operations.seeded_watershed(height, seeds, inside)
    layouts = [np.asfortranarray(a) for a in (height, seeds, inside)]
    np.testing.assert_array_equal(operations.seeded_watershed(*layouts), expected)
