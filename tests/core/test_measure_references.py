"""Every measurement equals that of another program, or what its definition gives pixel by pixel.

`REFERENCES` has a function for each registered measurement; one without fails. The functions use NumPy, SciPy,
scikit-image and mahotas, and go through all pixels or all pairs of objects.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, stats
from scipy.spatial import ConvexHull, QhullError, distance
from skimage import graph, morphology
from skimage import measure as skm
from skimage.feature import local_binary_pattern
from skimage.filters import threshold_otsu
from skimage.segmentation import find_boundaries

from bioloom.measure import EXTRA_GROUPS, GROUPS, PROPERTIES, find_property, measure
from bioloom.measure.registry import MEASURED, NUMBERED, moment_powers

Array = np.ndarray
ALL_GROUPS = (*GROUPS, *EXTRA_GROUPS)


@dataclass(frozen=True)
class Thing:
    """One object."""

    mask: Array
    sizes: Array
    region: Any
    a: Array
    b: Array

    @cached_property
    def pixels(self) -> Array:
        return np.argwhere(self.mask)

    @cached_property
    def points(self) -> Array:
        return self.pixels * self.sizes

    @cached_property
    def tips(self) -> Array:
        """Tips of a diamond around each pixel."""
        steps = np.concatenate([np.eye(self.mask.ndim), -np.eye(self.mask.ndim)]) / 2
        return (self.pixels[:, None] + steps).reshape(-1, self.mask.ndim) * self.sizes

    @cached_property
    def variances(self) -> tuple[Array, Array]:
        """Variances along the principal axes, the largest first, and these axes (rows)."""
        centred = self.points - self.points.mean(0)
        values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
        return np.maximum(values[::-1], 0), vectors.T[::-1]


@dataclass(frozen=True)
class Scene:
    """Labels, two channels and the size of a pixel; with the table that is measured of them."""

    labels: Array
    a: Array
    b: Array
    spacing: tuple[float, ...]
    memory: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def sizes(self) -> Array:
        return np.array(self.spacing)

    @cached_property
    def things(self) -> list[Thing]:
        regions = skm.regionprops(self.labels, self.a, spacing=self.spacing)
        return [Thing(self.labels == r.label, self.sizes, r, self.a, self.b) for r in regions]

    @cached_property
    def ids(self) -> list[int]:
        return [int(t.region.label) for t in self.things]

    @cached_property
    def table(self) -> pd.DataFrame:
        return measure(self.labels, {"a": self.a, "b": self.b}, self.spacing, ALL_GROUPS)

    @cached_property
    def centroids(self) -> Array:
        return np.array([t.points.mean(0) for t in self.things])

    @cached_property
    def away(self) -> Array:
        """Distances between all centroids, infinite to itself."""
        return _between(self.centroids)

    @cached_property
    def thick(self) -> Array:
        """Which objects are not flat along any axis, nor small: scikit-image has other limits for those."""
        return np.array([len(t.pixels) > 12 and (np.ptp(t.pixels, axis=0) > 2).all() for t in self.things])


def _between(points: Array) -> Array:
    away = distance.cdist(points, points)
    np.fill_diagonal(away, np.inf)
    return away


def scene(shape: tuple[int, ...], spacing: tuple[float, ...], seed: int) -> Scene:
    """Objects that touch, overlap the border, have holes and pieces; one of a pixel, one of a line; gaps in numbers."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    labels = np.zeros(shape, np.uint16)
    for i in range(15):
        centre, radii = rng.uniform(0, shape), rng.uniform(2.5, 8, len(shape))
        turn, _ = np.linalg.qr(rng.normal(size=(len(shape), len(shape))))
        labels[np.linalg.norm((grid - centre) @ turn / radii, axis=-1) < 1] = 3 * i + 2
    labels[rng.random(shape) < 0.03] = 0
    labels[..., :4, :8] = 0
    labels[..., 1, 1], labels[..., 2, 3:7] = 900, 901
    if len(shape) == 3:
        labels[1:, :4, :8] = 0
    signal = ndimage.gaussian_filter(rng.gamma(2.0, 300.0, shape), 1.0)
    a = np.round(signal + rng.gamma(2.0, 20.0, shape)).astype(np.uint16)
    return Scene(labels, a, (signal * 0.5 + rng.gamma(2.0, 30.0, shape)).astype(np.float32), spacing)


SCENES = {
    "plane": scene((56, 60), (1.0, 1.0), 0),
    "oblong pixels": scene((50, 64), (2.0, 0.5), 1),
    "stack": scene((12, 24, 26), (2.0, 0.5, 0.7), 2),
}

Reference = Callable[[Scene], Any]


