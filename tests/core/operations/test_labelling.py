"""Regions, Voronoi–Otsu and its relatives give the right objects, on blocks of any size those of the whole."""

import gc
import os

import numpy as np
import pytest
from scipy import ndimage, spatial
from skimage import filters, measure, segmentation

from bioloom import device, operations
from bioloom.errors import InputError
from bioloom.operations import CATALOGUE

SHAPES = {"2D": (64, 72), "3D": (12, 30, 34)}
CHUNKS = {2: [(17, 23), (64, 9), (5, 72)], 3: [(5, 11, 13), (12, 34, 7)]}


def touching(shape, seed=0, n=18, noise=4.0, dtype=np.float32):
    """Roundish bright objects of which many touch, on noisy dark ground."""
    rng = np.random.default_rng(seed)
    grid = np.indices(shape)
    image = np.zeros(shape)
    for centre in rng.uniform(0, shape, (n, len(shape))):
        square = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))
        image = np.maximum(image, rng.uniform(120, 200) * np.exp(-square / (2 * rng.uniform(2.5, 4) ** 2)))
    return np.clip(image + rng.normal(20, noise, shape), 0, 255).astype(dtype)


def same_partition(a, b):
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]


def in_reading_order(labels):
    ids, firsts = np.unique(labels, return_index=True)
    firsts = firsts[ids > 0]
    return np.array_equal(ids[ids > 0], np.arange(1, len(firsts) + 1)) and np.all(np.diff(firsts) > 0)


def lazy(array, chunks):
    return pytest.importorskip("dask.array").from_array(array, chunks=chunks)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("diagonal", [True, False])
def test_regions_equal_those_of_scipy(seed, diagonal):
    rng = np.random.default_rng(seed)
    ndim = 2 + seed % 2
    mask = rng.random(rng.integers(1, 14, ndim)) > rng.random()
    structure = ndimage.generate_binary_structure(ndim, ndim if diagonal else 1)
    found = operations.connected_components(mask, diagonal=diagonal)
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, ndimage.label(mask, structure)[0])
    np.testing.assert_array_equal(operations.connected_components(mask * 0.3, diagonal=diagonal), found)


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_regions_are_joined_over_blocks(seed, diagonal):
    rng = np.random.default_rng(seed)
    ndim = 2 + seed % 2
    mask = rng.random((25, 31) if ndim == 2 else (9, 12, 13)) > (0.6 if ndim == 2 else 0.75)
    chunks = tuple(rng.integers(4, 14, ndim).tolist())
    for least in (0, 4):
        settings = {"diagonal": diagonal, "minimum_size": least}
        blocks = operations.connected_components(lazy(mask, chunks), **settings)
        np.testing.assert_array_equal(
            blocks.compute(scheduler="synchronous"), operations.connected_components(mask, **settings)
        )


def test_a_spiral_through_all_blocks_is_one_region():
    mask = np.zeros((41, 41), bool)
    top, left, bottom, right = 0, 0, 40, 40
    while top < bottom:
        mask[top, left : right + 1] = mask[top : bottom + 1, right] = mask[bottom, left + 2 : right + 1] = True
        mask[top + 2 : bottom + 1, left + 2] = True
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    expected = operations.connected_components(mask, diagonal=False)
    blocks = operations.connected_components(lazy(mask, 6), diagonal=False)
    np.testing.assert_array_equal(blocks.compute(), expected)


def test_small_regions_are_left_out_in_units():
    mask = np.zeros((9, 20), bool)
    mask[1:3, 1:3], mask[5:8, 4:8], mask[0, 15] = True, True, True
    found = operations.connected_components(mask, minimum_size=4)
    assert found.max() == 2
    assert in_reading_order(found)
    np.testing.assert_array_equal(operations.connected_components(mask, minimum_size=1, spacing=(0.5, 0.5)), found)
    assert operations.connected_components(mask, minimum_size=4.1).max() == 1


def test_files_of_blocks_are_removed(tmp_path, monkeypatch):
    dask = pytest.importorskip("dask")
    mask = np.random.default_rng(0).random((30, 30)) > 0.5
    with dask.config.set({"temporary-directory": str(tmp_path)}):
        result = operations.connected_components(lazy(mask, 11))
        assert not os.listdir(tmp_path)
        for _ in range(2):
            np.testing.assert_array_equal(result.compute(), operations.connected_components(mask))
        gc.collect()
        assert not os.listdir(tmp_path)


