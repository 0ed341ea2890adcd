"""Watersheds are those of scikit-image, keep ids, and are the same on blocks."""

import numpy as np
import pytest
from scipy import ndimage, spatial
from skimage import measure, segmentation

from bioloom import operations
from bioloom.errors import InputError
from bioloom.operations import CATALOGUE
from bioloom.operations._watershed import watershed

SHAPES = {"2D": (50, 64), "3D": (10, 24, 26)}
CHUNKS = {2: (17, 23), 3: (5, 11, 13)}


def no_two_alike(shape, seed=0):
    """An image in which every pixel has a brightness of its own, smooth or not."""
    noise = np.random.default_rng(seed).normal(size=shape)
    if seed % 2:
        noise = ndimage.gaussian_filter(noise, 2)
    return np.argsort(np.argsort(noise, axis=None)).reshape(shape)


def random_seeds(shape, n=12, seed=0):
    rng = np.random.default_rng(seed)
    seeds = np.zeros(shape, np.uint32)
    seeds.flat[rng.choice(seeds.size, n, replace=False)] = np.arange(1, n + 1)
    return seeds


def blotches(shape, seed=0, share=0.6):
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return smooth > np.quantile(smooth, 1 - share)


def tissue(side=120, n=25, seed=0, noise=5.0):
    """Cells with bright membranes, and a nucleus in each: image, nuclei, cells."""
    rng = np.random.default_rng(seed)
    step = side / np.sqrt(n)
    places = np.stack(np.meshgrid(*[(np.arange(int(np.sqrt(n))) + 0.5) * step] * 2, indexing="ij"), -1).reshape(-1, 2)
    places = places + rng.uniform(-0.15 * step, 0.15 * step, places.shape)
    grid = np.argwhere(np.ones((side, side)))
    distance, nearest = spatial.cKDTree(places).query(grid, k=2)
    cells = nearest[:, 0].reshape(side, side) + 1
    membrane = np.exp(-((distance[:, 1] - distance[:, 0]) ** 2) / 8).reshape(side, side)
    image = 20 + 100 * membrane + rng.normal(0, noise, membrane.shape)
    nuclei = np.where(distance[:, 0].reshape(side, side) < 0.2 * step, cells, 0)
    return image, nuclei.astype(np.uint32), cells.astype(np.uint32)


def agreement(found, truth):
    """Return the share of pixels that lie in the object that covers most of their own one."""
    best = [np.bincount(found[truth == k]).max() for k in np.unique(truth) if k]
    return sum(best) / np.count_nonzero(truth)


def lazy(array, chunks):
    return pytest.importorskip("dask.array").from_array(array, chunks=chunks)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_watershed_equals_scikit_image(shape, seed, dtype):
    image = no_two_alike(shape, seed).astype(dtype)
    if dtype is np.int64:
        image = image * 10**12 - 10**15
    seeds, mask = random_seeds(shape, seed=seed), blotches(shape, seed)
    for inside in (None, mask):
        expected = segmentation.watershed(image, seeds.astype(np.int32), mask=inside)
        np.testing.assert_array_equal(operations.seeded_watershed(image, seeds, inside), expected)


@pytest.mark.parametrize("compactness", [0.5, 20.0, 1e4])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_compact_watershed_equals_scikit_image(shape, compactness):
    image = no_two_alike(shape, 1) + np.random.default_rng(0).random(shape)
    seeds, mask = random_seeds(shape), blotches(shape)
    for inside in (None, mask):
        expected = segmentation.watershed(image, seeds.astype(np.int32), mask=inside, compactness=compactness)
        np.testing.assert_array_equal(operations.seeded_watershed(image, seeds, inside, compactness), expected)