# ------------------------------------------------------------------------------------- of each object by itself
def each(function: Callable[[Thing], Any]) -> Reference:
    """What a function gives for every object."""
    return lambda scene: [function(thing) for thing in scene.things]


def skimage(name: str) -> Reference:
    """The property of regions in scikit-image."""

    def of(thing: Thing) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return thing.region[name]
            except ValueError:  # objects so small that there is no surface to be found
                return np.nan

    return each(of)


def moments(name: str) -> Reference:
    """Moments of scikit-image to third order."""

    def of(thing: Thing) -> Any:
        found = thing.region[name]
        return [found[powers] for powers in moment_powers(found.ndim)]

    return each(of)


def hu(name: str) -> Reference:
    """The moments of Hu by scikit-image's formula, of normalised moments in units of length."""
    return each(lambda t: skm.moments_hu(np.nan_to_num(t.region[name])))


def axis(i: int) -> Reference:
    """Length of a principal axis of the ellipse (ellipsoid) with the same variances."""

    def of(thing: Thing) -> float:
        values, n = thing.variances[0], thing.mask.ndim
        if n == 2:
            # scikit-image takes a pixel of a plane for a square with variances of its own.
            values = np.sort(np.linalg.eigvalsh(thing.region.inertia_tensor))[::-1]
        return float(2 * np.sqrt((n + 2) * max(values[i], 0)))

    return each(of)


def ratio(a: str, b: str) -> Reference:
    """One reference divided by another; NaN where the divisor is 0."""

    def of(scene: Scene) -> Array:
        over, under = (np.asarray((REFERENCES | PARTS)[name](scene), float) for name in (a, b))
        return over / np.where(under > 1e-9, under, np.nan)

    return of


def direction(i: int) -> Reference:
    """A principal axis with its largest component above 0."""

    def of(thing: Thing) -> Array:
        values, vectors = thing.variances
        if values[0] == 0:
            return np.full(thing.mask.ndim, np.nan)
        return vectors[i] * np.sign(vectors[i][np.abs(vectors[i]).argmax()])

    return each(of)


def touches_border(thing: Thing) -> bool:
    """Whether a pixel lies at the edge of the image."""
    return bool((thing.pixels == 0).any() or (thing.pixels == np.array(thing.mask.shape) - 1).any())


def narrowest(thing: Thing) -> float:
    """Smallest of the widths across all faces of the hull and, in stacks, all pairs of edges."""
    hull = ConvexHull(thing.tips)
    normals = [hull.equations[:, :-1]]
    if thing.mask.ndim == 3:
        edges = np.concatenate([hull.points[hull.simplices[:, [i, (i + 1) % 3]]] for i in range(3)])
        along = np.unique(np.round(edges[:, 1] - edges[:, 0], 9), axis=0)
        normals += [np.cross(along[i + 1 :], one) for i, one in enumerate(along)]
    every = np.concatenate(normals)
    length = np.linalg.norm(every, axis=1)
    widths = np.ptp(every[length > 1e-6] @ hull.points[hull.vertices].T, axis=1)
    return float((widths / length[length > 1e-6]).min())


def convexity(thing: Thing) -> float:
    """Crofton's perimeter of the pixels with their centres in the hull of these, and that of the object."""
    with_hull = thing.mask
    try:
        planes = ConvexHull(thing.pixels).equations
        grid = np.stack(np.indices(thing.mask.shape), axis=-1)
        with_hull = (grid @ planes[:, :-1].T + planes[:, -1] < 1e-9).all(axis=-1)
    except QhullError:  # a line is its own hull
        pass
    crofton = [skm.perimeter_crofton(np.pad(mask, 2), 4) for mask in (with_hull, thing.mask)]
    return crofton[0] / crofton[1]


@cache
def nearest_directions(sizes: tuple[float, ...]) -> tuple[Array, Array, Array]:
    """The 13 steps to neighbours, their lengths, and the share of all directions that are nearest to each."""
    steps = np.array([s for s in product((-1, 0, 1), repeat=3) if s > (0, 0, 0)])
    ways = steps * np.array(sizes)
    length = np.linalg.norm(ways, axis=1)
    directions = np.random.default_rng(0).normal(size=(200_000, 3))
    nearest = np.abs(directions @ (ways / length[:, None]).T).argmax(axis=1)
    return steps, length, np.bincount(nearest, minlength=13) / len(directions)


def surface(thing: Thing) -> float:
    """Crofton's formula with 13 directions, each weighted by the share of all directions that are nearest to it."""
    steps, length, shares = nearest_directions(tuple(thing.sizes.tolist()))
    padded = np.pad(thing.mask, 1)
    entries = [np.count_nonzero(padded & ~np.roll(padded, s, axis=(0, 1, 2))) for s in steps]
    return float(4 * np.prod(thing.sizes) * (shares * entries / length).sum())