# ------------------------------------------------------------------------------------------------ Voronoi–Otsu
def chain(image, spot, outline):
    """Voronoi–Otsu by SciPy and scikit-image, objects grown by distance within the mask."""
    smooth = [
        ndimage.gaussian_filter(image.astype(np.float32), sigma, mode="nearest", truncate=4)
        for sigma in (spot, outline)
    ]
    mask = smooth[1] > filters.threshold_otsu(smooth[1])
    peaks = (smooth[0] == ndimage.maximum_filter(smooth[0], 3, mode="nearest")) & mask
    seeds = measure.label(peaks, connectivity=image.ndim)
    return mask, seeds


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_voronoi_otsu_finds_the_seeds_and_outlines_of_its_steps(shape, dtype):
    image = touching(shape, dtype=dtype)
    labels = operations.voronoi_otsu_labeling(image, 2, 1)
    mask, seeds = chain(image, 2, 1)
    assert labels.dtype == np.uint32
    assert in_reading_order(labels)
    assert (np.count_nonzero((labels > 0) != mask)) <= 2
    assert labels.max() == seeds.max() > 8
    # Each seed is in an object of its own, and objects are in one piece.
    assert len(np.unique(labels[seeds > 0])) == seeds.max()
    for k in range(1, labels.max() + 1):
        assert ndimage.label(labels == k, np.ones((3,) * image.ndim))[1] == 1
    # Most pixels belong to the nearest seed.
    centres = np.array(ndimage.center_of_mass(seeds > 0, seeds, np.arange(1, seeds.max() + 1)))
    where = np.argwhere(labels > 0)
    nearest = spatial.cKDTree(centres).query(where)[1]
    own = labels[tuple(np.rint(centres).astype(int).T)]
    assert (own[nearest] == labels[labels > 0]).mean() > 0.9


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ndim", [2, 3])
def test_voronoi_otsu_on_blocks_equals_the_whole(ndim, seed):
    shape = SHAPES[f"{ndim}D"]
    image = touching(shape, seed, n=30)
    spacing = (2.0, 1.0, 0.5)[-ndim:] if seed == 2 else None
    mask = np.arange(shape[-1]) < 60 * np.ones(shape)
    for settings in ({}, {"minimum_size": 25}):
        settings |= {"spot_sigma": 2.0, "outline_sigma": 1.0, "spacing": spacing}
        whole = operations.voronoi_otsu_labeling(image, **settings)
        masked = operations.voronoi_otsu_labeling(image, mask=mask, **settings)
        assert whole.max() > 5
        for chunks in CHUNKS[ndim]:
            blocks = operations.voronoi_otsu_labeling(lazy(image, chunks), **settings)
            assert blocks.dtype == np.uint32
            np.testing.assert_array_equal(blocks.compute(scheduler="synchronous"), whole)
        blocks = operations.voronoi_otsu_labeling(lazy(image, chunks), mask=lazy(mask, 19), **settings)
        np.testing.assert_array_equal(blocks.compute(scheduler="synchronous"), masked)


def test_blocks_may_be_computed_by_threads_and_in_parts():
    image = touching(SHAPES["2D"], n=30)
    whole = operations.voronoi_otsu_labeling(image, 2, 1)
    blocks = operations.voronoi_otsu_labeling(lazy(image, 20), 2, 1)
    np.testing.assert_array_equal(blocks.compute(scheduler="threads"), whole)
    # A part of the result is that part.
    np.testing.assert_array_equal(blocks[10:30, 40:].compute(scheduler="threads"), whole[10:30, 40:])


def test_voronoi_otsu_in_a_mask():
    image = touching(SHAPES["2D"], n=12)
    image[:, 40:] += 500  # a bright artefact that spoils the threshold
    mask = np.zeros(image.shape, np.uint8)
    mask[:, :40] = 1
    labels = operations.voronoi_otsu_labeling(image, 2, 1, mask=mask)
    assert not labels[:, 40:].any()
    clean = operations.voronoi_otsu_labeling(image[:, :40], 2, 1)
    assert abs(int(labels.max()) - int(clean.max())) <= 1
    assert operations.voronoi_otsu_labeling(image, 2, 1)[:, 40:].all()


def test_small_objects_are_left_out():
    image = touching(SHAPES["2D"])
    everything = operations.voronoi_otsu_labeling(image, 1, 1)
    sizes = np.bincount(everything.ravel())[1:]
    limit = float(np.median(sizes))
    large = operations.voronoi_otsu_labeling(image, 1, 1, minimum_size=limit)
    assert large.max() == np.count_nonzero(sizes >= limit)
    assert in_reading_order(large)
    np.testing.assert_array_equal(large > 0, np.append(False, sizes >= limit)[everything])


