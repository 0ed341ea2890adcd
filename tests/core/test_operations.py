"""Operations give the right pixels, on every engine and for every shape of data."""

import inspect
import itertools
import re

import numpy as np
import pytest
from scipy import ndimage
from skimage import filters, segmentation

from bioloom import device, operations
from bioloom.errors import InputError
from bioloom.operations import CATALOGUE, over_frames
from bioloom.operations.checks import fits_float32
from bioloom.operations.labelling import otsu_value

SHAPES = {"2D": (61, 83), "3D": (21, 37, 41)}


def blobs(shape, seed=0, dtype=np.float32):
    """Bright round spots on a dark, noisy ground."""
    rng = np.random.default_rng(seed)
    points = np.zeros(shape)
    points[tuple(rng.integers(6, n - 6, 14) for n in shape)] = 1
    image = 4000 * ndimage.gaussian_filter(points, 2) / ndimage.gaussian_filter(points, 2).max() + rng.normal(
        100, 5, shape
    )
    return image.astype(dtype)


def arguments(operation, shape):
    """Real input for every array an operation takes."""
    image = blobs(shape)
    mask = image > filters.threshold_otsu(image)
    labels = ndimage.label(mask)[0].astype(np.uint32)
    seeds = np.where(ndimage.binary_erosion(mask), labels, 0)
    given = {"image": image, "mask": mask, "labels": labels, "seeds": seeds}
    by_kind = {"image": image, "mask": mask, "labels": labels, "surface": tetrahedron()}
    return {p.name: given.get(p.name, by_kind[p.kind]) for p in operation.arrays}


def tetrahedron():
    """The smallest closed surface."""
    vertices = 10 + 5 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32)
    return vertices, np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]]), np.ones(4, np.float32)


def settings_for(operation):
    """Values for settings that have no default."""
    values = {"file": "", "text": "1", "corrections": []}
    return {p.name: values.get(p.kind, 1) for p in operation.settings if p.required}


def takes_pixels(operation):
    return all(p.kind != "surface" for p in operation.arrays)


# Classifiers need a file; other rooms add them to the catalogue, and test them there.
ALONE = [n for n, o in CATALOGUE.items() if not any(p.kind == "file" and p.required for p in o.settings)]
GIVES_PIXELS = [n for n in ALONE if (o := CATALOGUE[n]).gives_pixels and takes_pixels(o)]
PIXELS = [n for n in ALONE if takes_pixels(CATALOGUE[n])]


def same_partition(a, b):
    """Whether two label images are equal up to the numbering."""
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", ALONE)
def test_every_operation_gives_what_it_says_and_does_not_touch_its_input(name, shape):
    operation = CATALOGUE[name]
    given = arguments(operation, shape)
    if takes_pixels(operation) and len(shape) not in operation.ndims:
        with pytest.raises(InputError, match="must be"):
            operation(**given, **settings_for(operation))
        return
    before = {k: v.copy() for k, v in given.items() if isinstance(v, np.ndarray)}
    settings = settings_for(operation)
    result = operation(**given, **settings)
    if operation.returns == "table":
        assert "label" in result.columns
    elif operation.returns == "surface":
        vertices, faces, values = result
        assert vertices.shape == (len(values), 3)
        assert faces.shape[1] == 3
    else:
        assert result.shape == operation.place(shape, settings).shape
        assert result.ndim in (2, 3)
        if operation.returns == "labels":
            assert result.dtype == np.uint32
        if operation.returns == "mask":
            assert result.dtype == bool
    for k, v in before.items():
        np.testing.assert_array_equal(given[k], v)


def of_type(array, kind, dtype):
    """A small array as pixels of another type; images keep some contrast."""
    if kind == "mask":
        return array.astype(dtype)
    if dtype is bool:
        return array > array.mean()
    return np.rint(array / 40 if kind == "image" else array).astype(dtype)


