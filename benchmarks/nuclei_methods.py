"""The methods that `nuclei_accuracy.py` compares: each learns from images with their truth and is applied to others.

Methods in two families, each Bioloom next to its peers:

- Voronoi-Otsu: what is learnt is one pair of sigmas, the best of `GRID` on the images learnt from.
- Pixel classifiers: what is learnt is a forest, from a few strokes drawn on each of these images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
from nuclei_apoc import Apoc
from numpy.typing import NDArray

import bioloom
from bioloom import device
from bioloom.classify import objects_of_class
from bioloom.classify.segmentation import objects_from_classes
from bioloom.errors import DeviceError
from bioloom.measure import compare_segmentations
from bioloom.operations import remove_labels_by_size, voronoi_otsu_labeling

Array = NDArray[Any]
Pair = tuple[Array, Array]
"""An image and its truth."""

SMALLEST = 25
"""Objects of fewer pixels are removed from the result of every method."""

GRID = tuple(product((2.0, 3.0, 4.0, 6.0, 8.0, 10.0), (1.0, 2.0)))
"""(spot_sigma, outline_sigma) that Voronoi-Otsu chooses from."""

N_PIXELS = 400
"""Annotated pixels per image, half of them background."""


class Method:
    """One way to segment, in one setting."""

    name = ""
    family = ""
    setting = ""

    def suits(self, kind: str) -> bool:
        """Tell whether it is made for such images."""
        return True

    def learn(self, pairs: Sequence[Pair], seed: int) -> Any:
        """Return a model."""
        raise NotImplementedError

    def apply(self, model: Any, image: Array) -> dict[str, Array]:
        """Apply a model; return labels by what was made of the pixels."""
        raise NotImplementedError


class VoronoiOtsu(Method):
    """One implementation of Voronoi-Otsu, with the sigmas that do best on the images learnt from."""

    family = "Voronoi-Otsu"
    setting = f"best of {len(GRID)} pairs of sigmas"

    def __init__(self, name: str, function: Callable[[Array, float, float], Array]) -> None:
        self.name = name
        self.function = function

    def suits(self, kind: str) -> bool:
        return kind.startswith("fluorescence")

    def learn(self, pairs: Sequence[Pair], seed: int) -> tuple[float, float]:
        def score(sigmas: tuple[float, float]) -> float:
            found = [compare_segmentations(self.apply(sigmas, image)[""], truth) for image, truth in pairs]
            return float(np.mean([s.f1[0] + 0.001 * s.foreground_iou for s in found]))

        return max(GRID, key=score)

    def apply(self, model: tuple[float, float], image: Array) -> dict[str, Array]:
        labels = self.function(image, *model)
        return {"": remove_labels_by_size(labels, SMALLEST)}


def skimage_chain(image: Array, spot_sigma: float, outline_sigma: float) -> Array:
    """Gaussian, Otsu, local maxima as seeds, watershed in the mask."""
    from skimage.feature import peak_local_max
    from skimage.filters import gaussian, threshold_otsu
    from skimage.segmentation import watershed

    outline = gaussian(image, outline_sigma, preserve_range=True)
    mask = outline > threshold_otsu(outline)
    spots = gaussian(image, spot_sigma, preserve_range=True)
    seeds = np.zeros(image.shape, np.int32)
    peaks = peak_local_max(spots, min_distance=1, exclude_border=False, labels=mask.astype(np.int32))
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-spots, seeds, mask=mask)


def clesperanto_chain(image: Array, spot_sigma: float, outline_sigma: float) -> Array:
    cle = device.clesperanto()
    result = cle.voronoi_otsu_labeling(device.push(image), spot_sigma=spot_sigma, outline_sigma=outline_sigma)
    return device.pull(result).astype(np.uint32)


DEFAULT = "normalise=log, extra trees"
REGIONS, SPLIT = "connected regions", "smoothed, filled, split"


def finished(classes: Array) -> dict[str, Array]:
    """Turn the pixels of class 2 into objects: connected regions, and with Bioloom's further steps."""
    labels = {REGIONS: objects_of_class(classes, 2), SPLIT: objects_from_classes(classes, 2)}
    return {name: remove_labels_by_size(found, SMALLEST) for name, found in labels.items()}