@pytest.mark.parametrize("radius", [6, 12, 20])
def test_the_size_of_objects_is_estimated(radius):
    side = 14 * radius
    rng = np.random.default_rng(0)
    y, x = np.indices((side, side))
    image = rng.normal(20, 5, (side, side))
    places = [(i, j) for i in range(6) for j in range(6)]
    for i, j in places:
        # Half of them touch their neighbour.
        cy, cx = (i + 0.7) * 2.25 * radius, (j + 0.7) * (2.0 if i % 2 else 2.3) * radius
        image[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] += 100
    settings = operations.voronoi_otsu_labeling.suggested(image)
    assert settings["spot_sigma"] == pytest.approx(radius / 2, rel=0.25)
    assert 1 <= settings["outline_sigma"] <= 3
    assert 0 < settings["minimum_size"] < np.pi * radius**2 / 4
    found = operations.voronoi_otsu_labeling(image, **settings)
    assert abs(int(found.max()) - len(places)) <= 1
    physical = operations.voronoi_otsu_labeling.suggested(image, spacing=(0.5, 0.5))
    assert physical["spot_sigma"] == pytest.approx(settings["spot_sigma"] / 2, rel=0.05)
    with_mask = operations.voronoi_otsu_labeling.suggested(image, mask=np.ones(image.shape, bool))
    assert with_mask == settings


def test_the_size_of_balls_is_estimated_in_an_anisotropic_stack():
    z, y, x = np.indices((12, 60, 60))
    image = np.zeros(z.shape)
    for cz, cy, cx in ((3, 15, 15), (3, 42, 40), (8, 20, 42), (8, 45, 15)):
        image[((z - cz) * 3) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 < 9**2] = 100
    settings = operations.voronoi_otsu_labeling.suggested(image, spacing=(3, 1, 1))
    assert settings["spot_sigma"] == pytest.approx(4.5, rel=0.35)
    assert operations.voronoi_otsu_labeling(image, spacing=(3, 1, 1), **settings).max() == 4


def test_nothing_is_suggested_for_an_image_without_objects():
    for image in (np.zeros((5, 6)), np.full((1, 1), 7), np.full((4, 4, 4), 2.5)):
        for name in CATALOGUE:
            operation = CATALOGUE[name]
            if operation.category == "Segment/Label" and [p.name for p in operation.arrays if p.required] == ["image"]:
                assert operation.suggested(image) == {}


def test_nan_in_a_block_is_refused():
    image = touching(SHAPES["2D"])
    image[50, 50] = np.nan
    names = ("voronoi_otsu_labeling", "gauss_otsu_labeling", "eroded_otsu_labeling", "watershed_otsu_labeling")
    for name in names:
        with pytest.raises(InputError, match="NaN"):
            CATALOGUE[name](lazy(image, 20)).compute(scheduler="synchronous")


# ------------------------------------------------------------------------------------------- its relatives
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_gauss_otsu_equals_its_steps(shape):
    image = touching(shape, n=8)
    smooth = ndimage.gaussian_filter(image, 1.5, mode="nearest", truncate=4)
    expected = measure.label(smooth > filters.threshold_otsu(smooth), connectivity=image.ndim)
    found = operations.gauss_otsu_labeling(image, 1.5)
    assert same_partition(found, expected)
    assert in_reading_order(found)
    whole = operations.gauss_otsu_labeling(image, 1.5, minimum_size=30)
    blocks = operations.gauss_otsu_labeling(lazy(image, 13), 1.5, minimum_size=30)
    np.testing.assert_array_equal(blocks.compute(scheduler="synchronous"), whole)


def test_eroded_otsu_parts_what_touches_a_little():
    y, x = np.indices((50, 90))
    one, other = ((y - 25) ** 2 + (x - c) ** 2 < 16**2 for c in (28, 58))
    image = 100.0 * (one | other)
    assert operations.gauss_otsu_labeling(image).max() == 1
    assert operations.eroded_otsu_labeling(image, erosion=1).max() == 1
    labels = operations.eroded_otsu_labeling(image, erosion=8)
    assert labels.max() == 2
    np.testing.assert_array_equal(labels > 0, operations.gauss_otsu_labeling(image) > 0)
    assert labels[25, 28] != labels[25, 58]
    physical = operations.eroded_otsu_labeling(image, 0.25, 2, spacing=(0.25, 0.25))
    np.testing.assert_array_equal(physical, labels)
    # What is thinner than the erosion is lost.
    image[2:5, :40] = 100
    assert operations.eroded_otsu_labeling(image, erosion=8)[3, 20] == 0


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("eroded_otsu_labeling", {"erosion": 1.2, "minimum_size": 9}),
        ("watershed_otsu_labeling", {"spot_sigma": 1.5, "valley": 0.95}),
        ("watershed_otsu_labeling", {"spot_sigma": 1.0, "minimum_size": 20.0}),
    ],
)
@pytest.mark.parametrize("ndim", [2, 3])
def test_relatives_on_blocks_equal_the_whole(name, settings, ndim):
    image = touching(SHAPES[f"{ndim}D"], seed=4, n=30 if ndim == 2 else 12)
    spacing = (2.0, 1.0, 0.8)[-ndim:]
    whole = CATALOGUE[name](image, spacing=spacing, **settings)
    assert whole.max() > 1
    for chunks in CHUNKS[ndim]:
        blocks = CATALOGUE[name](lazy(image, chunks), spacing=spacing, **settings)
        np.testing.assert_array_equal(blocks.compute(scheduler="synchronous"), whole)