@pytest.mark.parametrize("name", PIXELS)
def test_pixels_of_every_type_and_layout(name):
    operation = CATALOGUE[name]
    shape = (29, 35) if 2 in operation.ndims else (13, 19, 22)
    given, settings = arguments(operation, shape), settings_for(operation)
    kinds = {p.name: p.kind for p in operation.arrays}
    for dtype in (bool, np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64):
        plain = {k: of_type(v, kinds[k], dtype) for k, v in given.items()}
        expected = operation(**plain, **settings)
        if not operation.gives_pixels:
            continue
        assert expected.shape == operation.place(shape, settings).shape
        # Every second pixel along x, columns that lie side by side, and bytes the other way round.
        layouts = [lambda a: np.repeat(a, 2, axis=-1)[..., ::2], np.asfortranarray]
        if np.dtype(dtype).itemsize > 1:
            layouts = [lambda a: a.astype(a.dtype.newbyteorder(">"))]
        for layout in layouts:
            result = operation(**{k: layout(v) for k, v in plain.items()}, **settings)
            assert result.dtype == expected.dtype
            np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("name", ALONE)
def test_every_operation_says_what_it_takes_gives_refuses_and_is_like(name):
    operation = CATALOGUE[name]
    text = inspect.getdoc(operation)
    sections = [line for line, below in itertools.pairwise(text.splitlines()) if set(below) == {"-"}]
    assert sections == ["Parameters", "Returns", "Raises", "Notes"]
    above = text.partition("Returns\n")[0]
    assert [p for p in operation.parameters if not re.search(rf"^(\w+, )*{p}\b", above, re.MULTILINE)] == []
    if name in GIVES_PIXELS:
        assert operation.works_on_blocks or "as one block" in text


@pytest.mark.parametrize("name", PIXELS)
def test_one_pixel_and_a_constant_image(name):
    operation = CATALOGUE[name]
    settings = settings_for(operation)
    for shape in ((1, 1), (5, 7), (1, 1, 1), (1, 4, 4)):
        if len(shape) not in operation.ndims:
            continue
        result = operation(**{p.name: np.zeros(shape, np.uint16) for p in operation.arrays}, **settings)
        if operation.gives_pixels:
            assert result.shape == operation.place(shape, settings).shape
            assert np.isfinite(result).all()
            if operation.returns == "labels":
                assert result.max() <= 1


def test_filters_equal_scipy():
    image = blobs(SHAPES["3D"])
    blurred = ndimage.gaussian_filter(image, 1.5, mode="nearest", truncate=4)
    np.testing.assert_allclose(operations.gaussian_blur(image, sigma=1.5), blurred, rtol=1e-6)
    np.testing.assert_array_equal(operations.median(image, radius=1), ndimage.median_filter(image, 3, mode="nearest"))
    opened = ndimage.grey_opening(image, size=5, mode="nearest")
    np.testing.assert_array_equal(operations.top_hat(image, radius=2), image - opened)
    edges = np.sqrt(sum(ndimage.sobel(image, axis, mode="nearest") ** 2 for axis in range(3)))
    np.testing.assert_allclose(operations.sobel(image), edges, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_otsu_equals_scikit_image(dtype):
    image = (blobs(SHAPES["2D"]) / 40).astype(dtype) if dtype != np.float64 else blobs(SHAPES["2D"], dtype=dtype)
    np.testing.assert_array_equal(operations.threshold_otsu(image), image > filters.threshold_otsu(image))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_the_otsu_value_of_small_whole_numbers_is_that_of_scikit_image(dtype):
    limits = np.iinfo(dtype)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        dark, bright = (rng.normal(m, 0.1, 2000) for m in (0.2, 0.7))
        share = np.clip(np.concatenate([dark, bright]), 0, 1)
        share[:2] = 0, 1
        image = (limits.min + share * (limits.max - limits.min)).astype(dtype).reshape(50, 80)
        assert otsu_value(image) == filters.threshold_otsu(image)


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int64, np.uint64])
def test_otsu_of_numbers_too_far_apart_to_be_counted(dtype):
    image = np.zeros((8, 8), dtype)
    image[:4] = np.iinfo(dtype).max - np.arange(8, dtype=dtype)
    np.testing.assert_array_equal(operations.threshold_otsu(image), image > 0)


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int64, np.uint64, np.float32])
def test_otsu_of_large_numbers_close_together(dtype):
    image = blobs(SHAPES["2D"]).astype(np.int32)
    offset = 2_000_000_000 if dtype is not np.float32 else 10_000_000
    assert otsu_value((image.astype(np.int64) + offset).astype(dtype)) == filters.threshold_otsu(image) + offset