def crofton(thing: Thing) -> float:
    """The same in planes, of any pixels: 4 directions, each weighted by half the angles to the next."""
    steps = np.array([(0, 1), (1, 1), (1, 0), (1, -1)])
    ways = steps * thing.sizes
    angles = np.arctan2(ways[:, 0], ways[:, 1])
    around = np.concatenate([[angles[-1] - np.pi], angles, [angles[0] + np.pi]])
    shares = (around[2:] - around[:-2]) / (2 * np.pi)
    padded = np.pad(thing.mask, 1)
    entries = [np.count_nonzero(padded & ~np.roll(padded, s, axis=(0, 1))) for s in steps]
    return float(np.pi * np.prod(thing.sizes) * (shares * entries / np.linalg.norm(ways, axis=1)).sum())


def at_extreme(find: Callable[[Array], Any]) -> Reference:
    """Position of the first pixel with an extreme value."""
    return each(lambda t: t.points[find(t.a[t.mask])])


def displacement(thing: Thing) -> float:
    """From the centroid to that weighted by the values."""
    return float(np.linalg.norm(np.average(thing.points, axis=0, weights=thing.a[thing.mask]) - thing.points.mean(0)))


def of_values(function: Callable[[Array], Any]) -> Reference:
    """What a function gives for the values of the first channel."""
    return each(lambda t: function(t.a[t.mask].astype(float)))


def of_edge(function: Callable[[Array], Any]) -> Reference:
    """What a function gives for the values at the border of objects."""

    def of(scene: Scene) -> list[Any]:
        inner = find_boundaries(scene.labels, mode="inner")
        return [function(scene.a[inner & t.mask].astype(float)) for t in scene.things]

    return of


# ------------------------------------------------------------------------------------------------- neighbours
def contacts(labels: Array, sizes: Array) -> tuple[Array, Array]:
    """Size of the contact of each pair of objects (n, n), and of the border of each with anything."""
    ids = np.setdiff1d(labels, 0)
    pairs, border = np.zeros((ids.size, ids.size)), np.zeros(ids.size)
    for along in range(labels.ndim):
        lines = np.moveaxis(labels, along, 0)
        face = np.prod(np.delete(sizes, along))
        for p, q in zip(lines[:-1].ravel(), lines[1:].ravel(), strict=True):
            for one, other in ((p, q), (q, p)):
                if one and one != other:
                    border[np.searchsorted(ids, one)] += face
                    if other:
                        pairs[np.searchsorted(ids, one), np.searchsorted(ids, other)] += face
    return pairs, border


def known(scene: Scene, key: str, make: Callable[[], Any]) -> Any:
    """Compute what several references need once."""
    if key not in scene.memory:
        scene.memory[key] = make()
    return scene.memory[key]


def contacts_of(scene: Scene) -> tuple[Array, Array]:
    return known(scene, "contacts", lambda: contacts(scene.labels, scene.sizes))


def contact_size(scene: Scene) -> Array:
    return contacts_of(scene)[0].sum(axis=1)


def touching_distance(function: Callable[[Array], Any]) -> Reference:
    """Statistic of the distances to the centroids of objects that touch."""

    def of(scene: Scene) -> list[float]:
        touching = contacts_of(scene)[0] > 0
        return [function(row[near]) if near.any() else np.nan for row, near in zip(scene.away, touching, strict=True)]

    return of


def nearest(i: int) -> Reference:
    return lambda scene: np.sort(scene.away, axis=1)[:, i]


def angle(scene: Scene) -> Array:
    order = np.argsort(scene.away, axis=1)
    u, v = (scene.centroids[order[:, i]] - scene.centroids for i in range(2))
    return np.arccos((u * v).sum(axis=1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1))


def density(scene: Scene) -> Array:
    radius = np.sort(scene.away, axis=1)[:, 5]
    return 5 / (np.pi * radius**2 if scene.labels.ndim == 2 else 4 / 3 * np.pi * radius**3)


def gaps(scene: Scene) -> Array:
    """Smallest distances between the pixels, taken as boxes, of all pairs of objects."""

    def make() -> Array:
        found = np.full((len(scene.things),) * 2, np.inf)
        for i, one in enumerate(scene.things):
            for j, other in enumerate(scene.things[:i]):
                steps = np.maximum(np.abs(one.pixels[:, None] - other.pixels[None]) - 1, 0) * scene.sizes
                found[i, j] = found[j, i] = np.sqrt((steps**2).sum(axis=-1)).min()
        return found

    return known(scene, "gaps", make)


