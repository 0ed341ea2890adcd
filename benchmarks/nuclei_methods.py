"""The methods that `nuclei_accuracy.py` compares: each learns from one image with its truth and is applied to others.

Methods in two families, each Bioloom next to its peers:

- Voronoi-Otsu: what is learnt is one pair of sigmas, the best of `GRID` on the one image.
- Pixel classifiers: what is learnt is a forest, from a few strokes drawn on the one image.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import bioloom
from bioloom import device
from bioloom.classify import objects_of_class
from bioloom.errors import DeviceError
from bioloom.measure import compare_segmentations
from bioloom.operations import remove_labels_by_size, voronoi_otsu_labeling

Array = NDArray[Any]

SMALLEST = 25
"""Objects of fewer pixels are removed from the result of every method."""

GRID = tuple(product((2.0, 3.0, 4.0, 6.0, 8.0, 10.0), (1.0, 2.0)))
"""(spot_sigma, outline_sigma) that Voronoi-Otsu chooses from."""

N_PIXELS = 400
"""Annotated pixels, half of them background."""


class Method:
    """One way to segment."""

    name = ""
    family = ""

    def learn(self, image: Array, truth: Array, seed: int) -> Any:
        """Return a model, from one image with its truth."""
        raise NotImplementedError

    def labels(self, model: Any, image: Array) -> Array:
        """Apply a model."""
        raise NotImplementedError

    def apply(self, model: Any, image: Array) -> tuple[Array, float]:
        """Apply a model; return the labels and the seconds it took."""
        start = perf_counter()
        labels = remove_labels_by_size(self.labels(model, image), SMALLEST)
        return labels, perf_counter() - start

    def describe(self, model: Any) -> str:
        """Return what a model has learnt, if that is short."""
        return ""


class VoronoiOtsu(Method):
    """One implementation of Voronoi-Otsu, with the sigmas that do best on one image."""

    family = "Voronoi-Otsu"

    def __init__(self, name: str, function: Callable[[Array, float, float], Array]) -> None:
        self.name = name
        self.function = function

    def learn(self, image: Array, truth: Array, seed: int) -> tuple[float, float]:
        def score(sigmas: tuple[float, float]) -> tuple[float, float]:
            scores = compare_segmentations(self.apply(sigmas, image)[0], truth)
            return scores.f1[0], scores.foreground_iou

        return max(GRID, key=score)

    def labels(self, model: tuple[float, float], image: Array) -> Array:
        return self.function(image, *model)

    def describe(self, model: tuple[float, float]) -> str:
        return "{:g}, {:g}".format(*model)


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


class BioloomPixels(Method):
    """Bioloom's pixel classifier at its defaults."""

    name = "Bioloom PixelClassifier"
    family = "pixel classifier"

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def learn(self, image: Array, truth: Array, seed: int) -> Any:
        classifier = bioloom.PixelClassifier(seed=seed, **self.settings)
        return classifier.fit(image, strokes(truth, seed), channel_axis=-1 if image.ndim == 3 else None)

    def labels(self, model: Any, image: Array) -> Array:
        return objects_of_class(model.predict(image), 2)


class SkimagePixels(Method):
    """scikit-image's TrainableSegmenter with scikit-learn's forest, both at their defaults (100 trees)."""

    name = "scikit-image + scikit-learn"
    family = "pixel classifier"

    def learn(self, image: Array, truth: Array, seed: int) -> Any:
        from skimage.feature import multiscale_basic_features
        from skimage.future import TrainableSegmenter
        from sklearn.ensemble import RandomForestClassifier

        features = partial(multiscale_basic_features, channel_axis=-1 if image.ndim == 3 else None)
        forest = RandomForestClassifier(100, n_jobs=-1, random_state=seed)
        segmenter = TrainableSegmenter(forest, features)
        segmenter.fit(image, strokes(truth, seed))
        return segmenter

    def labels(self, model: Any, image: Array) -> Array:
        return objects_of_class(model.predict(image), 2)


class ApocPixels(Method):
    """APOC at its defaults (100 trees of depth 2), in a Python of its own because it needs numpy<2."""

    name = "APOC"
    family = "pixel classifier"

    def __init__(self, python: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name, "log.txt").open("w+")  # noqa: SIM115 - the process writes to it
        self._n = 0
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name("apoc_worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.version = self._answer()

    def _path(self, suffix: str) -> str:
        self._n += 1
        return str(Path(self._folder.name) / f"{self._n}{suffix}")

    def _answer(self, *words: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if words:
            print(*words, sep="\t", file=self._process.stdin, flush=True)
        for line in self._process.stdout:
            if line.startswith("answer\t"):  # other lines are chatter of the OpenCL compiler
                return line.removeprefix("answer\t").strip()
        self._process.wait()
        self._log.seek(0)
        raise RuntimeError(f"APOC ended: {self._log.read().strip().splitlines()[-1:]}")

    def learn(self, image: Array, truth: Array, seed: int) -> str:
        data, model = self._path(".npz"), self._path(".cl")
        np.savez(data, image=image, annotation=strokes(truth, seed))
        self._answer("learn", data, model)
        return model

    def apply(self, model: str, image: Array) -> tuple[Array, float]:
        data, result = self._path(".npz"), self._path(".npy")
        np.savez(data, image=image)
        seconds = float(self._answer("apply", data, model, result))
        start = perf_counter()
        labels = remove_labels_by_size(objects_of_class(np.load(result), 2), SMALLEST)
        return labels, seconds + perf_counter() - start


def strokes(truth: Array, seed: int) -> Array:
    """Annotate: 1 background, 2 nuclei."""
    from bioloom.samples import strokes as draw

    return draw(truth, n_pixels=N_PIXELS, seed=seed)


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
    methods += [BioloomPixels(), SkimagePixels()]
    if apoc_python is None:
        skipped.append("APOC was left out: no Python that has it was named (--apoc-python).")
    else:
        try:
            methods.append(ApocPixels(apoc_python))
        except (OSError, RuntimeError) as error:
            skipped.append(f"APOC was left out: {error}")
    return methods, skipped