def test_compact_objects_are_rounder_in_units_of_space():
    image = np.random.default_rng(0).normal(size=(60, 60))
    seeds = np.zeros(image.shape, np.uint32)
    seeds[15::30, 15::30] = [[1, 2], [3, 4]]
    sizes = [np.bincount(operations.seeded_watershed(image, seeds, compactness=c).ravel())[1:] for c in (0, 100)]
    assert np.ptp(sizes[1]) < 0.2 * np.ptp(sizes[0])
    # Between two seeds one above the other and two side by side the border lies by distance, not by pixels.
    flat, seeds = np.zeros((31, 31)), np.zeros((31, 31), np.uint32)
    seeds[15, 5], seeds[15, 25], seeds[5, 15] = 1, 2, 3
    for spacing in (None, (4.0, 1.0)):
        found = operations.seeded_watershed(flat, seeds, compactness=1.0, spacing=spacing)
        places = np.argwhere(seeds) * (spacing or (1, 1))
        order = seeds[seeds > 0]
        distance = spatial.distance.cdist(np.argwhere(flat == 0) * (spacing or (1, 1)), places)
        clear = np.diff(np.sort(distance, axis=1)[:, :2], axis=1)[:, 0] > 2
        assert (found.ravel()[clear] == order[distance.argmin(axis=1)][clear]).mean() > 0.99


def test_even_ground_is_shared_evenly():
    # Of pixels that are equally bright the one reached first goes first: fronts move at one speed.
    seeds = np.zeros((21, 41), np.uint32)
    seeds[10, 10], seeds[10, 30] = 1, 2
    for flat in (np.zeros(seeds.shape, np.uint8), np.full(seeds.shape, 0.1)):
        found = operations.seeded_watershed(flat, seeds)
        assert (found[:, :20] == 1).all()
        assert (found[:, 21:] == 2).all()
    # Also where so many values differ elsewhere that they are sorted.
    noisy = np.concatenate([np.zeros(seeds.shape), np.random.default_rng(0).random((20, 41)) + 1])
    found = operations.seeded_watershed(noisy, np.concatenate([seeds, np.zeros((20, 41), np.uint32)]))
    assert (found[:21, :20] == 1).all()
    assert (found[:21, 21:] == 2).all()


def test_ids_are_kept_whatever_they_are():
    image = no_two_alike(SHAPES["2D"], 1)
    seeds = random_seeds(SHAPES["2D"], 3)
    names = np.array([0, 4_294_967_295, 7, 70_000], np.uint32)
    np.testing.assert_array_equal(
        operations.seeded_watershed(image, names[seeds]), names[operations.seeded_watershed(image, seeds)]
    )
    np.testing.assert_array_equal(operations.seeded_watershed(image, names[seeds].astype(np.float64)),
                                  names[operations.seeded_watershed(image, seeds)])  # fmt: skip


def test_seeds_outside_of_the_mask_do_not_count():
    image, mask = no_two_alike(SHAPES["2D"]), np.zeros(SHAPES["2D"], bool)
    mask[10:30, 10:30] = True
    seeds = np.zeros(mask.shape, np.uint32)
    seeds[5, 5] = 1
    assert not operations.seeded_watershed(image, seeds, mask).any()
    seeds[20, 20] = 2
    np.testing.assert_array_equal(operations.seeded_watershed(image, seeds, mask), 2 * mask)
    full = np.arange(1, 13, dtype=np.uint32).reshape(3, 4)
    np.testing.assert_array_equal(operations.seeded_watershed(np.zeros((3, 4)), full), full)
    assert not operations.seeded_watershed(np.zeros((3, 4)), np.zeros((3, 4), np.uint8)).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.float32])
def test_dark_borders(dtype):
    image, nuclei, cells = tissue(noise=2)
    bright = operations.seeded_watershed(image, nuclei)
    inverted = (200 - image).astype(dtype)
    dark = operations.seeded_watershed(inverted, nuclei, borders="dark")
    assert agreement(bright, cells) > 0.95
    assert agreement(dark, cells) > 0.95
    assert agreement(operations.seeded_watershed(inverted, nuclei), cells) < 0.9