class BioloomPixels(Method):
    """Bioloom's segmenter of objects, at its defaults but for how intensities are normalised and trees are grown."""

    name = "Bioloom"
    family = "pixel classifier"

    def __init__(self, normalise: str, trees: str) -> None:
        self.settings: dict[str, Any] = {"normalise": normalise, "trees": trees}
        self.setting = f"normalise={normalise}, {trees}"

    def learn(self, pairs: Sequence[Pair], seed: int) -> Any:
        classifier = bioloom.ObjectSegmenter(seed=seed, **self.settings)
        axis = -1 if pairs[0][0].ndim == 3 else None
        return classifier.fit([p[0] for p in pairs], [strokes(p[1], seed) for p in pairs], channel_axis=axis)

    def apply(self, model: Any, image: Array) -> dict[str, Array]:
        probability = model.predict_proba(image)[1]
        labels = {REGIONS: objects_of_class(probability > 0.5, 1), SPLIT: model.predict(image)}
        return {name: remove_labels_by_size(found, SMALLEST) for name, found in labels.items()}


class SkimagePixels(Method):
    """scikit-image's trainable segmentation with one of scikit-learn's forests of 100 trees."""

    name = "scikit-image + scikit-learn"
    family = "pixel classifier"

    def __init__(self, depth: int | None, sigma_max: float, extra: bool) -> None:
        self.depth, self.sigma_max, self.extra = depth, sigma_max, extra
        self.setting = f"max_depth={depth}, sigma_max={sigma_max:g}" + ", extra trees" * extra

    def features(self, image: Array) -> Array:
        from skimage.feature import multiscale_basic_features

        axis = -1 if image.ndim == 3 else None
        return multiscale_basic_features(image, sigma_max=self.sigma_max, channel_axis=axis)

    def learn(self, pairs: Sequence[Pair], seed: int) -> Any:
        from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

        annotations = [strokes(truth, seed) for _, truth in pairs]
        rows = [self.features(image)[a > 0] for (image, _), a in zip(pairs, annotations, strict=True)]
        kind = ExtraTreesClassifier if self.extra else RandomForestClassifier
        forest = kind(100, max_depth=self.depth, n_jobs=-1, random_state=seed)
        return forest.fit(np.concatenate(rows), np.concatenate([a[a > 0] for a in annotations]))

    def apply(self, model: Any, image: Array) -> dict[str, Array]:
        from skimage.future import predict_segmenter

        return finished(predict_segmenter(self.features(image), model))


class ApocPixels(Method):
    """APOC with 100 trees."""

    name = "APOC"
    family = "pixel classifier"

    def __init__(self, apoc: Apoc, depth: int, features: str, name: str) -> None:
        self.apoc, self.depth, self.features = apoc, depth, features
        self.setting = f"max_depth={depth}, {name}"

    def learn(self, pairs: Sequence[Pair], seed: int) -> str:
        return self.apoc.learn([(image, strokes(truth, seed)) for image, truth in pairs], self.depth, self.features)

    def apply(self, model: str, image: Array) -> dict[str, Array]:
        return finished(self.apoc.apply(model, image))


def strokes(truth: Array, seed: int) -> Array:
    """Annotate: 1 background, 2 nuclei."""
    from bioloom.samples import strokes as draw

    return draw(truth, n_pixels=N_PIXELS, seed=seed)


def _apoc_methods(python: str) -> list[Method]:
    names = {
        "object_size_1_to_5_px": bioloom.classify.PRESETS["object_size_1_to_5_px"],
        "quick 1, 5, 25": bioloom.classify.PRESETS["quick"],
        "the features of Bioloom's default": bioloom.classify.PRESETS["small to medium objects"],
    }
    apoc = Apoc(python)
    return [ApocPixels(apoc, depth, text, name) for depth, (name, text) in product((2, 4, 6), names.items())]


def available(apoc_python: str | None) -> tuple[list[Method], list[str]]:
    """Return the methods that can run here, and a line for each that cannot."""
    methods: list[Method] = [
        VoronoiOtsu("Bioloom", voronoi_otsu_labeling),
        VoronoiOtsu("scikit-image", skimage_chain),
    ]
    skipped = []
    try:
        device.select("opencl")
    except DeviceError as error:
        skipped.append(f"clEsperanto was left out: {error}")
    else:
        methods.append(VoronoiOtsu("clEsperanto", clesperanto_chain))
    methods += [BioloomPixels(*s) for s in product(("log", "linear", "none"), ("extra trees", "random forest"))]
    methods += [SkimagePixels(*s) for s in product((6, 10, None), (4, 8, 16), (False, True))]
    if apoc_python is None:
        skipped.append("APOC was left out: no Python that has it was named (--apoc-python).")
    else:
        try:
            methods += _apoc_methods(apoc_python)
        except (OSError, RuntimeError) as error:
            skipped.append(f"APOC was left out: {error}")
    return methods, skipped