def test_otsu_takes_nan_as_background():
    image = blobs(SHAPES["2D"])
    image[:3] = np.nan
    mask = operations.threshold_otsu(image)
    assert not mask[:3].any()
    assert mask.any()


def test_connected_components_and_corners():
    mask = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 1, 1]], bool)
    assert operations.connected_components(mask).max() == 2
    assert operations.connected_components(mask, diagonal=False).max() == 3


def test_voronoi_otsu_separates_touching_discs():
    y, x = np.mgrid[:60, :100]
    image = 200.0 * ((np.hypot(y - 30, x - 35) < 16) | (np.hypot(y - 30, x - 65) < 16)) + 10
    labels = operations.voronoi_otsu_labeling(image, spot_sigma=8, outline_sigma=1)
    assert labels.max() == 2
    assert labels[30, 35] != labels[30, 65]
    assert abs(int((labels == 1).sum()) - int((labels == 2).sum())) < 60
    # Every object is one piece.
    assert all(ndimage.label(labels == k)[1] == 1 for k in (1, 2))


def test_voronoi_otsu_in_physical_units_of_an_anisotropic_stack():
    coarse = blobs((16, 40, 40), seed=3)[::2]
    by_units = operations.voronoi_otsu_labeling(coarse, spot_sigma=1.0, outline_sigma=0.4, spacing=(0.8, 0.4, 0.4))
    by_hand = ndimage.gaussian_filter(coarse, (1.25, 2.5, 2.5), mode="nearest", truncate=4)
    peaks = (by_hand == ndimage.maximum_filter(by_hand, 3, mode="nearest")) & (by_units > 0)
    assert ndimage.label(peaks, np.ones((3, 3, 3)))[1] == by_units.max()


def test_flooding_equals_the_geodesic_partition_up_to_the_border():
    image = blobs((80, 90), seed=5)
    mask = image > filters.threshold_otsu(image)
    labels = operations.voronoi_otsu_labeling(image, spot_sigma=2, outline_sigma=0)
    assert ((labels > 0) == mask).all()


def test_seeded_watershed_equals_scikit_image_and_keeps_ids():
    image = blobs(SHAPES["2D"])
    seeds = np.zeros(image.shape, np.uint32)
    seeds[10, 10], seeds[40, 60], seeds[55, 5] = 7, 4_000_000_000, 12
    grown = operations.seeded_watershed(image, seeds)
    assert set(np.unique(grown)) == {7, 12, 4_000_000_000}
    small = np.searchsorted([0, 7, 12, 4_000_000_000], seeds)
    assert same_partition(grown, segmentation.watershed(image, small))
    mask = image > image.mean()
    assert not operations.seeded_watershed(image, seeds, mask)[~mask].any()


def test_removing_labels_keeps_the_ids_of_the_others():
    labels = np.zeros((12, 12), np.uint32)
    labels[0:3, 4:6], labels[5:9, 5:9], labels[5:7, 2:4] = 9, 4_294_967_295, 3
    assert set(np.unique(operations.remove_labels_at_edges(labels))) == {0, 3, 4_294_967_295}
    assert set(np.unique(operations.remove_labels_by_size(labels, minimum=5))) == {0, 9, 4_294_967_295}
    assert set(np.unique(operations.remove_labels_by_size(labels, maximum=5))) == {0, 3}
    physical = operations.remove_labels_by_size(labels, minimum=2, spacing=(0.5, 0.5))
    assert set(np.unique(physical)) == {0, 4_294_967_295}