# ----------------------------------------------------------------------------------- rings, texture, channels
def rings(name: str, n: int = 4) -> Reference:
    """Rings with the distances of SciPy and the shortest ways of scikit-image."""

    def of(t: Thing) -> list[float]:
        edge = ndimage.distance_transform_edt(t.mask, sampling=t.sizes)
        deepest = t.pixels[np.isclose(edge[t.mask], edge[t.mask].max())]
        from_middle = (((deepest - t.pixels.mean(0)) * t.sizes) ** 2).sum(axis=1)
        centre = deepest[np.argmin(np.round(from_middle, 9))]
        ways = graph.MCP_Geometric(np.where(t.mask, 1.0, -1.0), fully_connected=True, sampling=t.sizes.tolist())
        inner = ways.find_costs([centre.tolist()])[0][t.mask]
        there = np.isfinite(inner)
        ring = (inner[there] / (inner[there] + edge[t.mask][there] + 0.001 * t.sizes.min()) * n).astype(int)
        away = (t.pixels - centre)[there] * t.sizes
        if t.mask.ndim == 2:
            wedge = (away[:, 0] > 0) + 2 * (away[:, 1] > 0) + 4 * (np.abs(away[:, 0]) > np.abs(away[:, 1]))
        else:
            wedge = (away[:, 1] > 0) + 2 * (away[:, 2] > 0) + 4 * (away[:, 0] > 0)
        values = t.a[t.mask][there].astype(float)
        found = []
        for r in range(n):
            own = values[ring == r]
            means = [values[(ring == r) & (wedge == w)].mean() for w in np.unique(wedge[ring == r])]
            found.append({
                "fraction": own.sum() / values.sum(),
                "mean_fraction": own.mean() / values.mean() if own.size else np.nan,
                "cv": np.std(means) / np.mean(means) if means else np.nan,
            }[name])  # fmt: skip
        return found

    return each(of)


HARALICK = (
    "angular_second_moment", "contrast", "correlation", "variance", "inverse_difference_moment", "sum_average",
    "sum_variance", "sum_entropy", "entropy", "difference_variance", "difference_entropy",
    "information_correlation_1", "information_correlation_2",
)  # fmt: skip


def haralick(i: int, apart: int = 1) -> Reference:
    """A feature of mahotas with 32 levels of the range of each object; NaN where no two pixels are so far apart."""

    def of_thing(t: Thing) -> Array:
        features = pytest.importorskip("mahotas").features.texture
        values = t.a[t.mask].astype(float)
        levels = np.zeros(t.mask.shape, np.uint8)
        # Level 0 is what mahotas leaves out.
        levels[t.mask] = 1 + np.minimum((values - values.min()) / max(np.ptp(values), 1) * 32, 31).astype(int)
        found = []
        for direction in range(4 if t.mask.ndim == 2 else 13):
            counts = features.cooccurence(levels, direction, symmetric=True, distance=apart).astype(float)[1:, 1:]
            if counts.sum():
                counts = np.pad(counts, (0, 32 - len(counts)))
                found.append(
                    features.haralick_features([counts], use_x_minus_y_variance=True, preserve_haralick_bug=False)[0]
                )
        return np.mean(found, axis=0) if found else np.full(13, np.nan)

    return lambda scene: known(scene, f"haralick {apart}", lambda: np.array([of_thing(t) for t in scene.things]))[:, i]


def patterns(scene: Scene, radius: int = 1) -> list[Array]:
    """Local binary patterns of scikit-image, plane by plane."""
    image, n = scene.a if scene.a.ndim == 3 else scene.a[None], 8 * radius
    codes = np.stack([local_binary_pattern(plane, n, radius, "uniform").astype(int) for plane in image])
    return [np.bincount(codes.reshape(t.mask.shape)[t.mask], minlength=n + 2) / len(t.pixels) for t in scene.things]


def spectrum(t: Thing, n: int = 16) -> list[float]:
    """Granularity by the openings by reconstruction of scikit-image."""
    cross = ndimage.generate_binary_structure(t.mask.ndim, 1)
    ceiling = np.where(t.mask, t.a, -1e9)
    eroded, means, found = np.where(t.mask, t.a, np.inf), [t.a[t.mask].mean()], []
    for _ in range(n):
        eroded = ndimage.minimum_filter(eroded, footprint=cross, mode="constant", cval=np.inf)
        eroded = np.where(t.mask, eroded, np.inf)
        opened = morphology.reconstruction(np.where(t.mask, eroded, -1e9), ceiling, footprint=cross)
        means.append(opened[t.mask].mean())
        found.append(100 * (means[-2] - means[-1]) / means[0])
    return found


def of_pair(function: Callable[[Array, Array], float]) -> Reference:
    """What a function gives for the values of both channels; NaN for a single pixel."""
    return each(
        lambda t: function(t.a[t.mask].astype(float), t.b[t.mask].astype(float)) if len(t.pixels) > 1 else np.nan
    )