def test_cells_from_nuclei_and_membranes():
    image, nuclei, cells = tissue()
    found = operations.seeded_watershed(image, nuclei, compactness=0.1)
    assert set(np.unique(found)) == set(np.unique(cells))
    assert agreement(found, cells) > 0.95
    tissue_only = np.zeros(image.shape, bool)
    tissue_only[20:100, 20:100] = True
    inside = operations.seeded_watershed(image, nuclei, tissue_only)
    assert not inside[~tissue_only].any()
    settings = operations.seeded_watershed.suggested(image, nuclei)
    size = np.median(np.bincount(nuclei.ravel())[1:])
    assert settings["minimum_size"] == pytest.approx(size / 2, rel=0.1)
    assert set(np.unique(operations.seeded_watershed(image, nuclei, **settings))) == set(np.unique(cells))
    assert operations.seeded_watershed.suggested(image, np.zeros(image.shape, np.uint8)) == {}


def test_small_cells_are_left_out():
    image, seeds = no_two_alike(SHAPES["2D"]), random_seeds(SHAPES["2D"])
    everything = operations.seeded_watershed(image, seeds)
    counts = np.bincount(everything.ravel())
    limit = float(np.median(counts[1:]))
    large = operations.seeded_watershed(image, seeds, minimum_size=limit)
    np.testing.assert_array_equal(large, np.where(counts[everything] >= limit, everything, 0))
    spaced = operations.seeded_watershed(image, seeds, minimum_size=limit / 4, spacing=(0.5, 0.5))
    np.testing.assert_array_equal(spaced, large)


@pytest.mark.parametrize("kind", ["float", "bytes"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_watershed_on_blocks_equals_the_whole(ndim, kind):
    shape = SHAPES[f"{ndim}D"]
    image = no_two_alike(shape, 1).astype(np.float32)
    if kind == "bytes":
        image = (image * 7 / image.max()).astype(np.uint8)  # almost all pixels have equals
    seeds, mask = random_seeds(shape, 40), blotches(shape, 3)
    spacing = (2.0, 1.0, 0.5)[-ndim:]
    for settings in ({}, {"compactness": 3.0, "spacing": spacing}, {"minimum_size": 12.0}, {"borders": "dark"}):
        given = {"image": image, "seeds": seeds, "mask": mask}
        whole = operations.seeded_watershed(**given, **settings)
        blocks = operations.seeded_watershed(**{k: lazy(v, CHUNKS[ndim]) for k, v in given.items()}, **settings)
        assert blocks.numblocks != (1,) * ndim
        np.testing.assert_array_equal(blocks.compute(scheduler="synchronous"), whole)
    without = operations.seeded_watershed(lazy(image, 9), lazy(seeds, 9), minimum_size=30)
    np.testing.assert_array_equal(
        without.compute(scheduler="synchronous"), operations.seeded_watershed(image, seeds, minimum_size=30)
    )


@pytest.mark.parametrize("ndim", [2, 3])
def test_membranes_on_blocks_equal_the_whole(ndim):
    shape = SHAPES[f"{ndim}D"]
    image = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=shape), 1).astype(np.float32)
    mask, spacing = blotches(shape, 3, 0.7), (2.0, 1.0, 0.8)[-ndim:]
    for settings in ({"spot_sigma": 1.0}, {"spot_sigma": 1.5, "compactness": 0.1, "minimum_size": 6.0}):
        settings |= {"outline_sigma": 0.5, "spacing": spacing}
        whole = operations.local_minima_seeded_watershed(image, mask=mask, **settings)
        blocks = operations.local_minima_seeded_watershed(lazy(image, CHUNKS[ndim]), mask=lazy(mask, 15), **settings)
        assert whole.max() > 5
        np.testing.assert_array_equal(blocks.compute(scheduler="synchronous"), whole)
    one = operations.local_minima_seeded_watershed(lazy(image, 9), 1.0)
    np.testing.assert_array_equal(
        one.compute(scheduler="synchronous"), operations.local_minima_seeded_watershed(image, 1.0)
    )


def test_bad_pixels_in_blocks_are_refused():
    image = np.zeros((20, 20))
    image[15, 15] = np.nan
    seeds, mask = np.eye(20, dtype=np.uint8), np.ones((20, 20), bool)
    for call in (
        lambda: operations.seeded_watershed(lazy(image, 8), seeds, mask),
        lambda: operations.seeded_watershed(lazy(image, 8), seeds),
        lambda: operations.local_minima_seeded_watershed(lazy(image, 8), mask=mask),
        lambda: operations.local_minima_seeded_watershed(lazy(image, 8)),
    ):
        with pytest.raises(InputError, match="NaN"):
            call().compute(scheduler="synchronous")
    with pytest.raises(InputError, match="fractions"):
        operations.seeded_watershed(lazy(np.zeros((20, 20)), 8), seeds / 2, mask).compute(scheduler="synchronous")