def test_lateral_edges_keep_objects_cut_in_z():
    labels = np.zeros((3, 8, 8), np.uint8)
    labels[:, 3:5, 3:5], labels[1, 0:2, 0:2] = 1, 2
    assert set(np.unique(operations.remove_labels_at_edges(labels))) == {0}
    assert set(np.unique(operations.remove_labels_at_edges(labels, edges="lateral"))) == {0, 1}


def test_expand_labels_equals_scikit_image():
    labels = arguments(CATALOGUE["expand_labels"], SHAPES["2D"])["labels"]
    ours, theirs = operations.expand_labels(labels, distance=3), segmentation.expand_labels(labels, 3)
    np.testing.assert_array_equal(ours > 0, theirs > 0)
    # Where two objects are equally near, either may be right.
    for y, x in np.argwhere(ours != theirs):
        near = [np.min(np.hypot(*(np.argwhere(labels == k) - (y, x)).T)) for k in (ours[y, x], theirs[y, x])]
        assert near[0] == near[1]


@pytest.mark.parametrize("name", GIVES_PIXELS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_dask_blocks_equal_the_whole(name, shape):
    da = pytest.importorskip("dask.array")
    operation = CATALOGUE[name]
    if len(shape) not in operation.ndims:
        pytest.skip("not for so many axes")
    given, settings = arguments(operation, shape), settings_for(operation)
    lazy = {k: da.from_array(v, chunks=23) for k, v in given.items()}
    result = operation(**lazy, **settings)
    assert device.is_dask(result)
    whole = operation(**given, **settings)
    computed = result.compute(scheduler="synchronous")
    assert result.dtype == computed.dtype == whole.dtype
    assert result.shape == computed.shape
    scale = np.abs(whole).max() if whole.dtype.kind == "f" else 0
    np.testing.assert_allclose(computed, whole, rtol=0, atol=1e-6 * scale)


@pytest.mark.parametrize(
    ("name", "wrong", "says"),
    [
        ("gaussian_blur", lambda im: np.where(im > im.mean(), np.nan, im), "NaN"),
        ("voronoi_otsu_labeling", lambda im: np.where(im > im.mean(), np.inf, im), "NaN"),
        ("expand_labels", lambda im: -im.astype(np.int32), "negative"),
        ("expand_labels", lambda im: im + 0.5, "fractions"),
        ("expand_labels", lambda im: im.astype(np.uint64) + 2**32, "up to 4294967295"),
        ("remove_labels_at_edges", lambda im: -im.astype(np.int32), "negative"),
    ],
)
def test_bad_pixels_of_dask_arrays_are_refused_when_they_are_computed(name, wrong, says):
    da = pytest.importorskip("dask.array")
    result = CATALOGUE[name](da.from_array(wrong(blobs(SHAPES["2D"])), chunks=40))
    with pytest.raises(InputError, match=says):
        result.compute(scheduler="synchronous")


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int64, np.float64])
def test_large_numbers_keep_their_contrast(dtype):
    image = blobs(SHAPES["2D"]).astype(np.int32)
    blurred = operations.gaussian_blur((image.astype(np.int64) + 2_000_000_000).astype(dtype), sigma=2)
    np.testing.assert_allclose(blurred - 2e9, operations.gaussian_blur(image.astype(np.float64), sigma=2), atol=1e-4)


def test_dask_for_a_global_operation_is_computed_as_a_whole():
    da = pytest.importorskip("dask.array")
    image = blobs(SHAPES["2D"])
    result = operations.voronoi_otsu_labeling(da.from_array(image, chunks=20), spot_sigma=2)
    np.testing.assert_array_equal(
        result.compute(scheduler="synchronous"), operations.voronoi_otsu_labeling(image, spot_sigma=2)
    )