def same_side(a: Array, b: Array) -> float:
    return float(((a - a.mean()) * (b - b.mean()) > 0).mean() - 0.5)


def manders(which: int, thresholds: Callable[[Scene], tuple[float, float]]) -> Reference:
    """Coefficient of scikit-image with thresholds of the frame."""

    def of(scene: Scene) -> list[float]:
        images, above = (scene.a, scene.b), thresholds(scene)
        return [
            skm.manders_coloc_coeff(images[which], images[1 - which] > above[1 - which], t.mask) for t in scene.things
        ]

    return of


def otsu(scene: Scene) -> tuple[float, float]:
    return threshold_otsu(scene.a), threshold_otsu(scene.b)


def costes(scene: Scene) -> tuple[float, float]:
    """Lower the threshold in steps of 1/65536 of what pixels meet, until what is below is not correlated."""
    a, b = (i[scene.labels > 0].astype(float) for i in (scene.a, scene.b))
    cov = np.cov(a, b, ddof=0)
    slope = (cov[1, 1] - cov[0, 0] + np.hypot(cov[1, 1] - cov[0, 0], 2 * cov[0, 1])) / (2 * cov[0, 1])
    intercept = b.mean() - slope * a.mean()
    met = np.minimum(a, (b - intercept) / slope)
    ends = [(float(i.min()), float(i.max())) for i in (scene.a, scene.b)]
    low, high = (min(u, (v - intercept) / slope) for u, v in zip(*ends, strict=True))
    steps = sorted(set(((met - low) / (high - low) * 65536).astype(int)), reverse=True)
    # Down to the lower end of the step in which the next pixel lies, nothing changes.
    for step in steps:
        threshold = low + step / 65536 * (high - low)
        below = met < threshold
        if below.sum() > 2 and np.corrcoef(a[below], b[below])[0, 1] <= 0:
            return threshold, slope * threshold + intercept
    return low, slope * low + intercept


# ------------------------------------------------------------------------------------------------ clEsperanto
def to_centre(weighted: bool, function: Callable[[Array], float]) -> Reference:
    """Statistic of the distances in pixels from the pixels to their mean position."""

    def of(t: Thing) -> float:
        centre = np.average(t.pixels, axis=0, weights=t.a[t.mask] if weighted else None)
        return function(np.linalg.norm(t.pixels - centre, axis=1))

    return each(of)


def along(axis: int, function: Callable[[Array, Array], Any]) -> Reference:
    """What a function gives for the positions along x (-1), y or z, 0 in planes, and the values."""
    return each(
        lambda t: function(
            t.pixels[:, axis] if -axis <= t.mask.ndim else np.zeros(len(t.pixels)), t.a[t.mask].astype(float)
        )
    )


def grown(labels: Array, radius: int) -> Array:
    """Background takes the highest label beside it, over corners in every other step."""
    result = labels
    for step in range(radius):
        footprint = ndimage.generate_binary_structure(labels.ndim, 1 if step % 2 else labels.ndim)
        result = np.where(result == 0, ndimage.maximum_filter(result, footprint=footprint), result)
    return result


def touching(radius: int, function: Callable[[Array, Array, Array], float]) -> Reference:
    """What a function gives for the counts of faces, portions of the border and distances of neighbours."""

    def make(scene: Scene) -> list[tuple[Array, Array, Array]]:
        labels = grown(scene.labels, radius)
        pairs, border = contacts(labels, np.ones(labels.ndim))
        centres = np.array([np.argwhere(labels == k).mean(0) for k in scene.ids])
        away, found = _between(centres), []
        for i, counts in enumerate(pairs):
            near = counts > 0
            own = np.append(counts[near], border[i] - counts.sum()) if border[i] > counts.sum() else counts[near]
            found.append((counts[near], own / border[i], away[i][near]))
        return found

    def of(scene: Scene) -> list[float]:
        found = known(scene, f"touching {radius}", lambda: make(scene))
        return [function(*some) for some in found]

    return of


def least(i: int, radius: int) -> Reference:
    """Smallest count or portion of neighbours; without one, the largest that any two objects have."""

    def of(scene: Scene) -> list[float]:
        touching(radius, lambda *_: 0.0)(scene)
        own = [some[i][: len(some[0])] for some in scene.memory[f"touching {radius}"]]
        most = max(some.max() for some in own if some.size)
        return [some.min() if some.size else most for some in own]

    return of


def in_pixels(scene: Scene) -> Array:
    """Distances in pixels between all centroids."""
    return known(scene, "away", lambda: _between(scene.centroids / scene.sizes))