def test_membranes_equal_the_steps_of_napari_segment_blobs():
    image, _, _ = tissue()
    image = image.astype(np.float32)
    spots, outline = (ndimage.gaussian_filter(image, s, mode="nearest", truncate=4) for s in (4, 1))
    lowest = (spots == ndimage.minimum_filter(spots, 3, mode="nearest")).astype(bool)
    expected = segmentation.watershed(outline, measure.label(lowest, connectivity=2))
    found = operations.local_minima_seeded_watershed(image, 4, 1)
    assert found.max() == expected.max()
    assert agreement(found, expected) == 1


@pytest.mark.parametrize("n", [16, 36])
def test_cells_without_nuclei_by_suggested_settings(n):
    image, _, cells = tissue(n=n)
    settings = operations.local_minima_seeded_watershed.suggested(image)
    found = operations.local_minima_seeded_watershed(image, **settings)
    assert abs(int(found.max()) - n) <= max(2, 0.1 * n)
    assert agreement(found, cells) > 0.9
    halved = operations.local_minima_seeded_watershed.suggested(image, spacing=(0.5, 0.5))
    assert halved["spot_sigma"] == pytest.approx(settings["spot_sigma"] / 2, rel=0.05)


def test_dark_regions_are_left_out():
    image, _, cells = tissue()
    dark = cells <= 10
    image = np.where(dark, image * 0.2, image + 40)
    found = operations.thresholded_local_minima_seeded_watershed(image, 4, 1)
    assert not found[:30].any()
    bright = cells > 15
    assert (found[bright] > 0).mean() > 0.95
    everything = operations.local_minima_seeded_watershed(image, 4, 1)
    means = np.append(0, ndimage.mean(image, everything, np.arange(1, everything.max() + 1)))
    given = operations.thresholded_local_minima_seeded_watershed(image, 4, 1, minimum_intensity=50)
    np.testing.assert_array_equal(given > 0, (means > 50)[everything])
    assert not operations.thresholded_local_minima_seeded_watershed(image, minimum_intensity=1e6).any()
    even = operations.thresholded_local_minima_seeded_watershed(np.full((6, 7), 3.0))
    assert (even == 1).all()


def test_a_queue_larger_than_its_tree_of_bits_has_leaves():
    # More pixels than one bough of the tree of bits of the queue spans.
    image = no_two_alike((600, 700), 1).astype(np.float32)
    seeds = random_seeds(image.shape, 30)
    np.testing.assert_array_equal(watershed(image, seeds), segmentation.watershed(image, seeds.astype(np.int32)))


@pytest.mark.parametrize("name", ["seeded_watershed", "local_minima_seeded_watershed", "watershed_otsu_labeling"])
def test_all_are_found_by_the_names_of_other_programs(name):
    assert CATALOGUE[name].category == "Segment/Label"
    assert CATALOGUE[name].keywords


@pytest.mark.parametrize("compactness", [0.0, 0.5])
@pytest.mark.parametrize("shape", [(90, 110), (20, 30, 40)])
def test_watershed_shared_between_cores_is_that_of_one(shape, compactness, monkeypatch):
    from bioloom import device
    from bioloom.operations import _watershed

    height = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=shape), 1.5)
    image = (height * 200 / height.std()).astype(np.int16) // 20  # many pixels have equals
    seeds = ndimage.label(height < -1.2 * height.std())[0].astype(np.uint32)
    for mask in (height < 0, height < -0.5 * height.std(), height < 9):
        alone = operations.seeded_watershed(image, seeds, mask, compactness)
        with monkeypatch.context() as patch:
            patch.setattr(_watershed, "_SHARED", 1)
            patch.setattr(device, "n_cores", lambda: 3)
            np.testing.assert_array_equal(operations.seeded_watershed(image, seeds, mask, compactness), alone)