def test_zarr_arrays_are_read(tmp_path):
    zarr = pytest.importorskip("zarr")
    image = blobs(SHAPES["2D"])
    stored = zarr.create_array(tmp_path / "image.zarr", data=image, chunks=(20, 20))
    np.testing.assert_array_equal(operations.gaussian_blur(stored), operations.gaussian_blur(image))


def test_frames_are_computed_one_by_one():
    movie = np.stack([blobs(SHAPES["2D"], seed=s) for s in range(3)])
    seen = []
    result = over_frames("gaussian_blur", movie, sigma=2, progress=lambda done, total: seen.append((done, total)))
    np.testing.assert_array_equal(result[1], operations.gaussian_blur(movie[1], sigma=2))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    moved = over_frames("sobel", np.moveaxis(movie, 0, -1), frame_axis=2)
    np.testing.assert_array_equal(moved[..., 2], operations.sobel(movie[2]))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda im: operations.gaussian_blur(im[0]), r"shape \(83,\)"),
        (lambda im: operations.gaussian_blur(np.stack([[im]])), "over_frames"),
        (lambda im: operations.gaussian_blur(im[:0]), "no pixels"),
        (lambda im: operations.gaussian_blur(im.astype(complex)), "complex"),
        (lambda im: operations.gaussian_blur(im, sigma=-1), "from 0 to 1000"),
        (lambda im: operations.gaussian_blur(im, sigma="wide"), "sigma is 'wide'"),
        (lambda im: operations.gaussian_blur(im, sigma=np.nan), "sigma is nan"),
        (lambda im: operations.gaussian_blur(im, size=3), "size"),
        (lambda im: operations.gaussian_blur(im, spacing=(1, 2, 3)), "2 positive numbers"),
        (lambda im: operations.gaussian_blur(im, spacing=(1, 0)), "positive"),
        (lambda im: operations.gaussian_blur(np.where(im > 150, np.nan, im)), "NaN"),
        (lambda im: operations.remove_labels_by_size(im + 0.5), "fractions"),
        (lambda im: operations.remove_labels_by_size(-np.ones((4, 4), int)), "negative"),
        (lambda im: operations.remove_labels_by_size(np.full((4, 4), 2**33)), "Relabel"),
        (lambda im: operations.remove_labels_at_edges(im > 0, edges="top"), "one of all, lateral"),
        (lambda im: operations.connected_components(im > 0, diagonal=1), "true or false"),
        (lambda im: operations.seeded_watershed(im), "needs seeds"),
        (lambda im: operations.seeded_watershed(im, np.ones((3, 3), int)), "shapes differ"),
        (lambda im: operations.get_operation("gausian_blur"), "gaussian_blur"),
    ],
)
def test_bad_input_is_refused_with_the_way_out(call, says):
    with pytest.raises(InputError, match=says):
        call(blobs(SHAPES["2D"]))


def test_replace_nan_opens_the_way():
    image = blobs(SHAPES["2D"])
    image[3, 4] = np.nan
    image[5, 6] = np.inf
    for by in ("minimum", "median", "zero"):
        assert np.isfinite(operations.gaussian_blur(operations.replace_nan(image, by=by))).all()


def test_schemas_follow_the_signatures():
    for operation in CATALOGUE.values():
        schema = operation.schema()
        assert list(schema["parameters"]["properties"]) == list(inspect.signature(operation).parameters)
        assert schema["description"]
        for name, described in schema["parameters"]["properties"].items():
            assert described["description"], f"{operation.name}: {name} is not described in the docstring"
    sigma = operations.gaussian_blur.schema()["parameters"]["properties"]["sigma"]
    assert (sigma["type"], sigma["default"], sigma["minimum"]) == ("number", 1.0, 0)