def mean_of_nearest(scene: Scene, n: int) -> Array:
    """Mean distance to so many others; where they are fewer, an object counts as one, farther than any two are."""
    ascending = np.sort(in_pixels(scene), axis=1)
    n_others = ascending.shape[1] - 1
    if n <= n_others:
        return ascending[:, :n].mean(axis=1)
    farthest = ascending[:, n_others - 1].max() + 1
    return (ascending[:, :n_others].sum(axis=1) + farthest) / (n_others + 1)


def clesperanto() -> dict[str, Reference]:
    """References of the measurements that are named as in clEsperanto."""
    found: dict[str, Reference] = {
        "original_label": lambda scene: scene.ids,
        "label_plus_one": lambda scene: np.add(scene.ids, 1),
        "min_intensity": of_values(np.min),
        "max_intensity": of_values(np.max),
        "sum_intensity": of_values(np.sum),
        "mean_intensity": of_values(np.mean),
        "standard_deviation_intensity": of_values(np.std),
        "distance_to_most_distant_other": lambda scene: np.sort(in_pixels(scene), axis=1)[:, -2],
    }
    for name, i, size in (("x", -1, "width"), ("y", -2, "height"), ("z", -3, "depth")):
        found |= {
            f"bbox_min_{name}": along(i, lambda at, values: at.min()),
            f"bbox_max_{name}": along(i, lambda at, values: at.max()),
            f"bbox_{size}": along(i, lambda at, values: np.ptp(at) + 1),
            f"sum_{name}": along(i, lambda at, values: at.sum()),
            f"centroid_{name}": along(i, lambda at, values: at.mean()),
            f"sum_intensity_times_{name}": along(i, lambda at, values: (at * values).sum()),
            f"mass_center_{name}": along(i, lambda at, values: np.average(at, weights=values)),
        }
    for name, weighted in (("centroid", False), ("mass_center", True)):
        found |= {
            f"sum_distance_to_{name}": to_centre(weighted, np.sum),
            f"mean_distance_to_{name}": to_centre(weighted, np.mean),
            f"max_distance_to_{name}": to_centre(weighted, np.max),
            f"mean_max_distance_to_{name}_ratio": to_centre(
                weighted, lambda d: d.max() / d.mean() if d.any() else np.nan
            ),
        }
    for radius in (0, 5, 10):
        end = f"_dilated_r_{radius}" if radius else ""
        of = partial(touching, radius)
        found |= {
            f"touching_neighbor_count{end}": of(lambda c, p, d: c.size),
            f"minimum_distance_of_touching_neighbors{end}": of(lambda c, p, d: d.min(initial=np.inf) if d.size else 0),
            f"average_distance_of_touching_neighbors{end}": of(lambda c, p, d: d.mean() if d.size else 0),
            f"maximum_distance_of_touching_neighbors{end}": of(lambda c, p, d: d.max(initial=0)),
            f"max_min_distance_ratio_of_touching_neighbors{end}": of(
                lambda c, p, d: d.max() / d.min() if d.size else np.nan
            ),
            f"touch_count_sum{end}": of(lambda c, p, d: c.sum()),
            f"minimum_touch_count{end}": least(0, radius),
            f"maximum_touch_count{end}": of(lambda c, p, d: c.max(initial=0)),
            f"minimum_touch_portion{end}": least(1, radius),
            f"maximum_touch_portion{end}": of(lambda c, p, d: p[: c.size].max(initial=0)),
        }
    for share in (0, 0.16, 0.2, 0.33, 0.5, 0.75):
        above = lambda c, p, d, share=share: np.count_nonzero(p[: c.size] > share)  # noqa: E731
        found[f"touch_portion_above_{share}_neighbor_count"] = touching(0, above)
    found["standard_deviation_touch_portion"] = touching(0, lambda c, p, d: np.abs(p - 1 / p.size).mean())
    for d in (10, 20, 40, 80, 160):
        found[f"proximal_neighbor_count_d{d}"] = lambda scene, d=d: (in_pixels(scene) <= d).sum(axis=1)
    for n in (1, 2, 3, 4, 5, 6, 7, 8, 10, 20):
        found[f"average_distance_of_n{n}_nearest_neighbors"] = partial(mean_of_nearest, n=n)
        found[f"maximum_distance_of_n{n}_nearest_neighbors"] = lambda scene, n=n: np.sort(in_pixels(scene), axis=1)[
            :, min(n, len(scene.ids) - 1) - 1
        ]
    return found