def test_watershed_otsu_cuts_where_it_is_dark():
    y, x = np.indices((50, 90))
    # The border between the objects is not midway between their tops.
    image = 100.0 * np.exp(-((y - 25) ** 2 + (x - 25) ** 2) / 200) + 100 * np.exp(
        -((y - 25) ** 2 + (x - 60) ** 2) / 800
    )
    image[:, 42:44] *= 0.5
    labels = operations.watershed_otsu_labeling(image, 1, 1)
    assert labels.max() == 2
    assert labels[25, 40] == labels[25, 25] != labels[25, 60] == labels[25, 46]
    assert operations.watershed_otsu_labeling(image, 1, 1, valley=0.1).max() == 1
    smooth = ndimage.gaussian_filter(image.astype(np.float32), 1, mode="nearest", truncate=4)
    np.testing.assert_array_equal(labels > 0, smooth > filters.threshold_otsu(smooth))
    np.testing.assert_array_equal(
        operations.watershed_otsu_labeling(image + 5000, 1, 1), operations.watershed_otsu_labeling(image, 1, 1)
    )


@pytest.mark.parametrize("stretched", [False, True])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_voronoi_gives_pixels_to_the_nearest_spot(shape, stretched):
    rng = np.random.default_rng(0)
    spots = np.zeros(shape, bool)
    spots[tuple(rng.integers(0, n, 9) for n in shape)] = True
    spacing = (3.0, 1.0, 0.5)[-len(shape) :] if stretched else (1.0,) * len(shape)
    found = operations.voronoi_labeling(spots, spacing=spacing)
    seeds = ndimage.label(spots, np.ones((3,) * len(shape)))[0]
    places = np.argwhere(spots) * spacing
    tree = spatial.cKDTree(places)
    distance, _ = tree.query(np.argwhere(np.ones(shape)) * spacing)
    own = np.array([np.min(np.linalg.norm(places[seeds[spots] == k], axis=1)) for k in range(1, seeds.max() + 1)])
    assert own.size == found.max()
    for k in range(1, seeds.max() + 1):
        mine = np.argwhere(found == k) * spacing
        to_own, _ = spatial.cKDTree(np.argwhere(seeds == k) * spacing).query(mine)
        np.testing.assert_allclose(to_own, tree.query(mine)[0])
    mask = distance.reshape(shape) < 6
    np.testing.assert_array_equal(operations.voronoi_labeling(spots, mask, spacing=spacing), np.where(mask, found, 0))
    assert not operations.voronoi_labeling(np.zeros((3, 4))).any()


@pytest.mark.parametrize("spacing", [None, (0.5, 0.3), (2.0, 0.7, 0.7)])
def test_splitting_on_blocks_equals_the_whole(spacing):
    ndim = len(spacing) if spacing else 2
    image = touching(SHAPES[f"{ndim}D"], seed=1, n=30)
    mask = image > filters.threshold_otsu(image)
    whole = operations.split_touching_objects(mask, smoothing=0.7, spacing=spacing)
    assert whole.max() > 5
    for chunks in CHUNKS[ndim]:
        blocks = operations.split_touching_objects(lazy(mask, chunks), smoothing=0.7, spacing=spacing)
        np.testing.assert_array_equal(blocks.compute(scheduler="synchronous"), whole)


def test_voronoi_otsu_equals_a_watershed_of_the_mask_on_most_pixels():
    image = touching((200, 200), n=120)
    labels = operations.voronoi_otsu_labeling(image, 2, 1)
    mask, seeds = chain(image, 2, 1)
    peer = segmentation.watershed(-ndimage.gaussian_filter(image, 2), seeds, mask=mask)
    assert peer.max() == labels.max()
    best = [np.bincount(peer[labels == k]).max() for k in range(1, labels.max() + 1)]
    assert sum(best) / mask.sum() > 0.9


# ---------------------------------------------------------------------------------------------------- OpenCL
@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", ["voronoi_otsu_labeling", "gauss_otsu_labeling"])
def test_opencl_finds_the_same_objects(name, shape):
    image = touching(shape, n=12)
    more = {"minimum_size": 20.0}
    there = CATALOGUE[name](device.push(image), **more)
    assert device.is_opencl(there)
    there, here = device.pull(there), CATALOGUE[name](image, **more)
    assert there.max() == here.max()
    assert ((there > 0) == (here > 0)).mean() > 0.999
    best = [np.bincount(there[here == k]).max() for k in range(1, here.max() + 1)]
    assert sum(best) / np.count_nonzero(here) > 0.97