@pytest.mark.parametrize("name", CATALOGUE)
def test_docstrings_are_complete(name):
    text = inspect.getdoc(CATALOGUE[name])
    for section in ("Parameters\n---", "Returns\n---", "Raises\n---"):
        assert section in text


# ---------------------------------------------------------------------------------------------------- OpenCL
needs_opencl = pytest.mark.opencl


@needs_opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", GIVES_PIXELS)
def test_opencl_gives_the_numpy_answer(name, shape):
    operation = CATALOGUE[name]
    if len(shape) not in operation.ndims:
        pytest.skip("not for so many axes")
    given = arguments(operation, shape)
    result = operation(**{k: device.push(v) for k, v in given.items()})
    assert device.is_opencl(result)
    there, here = device.pull(result), operation(**given)
    if name == "voronoi_otsu_labeling":
        # Rounding may move single pixels between objects or over the threshold.
        assert there.max() == here.max()
        assert ((there > 0) == (here > 0)).mean() > 0.999
        order = here.max() + 1
        pairs, counts = np.unique(there.astype(np.int64) * order + here, return_counts=True)
        best = {int(p // order): c for p, c in sorted(zip(pairs, counts, strict=True), key=lambda pair: pair[1])}
        assert sum(best.values()) / here.size > 0.99
    elif operation.returns == "labels":
        assert same_partition(there, here)
    elif operation.returns == "mask":
        np.testing.assert_array_equal(there.astype(bool), here)
    else:
        np.testing.assert_allclose(there, here, rtol=1e-4, atol=0.01)


@pytest.mark.parametrize(
    ("low", "high", "dtype", "fits"),
    [
        (0, 4000, np.float64, True),
        (0, 1, np.float64, True),
        (1e7, 1e7 + 1000, np.float64, False),
        (-1e7, -1e7 + 1000, np.float64, False),
        (0, 1e39, np.float64, False),
        (1e7, 1e7 + 1000, np.float32, True),
        (60_000, 60_010, np.int32, True),
        (2_000_000_000, 2_000_001_000, np.int32, False),
        (0, 4_000_000_000, np.uint32, True),
        (4_000_000_000, 4_000_001_000, np.uint32, False),
        (-(2**63), -(2**63) + 1000, np.int64, False),
    ],
)
def test_images_that_float32_does_not_resolve(low, high, dtype, fits):
    image = np.array([[low, high]]).astype(dtype)
    assert fits_float32(image) == fits
    if image.dtype.kind == "f":
        assert fits_float32(np.append(image, np.array([[np.nan, -np.inf]], dtype), axis=1)) == fits


@needs_opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.float64])
def test_an_offset_that_float32_does_not_hold_leaves_the_contrast(dtype):
    image = blobs(SHAPES["2D"]).astype(np.int64)
    result = operations.gaussian_blur.compute((image + 2_000_000_000).astype(dtype), sigma=2)
    np.testing.assert_allclose(result - 2e9, operations.gaussian_blur(image, sigma=2), atol=1e-4)
    usual = operations.gaussian_blur.compute(image.astype(dtype), sigma=2)
    assert usual.dtype == np.float32


@needs_opencl
@pytest.mark.usefixtures("opencl")
def test_big_ids_survive_the_device():
    labels = np.zeros((8, 8), np.uint32)
    labels[2:4, 2:4], labels[5:7, 5:7] = 16_777_217, 4_294_967_295
    np.testing.assert_array_equal(device.pull(device.push(labels)), labels)


@needs_opencl
@pytest.mark.usefixtures("opencl")
def test_a_chain_stays_on_the_device():
    image = blobs(SHAPES["2D"])
    chain = operations.connected_components(operations.threshold_otsu(operations.gaussian_blur(device.push(image))))
    assert device.is_opencl(chain)
    here = operations.connected_components(operations.threshold_otsu(operations.gaussian_blur(image)))
    assert device.pull(chain).max() == here.max()