REFERENCES: dict[str, Reference] = {
    # size and position
    **{name: skimage(name) for name in ("num_pixels", "area", "area_bbox", "equivalent_diameter_area", "bbox")},
    "centroid": lambda scene: scene.centroids,
    "touches_border": each(touches_border),
    "intensity_min_position": at_extreme(np.argmin),
    "intensity_max_position": at_extreme(np.argmax),
    # intensity
    "intensity_mean": of_values(np.mean),
    "intensity_min": of_values(np.min),
    "intensity_max": of_values(np.max),
    "intensity_std": of_values(np.std),
    "intensity_sum": of_values(np.sum),
    "intensity_median": of_values(np.median),
    "intensity_lower_quartile": of_values(lambda v: np.percentile(v, 25)),
    "intensity_upper_quartile": of_values(lambda v: np.percentile(v, 75)),
    "intensity_mad": of_values(stats.median_abs_deviation),
    "intensity_skewness": of_values(lambda v: stats.skew(v) if np.ptp(v) else np.nan),
    "intensity_kurtosis": of_values(lambda v: stats.kurtosis(v) if np.ptp(v) else np.nan),
    **{f"intensity_edge_{n}": of_edge(getattr(np, n)) for n in ("mean", "std", "min", "max", "sum")},
    "centroid_weighted": each(lambda t: np.average(t.points, axis=0, weights=t.a[t.mask])),
    "intensity_mass_displacement": each(displacement),
    # shape
    "touching_neighbor_count": lambda scene: (contacts_of(scene)[0] > 0).sum(axis=1),
    "axis_major_length": axis(0),
    "axis_minor_length": axis(-1),
    "axis_intermediate_length": axis(1),
    "aspect_ratio": ratio("axis_major_length", "axis_minor_length"),
    "elongation": ratio("axis_major_length", "axis_intermediate_length"),
    "flatness": ratio("axis_intermediate_length", "axis_minor_length"),
    **{f"principal_axis_{n}": direction(i) for i, n in enumerate(("major", "intermediate", "minor"))},
    **{n: skimage(n) for n in ("extent", "area_convex", "solidity", "area_filled", "euler_number")},
    **{n: skimage(n) for n in ("feret_diameter_max", "eccentricity", "orientation", "perimeter")},
    "feret_diameter_min": each(narrowest),
    "perimeter_crofton": each(crofton),
    "circularity": ratio("disk of perimeter", "perimeter squared"),
    "form_factor": ratio("disk of perimeter", "crofton squared"),
    "compactness": ratio("perimeter squared", "disk of perimeter"),
    "roundness": ratio("disk of axis", "axis squared"),
    "convexity": each(convexity),
    "surface_area": each(surface),
    "sphericity": ratio("surface of ball", "surface_area"),
    # moments
    **{n: skimage(n) for n in ("centroid_local", "inertia_tensor", "inertia_tensor_eigvals")},
    "centroid_weighted_local": skimage("centroid_weighted_local"),
    **{n: moments(n) for n in ("moments", "moments_central", "moments_normalized")},
    **{n: moments(n) for n in ("moments_weighted", "moments_weighted_central", "moments_weighted_normalized")},
    "moments_hu": hu("moments_normalized"),
    "moments_weighted_hu": hu("moments_weighted_normalized"),
    # neighbours
    "contact_length": contact_size,
    "contact_area": contact_size,
    "touching_portion": lambda scene: contact_size(scene) / contacts_of(scene)[1],
    "touching_portion_max": lambda scene: contacts_of(scene)[0].max(axis=1) / contacts_of(scene)[1],
    "touching_distance_min": touching_distance(np.min),
    "touching_distance_mean": touching_distance(np.mean),
    "touching_distance_max": touching_distance(np.max),
    "nearest_neighbor_label": lambda scene: np.array(scene.ids)[scene.away.argmin(axis=1)],
    "nearest_neighbor_distance": nearest(0),
    "second_nearest_neighbor_distance": nearest(1),
    "nearest_neighbors_angle": angle,
    "local_density": density,
    "nearest_neighbors_distance_mean": lambda scene: np.sort(scene.away, axis=1)[:, :6].mean(axis=1),
    "nearest_surface_distance": lambda scene: gaps(scene).min(axis=1),
    "nearest_surface_label": lambda scene: np.array(scene.ids)[gaps(scene).argmin(axis=1)],
    # rings, texture, channels
    **{f"radial_{n}": rings(n) for n in ("fraction", "mean_fraction", "cv")},
    **{f"haralick_{n}": haralick(i) for i, n in enumerate(HARALICK)},
    "lbp": patterns,
    "granularity": each(spectrum),
    "pearson_corr_coeff": of_pair(lambda a, b: stats.pearsonr(a, b).statistic),
    "spearman_corr_coeff": of_pair(lambda a, b: stats.spearmanr(a, b).statistic),
    "manders_overlap_coeff": each(lambda t: skm.manders_overlap_coeff(t.a.astype(float), t.b.astype(float), t.mask)),
    "intensity_correlation_quotient": of_pair(same_side),
    "manders_coloc_coeff_m1": manders(0, otsu),
    "manders_coloc_coeff_m2": manders(1, otsu),
    "manders_coloc_coeff_costes_m1": manders(0, costes),
    "manders_coloc_coeff_costes_m2": manders(1, costes),
    **clesperanto(),
}
PARTS: dict[str, Reference] = {
    "disk of perimeter": lambda scene: 4 * np.pi * np.array(REFERENCES["area"](scene)),
    "perimeter squared": lambda scene: np.square(REFERENCES["perimeter"](scene)),
    "crofton squared": lambda scene: np.square(REFERENCES["perimeter_crofton"](scene)),
    "disk of axis": lambda scene: 4 * np.array(REFERENCES["area"](scene)),
    "axis squared": lambda scene: np.pi * np.square(REFERENCES["axis_major_length"](scene)),
    "surface of ball": lambda scene: np.cbrt(np.pi * np.square(6 * np.array(REFERENCES["area"](scene)))),
}
"""What ratios are made of, besides other measurements."""

