"""Speed of the most used operations next to scikit-image / SciPy, clEsperanto and napari-segment-blobs, in one run.

A peer that has no such operation, or is not installed, is left out; so is clEsperanto where a piece of the image shows
that it would need more than 20 s. Images are 2048 × 2048 and 256 × 256 × 256.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage import filters, measure, morphology, segmentation

from bioloom import device, operations

# What peers warn about is not measured here.
pytestmark = pytest.mark.filterwarnings("ignore")

Array = NDArray[Any]
SHAPES = {"2048²": (2048, 2048), "256³": (256, 256, 256)}
WHO = ("bioloom", "skimage", "clesperanto", "nsb")
PATIENCE = 20  # seconds


@cache
def data(size: str) -> dict[str, Array]:
    """Bright roundish objects, uint16, of which many touch; a mask, labels and seeds of them."""
    shape = SHAPES[size]
    rng = np.random.default_rng(0)
    points = np.zeros(shape, np.float32)
    n = np.prod(shape) // (400 if len(shape) == 2 else 6000)
    points[tuple(rng.integers(0, side, n) for side in shape)] = 1
    blurred = ndimage.gaussian_filter(points, 4)
    image = rng.poisson(100 + 900 * blurred / blurred.max()).astype(np.uint16)
    smooth = ndimage.gaussian_filter(image.astype(np.float32), 2)
    mask = smooth > filters.threshold_otsu(smooth)
    peaks = (smooth == ndimage.maximum_filter(smooth, 9)) & mask
    seeds = ndimage.label(peaks, np.ones((3,) * len(shape)))[0].astype(np.int32)
    labels = segmentation.watershed(-smooth, seeds, mask=mask).astype(np.int32)
    return {"image": image, "mask": mask, "labels": labels, "seeds": seeds, "smooth": -smooth}


def footprint(ndim: int, radius: int) -> Array:
    return np.ones((2 * radius + 1,) * ndim, bool)


def radii(cle_function: Callable[..., Any], array: Any, radius: int) -> Any:
    z = radius if array.ndim == 3 else 0
    return cle_function(array, radius_x=radius, radius_y=radius, radius_z=z)


def sigmas(cle_function: Callable[..., Any], array: Any, sigma: float) -> Any:
    return cle_function(array, sigma_x=sigma, sigma_y=sigma, sigma_z=sigma if array.ndim == 3 else 0)


def difference_by_cle(cle: Any, array: Any, low: float, high: float) -> Any:
    per_axis = {f"sigma{k}_{axis}": s for k, s in ((1, low), (2, high)) for axis in "xyz"[: array.ndim]}
    return cle.difference_of_gaussian(array, **{"sigma1_z": 0, "sigma2_z": 0, **per_axis})


def watershed_otsu_by_skimage(image: Array) -> Array:
    outline, spots = filters.gaussian(image, 1, preserve_range=True), filters.gaussian(image, 4, preserve_range=True)
    mask = outline > filters.threshold_otsu(outline)
    seeds = measure.label(morphology.local_maxima(spots) & mask)
    return segmentation.watershed(-spots, seeds, mask=mask)


def split_by_skimage(mask: Array) -> Array:
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 2)
    seeds = measure.label(morphology.local_maxima(distance) & mask)
    return segmentation.watershed(-distance, seeds, mask=mask)


def remove_small_by_skimage(labels: Array) -> Array:
    counts = np.bincount(labels.ravel())
    return np.where(counts[labels] >= 100, labels, 0)


# Per operation: its array, then how Bioloom, scikit-image or SciPy, clEsperanto and napari-segment-blobs do it.
CASES: dict[str, tuple[str, Any, Any, Any, Any]] = {
    "gaussian_blur": (
        "image", lambda a: operations.gaussian_blur(a, 2), lambda a: filters.gaussian(a, 2, preserve_range=True),
        lambda cle, a: sigmas(cle.gaussian_blur, a, 2), lambda n, a: n.gaussian_blur(a, 2),
    ),
    "median": (
        "image", lambda a: operations.median(a, 2), lambda a: ndimage.median_filter(a, footprint=footprint(a.ndim, 2)),
        None, lambda n, a: n.median_filter(a, 2),
    ),
    "mean_filter": (
        "image", lambda a: operations.mean_filter(a, 2),
        lambda a: ndimage.uniform_filter(a.astype(np.float32), 5),
        lambda cle, a: radii(cle.mean_box, a, 2), None,
    ),
    "top_hat": (
        "image", lambda a: operations.top_hat(a, 5), lambda a: morphology.white_tophat(a, footprint(a.ndim, 5)),
        lambda cle, a: radii(cle.top_hat_box, a, 5), lambda n, a: n.white_tophat(a, 5),
    ),
    "difference_of_gaussians": (
        "image", lambda a: operations.difference_of_gaussians(a, 1, 5),
        lambda a: filters.difference_of_gaussians(a, 1, 5),
        lambda cle, a: difference_by_cle(cle, a, 1, 5), None,
    ),
    "maximum_filter": (
        "image", lambda a: operations.maximum_filter(a, 3), lambda a: ndimage.maximum_filter(a, 7),
        lambda cle, a: radii(cle.maximum_box, a, 3), lambda n, a: n.maximum_filter(a, 3),
    ),
    "sobel": (
        "image", operations.sobel, filters.sobel, lambda cle, a: cle.sobel(a) if a.ndim == 2 else None,
        lambda n, a: n.sobel(a),
    ),
    "laplace": ("image", operations.laplace, filters.laplace, lambda cle, a: cle.laplace_box(a), None),
    "threshold_otsu": (
        "image", operations.threshold_otsu, lambda a: a > filters.threshold_otsu(a),
        lambda cle, a: cle.threshold_otsu(a), lambda n, a: n.threshold_otsu(a),
    ),
    "threshold_li": (
        "image", operations.threshold_li, lambda a: a > filters.threshold_li(a), None,
        lambda n, a: n.threshold_li(a),
    ),
    "erode_mask": (
        "mask", lambda a: operations.binary_erosion(a, 2),
        lambda a: morphology.binary_erosion(a, footprint(a.ndim, 2)),
        lambda cle, a: radii(cle.minimum_box, a, 2), lambda n, a: n.binary_erosion(a, 2),
    ),
    "fill_holes": (
        "mask", operations.fill_holes, ndimage.binary_fill_holes, None, None,
    ),
    "connected_components": (
        "mask", operations.connected_components, measure.label,
        lambda cle, a: cle.connected_components_labeling_box(a), lambda n, a: n.connected_component_labeling(a),
    ),
    "voronoi_otsu_labeling": (
        "image", lambda a: operations.voronoi_otsu_labeling(a, 4, 1), watershed_otsu_by_skimage,
        lambda cle, a: cle.voronoi_otsu_labeling(a, spot_sigma=4, outline_sigma=1),
        lambda n, a: n.voronoi_otsu_labeling(a, 4, 1),
    ),
    "seeded_watershed": (
        "smooth", lambda a, **d: operations.seeded_watershed(a, d["seeds"], d["mask"]),
        lambda a, **d: segmentation.watershed(a, d["seeds"], mask=d["mask"]), None,
        lambda n, a, **d: n.seeded_watershed_with_mask(a, d["seeds"], d["mask"]),
    ),
    "split_touching_objects": (
        "mask", operations.split_touching_objects, split_by_skimage, None,
        lambda n, a: n.split_touching_objects(a, 2),
    ),
    "expand_labels": (
        "labels", lambda a: operations.expand_labels(a, 5), lambda a: segmentation.expand_labels(a, 5),
        lambda cle, a: cle.dilate_labels(a, radius=5), lambda n, a: n.expand_labels(a, 5),
    ),
    "remove_labels_at_edges": (
        "labels", operations.remove_labels_at_edges, segmentation.clear_border,
        lambda cle, a: cle.exclude_labels_on_edges(a), lambda n, a: n.remove_labels_on_edges(a),
    ),
    "remove_labels_by_size": (
        "labels", lambda a: operations.remove_labels_by_size(a, 100), remove_small_by_skimage,
        lambda cle, a: cle.exclude_small_labels(a, maximum_size=100), None,
    ),
    "relabel_sequential": (
        "labels", operations.relabel_sequential, lambda a: segmentation.relabel_sequential(a)[0],
        lambda cle, a: cle.relabel_sequential(a), lambda n, a: n.relabel_sequential(a),
    ),
}  # fmt: skip

SLOW = {"median", "top_hat", "voronoi_otsu_labeling", "seeded_watershed", "split_touching_objects", "expand_labels"}


def seconds_of_clesperanto(cle: Any, function: Callable[..., Any], array: Array) -> float | None:
    """Return how long it would take for an array, going by pieces of it; None if it has no right result."""
    times = []
    for part in (4, 2):
        piece = array[tuple(slice(0, side // part) for side in array.shape)]
        if not times and function(cle, device.push(piece)) is None:  # compiles
            return None
        start = perf_counter()
        device.pull(function(cle, device.push(piece)))
        times.append(perf_counter() - start)
        if times[-1] * array.size / piece.size > PATIENCE:
            return times[-1] * array.size / piece.size
    # Some need more rounds the larger the image is.
    return times[1] * times[1] / times[0]


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize(
    ("name", "size"),
    [pytest.param(n, s, marks=pytest.mark.benchmark(group=f"{n}, {s}"), id=f"{n}-{s}") for n in CASES for s in SHAPES],
)
def test_operation(
    benchmark: Any, name: str, size: str, who: str, timed: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    kind, bioloom, skimage, clesperanto, nsb = CASES[name]
    given = data(size)
    array = given[kind]
    more = {k: given[k] for k in ("seeds", "mask")} if name == "seeded_watershed" else {}
    function = {"bioloom": bioloom, "skimage": skimage, "clesperanto": clesperanto, "nsb": nsb}[who]
    if function is None:
        pytest.skip("has no such operation")
    rounds = 3 if who == "bioloom" else 1 if name in SLOW else 2
    if who == "clesperanto":
        cle = request.getfixturevalue("cle")
        benchmark.extra_info["device"] = device.current().name
        expected = seconds_of_clesperanto(cle, function, array)
        if expected is None:
            pytest.skip("is not right in 3D")
        if expected > PATIENCE:
            pytest.skip(f"clEsperanto would need about {expected:.0f} s")
        result = timed(
            benchmark, lambda: device.pull(function(cle, device.push(array))), array.size / 1e6, "Mpx/s", rounds=1,
            warm=False,
        )  # fmt: skip
    elif who == "nsb":
        peer = pytest.importorskip("napari_segment_blobs_and_things_with_membranes")
        result = timed(benchmark, lambda: function(peer, array, **more), array.size / 1e6, "Mpx/s", rounds, False)
    else:
        result = timed(benchmark, lambda: function(array, **more), array.size / 1e6, "Mpx/s", rounds, who == "bioloom")
    assert np.shape(result) == array.shape