WITH_NUMBERS: dict[str, Reference] = {
    "intensity_percentile=30": of_values(lambda v: np.percentile(v, 30)),
    "nearest_neighbors_distance_mean=3": lambda scene: np.sort(scene.away, axis=1)[:, :3].mean(axis=1),
    "nearest_neighbors_distance_max=3": nearest(2),
    "nearest_neighbors_distance_std=3": lambda scene: np.sort(scene.away, axis=1)[:, :3].std(axis=1),
    "neighbor_count_within=9.5": lambda scene: (scene.away <= 9.5).sum(axis=1),
    "surface_neighbor_count_within=2.2": lambda scene: (gaps(scene) <= 2.2).sum(axis=1),
    "average_distance_of_n_nearest_neighbors=4": lambda scene: np.sort(in_pixels(scene), axis=1)[:, :4].mean(axis=1),
    "granularity=5": each(partial(spectrum, n=5)),
    "lbp=2": partial(patterns, radius=2),
    **{f"radial_{n}=6": rings(n, 6) for n in ("fraction", "mean_fraction", "cv")},
    **{f"haralick_{n}=2": haralick(i, 2) for i, n in enumerate(HARALICK)},
}
"""The same of measurements that take a number, each for one."""

ONLY_SQUARE = ("perimeter", "circularity", "compactness", "convexity", "moments_hu", "moments_weighted_hu")
"""What the reference has for square pixels only."""
ONLY_THICK = ("area_convex", "solidity", "feret_diameter_max", "eccentricity", "orientation", "convexity")
"""What scikit-image refuses or sees otherwise for objects that are flat, or of few pixels."""
TOLERANCE = {"surface_area": 0.01, "sphericity": 0.01, "nearest_neighbors_angle": 1e-6}
"""Relative, where it is not 1e-6: the weights of directions are found by drawing some, and arc cosines lose digits."""


def test_every_measurement_has_a_reference() -> None:
    assert sorted(REFERENCES) == sorted(PROPERTIES)
    assert {name.partition("=")[0] for name in WITH_NUMBERS} == {*NUMBERED, *MEASURED}


def check(name: str, reference: Reference, table: Callable[[Scene], pd.DataFrame]) -> None:
    found = find_property(name)
    assert found is not None
    for of, scene in SCENES.items():
        ndim = scene.labels.ndim
        if ndim not in found.ndims or (name in ONLY_SQUARE and of == "oblong pixels"):
            continue
        columns = found.columns(ndim, {0: "", 1: "_a", 2: "_a_b"}[found.n_images])
        mine = table(scene)[columns].to_numpy(float)
        expected = np.asarray(reference(scene), float).reshape(mine.shape)
        rows = scene.thick if name in ONLY_THICK else np.ones(len(mine), bool)
        assert rows.sum() >= 5
        assert np.isfinite(expected[rows]).any()
        size = np.abs(expected[np.isfinite(expected)]).max()
        tolerance = TOLERANCE.get(name, 1e-6)
        np.testing.assert_allclose(mine[rows], expected[rows], rtol=tolerance, atol=1e-9 * size, err_msg=of)


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_every_measurement_is_that_of_its_reference(name: str) -> None:
    check(name, REFERENCES[name], lambda scene: scene.table)


@pytest.mark.parametrize("name", sorted(WITH_NUMBERS))
def test_measurements_with_other_numbers_are_those_of_their_references(name: str) -> None:
    def table(scene: Scene) -> pd.DataFrame:
        return measure(scene.labels, {"a": scene.a, "b": scene.b}, scene.spacing, [name])

    check(name, WITH_NUMBERS[name], table)
