"""The whole loop on a simulated sample: from pixels to objects, classes, measurements and clusters, with scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.recipe.batch import Progress
from bioloom.recipe.demo_files import write_results
from bioloom.recipe.scores import score_loop
from bioloom.recipe.steps import run_frames, run_operation

if TYPE_CHECKING:
    import pandas as pd

    from bioloom.classify import PixelClassifier
    from bioloom.samples import Sample

__all__ = ["LoopResult", "Step", "keep_for_window", "open_demo", "run_loop", "write_results"]

LayerData = tuple[NDArray[Any], dict[str, Any], str]

BACKGROUND, NUCLEI = 1, 2
N_STEPS = 9
# Lengths are in micrometers; the nuclei of the samples have radii of 4 to 6.
TOP_HAT_RADIUS = 12.0
SPOT_SIGMA = 2.0
OUTLINE_SIGMA = 0.5
SMALLEST = {2: 15.0, 3: 30.0}
STROKE_PIXELS = 600
OBJECTS_PER_TYPE = 10
# People mark an object in its middle, not up to its border.
PEN_MARGIN = 3


@dataclass(frozen=True)
class Step:
    """One step of the loop: its name, what it did with which parameters, and how long it took."""

    name: str
    what: str
    parameters: dict[str, Any]
    seconds: float


@dataclass(frozen=True, eq=False)
class LoopResult:
    """What the loop found.

    Attributes
    ----------
    sample
        The image and its ground truth.
    seed
        Seed of all random steps.
    annotation
        The painted strokes that the pixel classifier was trained on: 1 background, 2 nuclei; same shape as `labels`.
    labels
        uint32 objects, (y, x), (z, y, x) or (t, y, x); in a time series no two frames share a label.
    pixel_classes
        1 background, 2 nuclei; same shape.
    object_classes
        Class per object as an image, 0 is background; same shape.
    table
        One row per object: ``[frame,] label``, the measurements in micrometers, ``class``, ``probability``, ``UMAP-0``,
        ``UMAP-1`` and ``KMEANS_CLUSTER``.
    pixel_classifier
        The classifier that found `pixel_classes`.
    steps
        What was done, in order.
    scores
        Agreement with the ground truth by name, see :func:`bioloom.recipe.scores.score_loop`.
    """

    sample: Sample
    seed: int
    annotation: NDArray[np.uint8]
    labels: NDArray[np.uint32]
    pixel_classes: NDArray[np.uint8]
    object_classes: NDArray[np.uint8]
    table: pd.DataFrame
    pixel_classifier: PixelClassifier
    steps: tuple[Step, ...]
    scores: dict[str, float]


@dataclass
class _Clock:
    """Times steps and tells about each when it is done."""

    progress: Progress | None
    on_step: Callable[[Step], None] | None
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, what: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Time a step; parameters that only the step itself knows can be added to what it yields."""
        start = time.perf_counter()
        yield parameters
        self.steps.append(Step(name, what, parameters, time.perf_counter() - start))
        if self.on_step is not None:
            self.on_step(self.steps[-1])
        if self.progress is not None:
            self.progress(len(self.steps), N_STEPS)


def run_loop(
    sample: Sample | str = "nuclei_2d",
    seed: int = 0,
    progress: Progress | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> LoopResult:
    """Filter, label, clean, classify pixels, measure, classify objects, embed and cluster; then compare with the truth.

    Parameters
    ----------
    sample
        A simulated sample, or its name (it is then made with `seed`).
    seed
        Seed of the strokes, the forests, UMAP and k-means, 0 or larger. The same sample, seed and versions of the
        libraries give the same result.
    progress
        Called as ``progress(done, total)`` after each step; may raise Cancelled.
    on_step
        Called with each step when it is done.

    Returns
    -------
    LoopResult
        Labels, classes, the table and scores.

    Raises
    ------
    InputError
        If there is no such sample, or too few objects are found for the later steps.
    Cancelled
        If `progress` raised it.
    """
    from bioloom.classify import ObjectClassifier, PixelClassifier
    from bioloom.classify.base import check_whole
    from bioloom.classify.model_file import describe
    from bioloom.classify.objects import annotated_classes, paint_objects
    from bioloom.explore import cluster, embed
    from bioloom.measure import measure
    from bioloom.samples import annotate_objects, make_sample, strokes

    check_whole("seed", seed, 0, 2**32 - 1)
    if isinstance(sample, str):
        sample = make_sample(sample, seed)
    spacing, frames = sample.spatial_spacing, sample.frame_axis
    clock = _Clock(progress, on_step)
    channel_axis = 0 if sample.axes.startswith("c") else None
    nuclei = sample.image if channel_axis is None else sample.image[0]
    channels = nuclei if channel_axis is None else dict(zip(("nuclei", "marker"), sample.image, strict=True))

    def apply(operation: str, pixels: NDArray[Any], **settings: Any) -> NDArray[Any]:
        result: NDArray[Any] = run_operation(operation, pixels, frame_axis=frames, **settings)
        return result

    settings: dict[str, Any] = {"radius": TOP_HAT_RADIUS, "spacing": spacing}
    with clock.step("filter", "top_hat: remove the uneven background", **settings):
        filtered = apply("top_hat", nuclei, **settings)

    settings = {"spot_sigma": SPOT_SIGMA, "outline_sigma": OUTLINE_SIGMA, "spacing": spacing}
    with clock.step("label", "voronoi_otsu_labeling: one label per nucleus", **settings):
        segmented = apply("voronoi_otsu_labeling", filtered, **settings)

    # Few stacks are thicker than two layers of cells: cutting off top and bottom would leave little.
    edges, smallest = ("lateral" if len(spacing) == 3 else "all"), SMALLEST[len(spacing)]
    with clock.step("clean", "remove objects at edges and small ones", edges=edges, minimum=smallest):
        labels = apply("remove_labels_at_edges", segmented, edges=edges)
        labels = apply("remove_labels_by_size", labels, minimum=smallest, spacing=spacing)
        labels = _number_through(labels) if frames is not None else labels

    painted = strokes(sample.labels, n_pixels=STROKE_PIXELS, seed=seed)
    pixel_classifier = PixelClassifier(seed=seed)
    with clock.step("pixel training", f"forest trained on {STROKE_PIXELS} painted pixels") as parameters:
        images, annotations = (nuclei, painted) if frames is None else (list(nuclei), list(painted))
        images = sample.image if channel_axis is not None else images
        pixel_classifier.fit(images, annotations, channel_axis=channel_axis, spacing=spacing)
        parameters |= describe(pixel_classifier)

    with clock.step("pixel classes", "every pixel classified as background (1) or nuclei (2)"):
        pixel_classes = run_frames(pixel_classifier.predict, sample.image, frames)

    with clock.step("measure", "every measurement of every object, in micrometers", spacing=spacing):
        table = measure(labels, channels, spacing, frame_axis=frames)

    rarest = int(sample.cell_types["cell_type"].value_counts().min())
    per_type = min(OBJECTS_PER_TYPE, max(rarest // 2, 1))
    object_classifier = ObjectClassifier(seed=seed)
    with clock.step("object classes", f"forest trained on {per_type} marked nuclei of each type") as parameters:
        marked = _pen_marks(annotate_objects(sample, n_per_type=per_type, seed=seed))
        given = annotated_classes(labels, marked, table, frame_axis=frames)
        measured = object_classifier.measure(labels, channels, spacing=spacing, frame_axis=frames)
        predicted = object_classifier.fit_table(measured, given).predict_table(measured)
        object_classes = paint_objects(labels, table.join(predicted), "class", frame_axis=frames)
        parameters |= {"objects_per_type": per_type, **describe(object_classifier)}

    used = object_classifier.feature_names_
    with clock.step("UMAP", "measurements embedded in two dimensions") as parameters:
        embedding = embed(measured, used, "umap", seed=seed)
        parameters |= {k: v for k, v in embedding.parameters.items() if k != "versions"}

    with clock.step("k-means", "measurements divided into clusters, without looking at classes") as parameters:
        clustering = cluster(measured, used, n_clusters=2, seed=seed)
        parameters |= {k: v for k, v in clustering.parameters.items() if k != "versions"}

    table = table.join(predicted)
    table[list(embedding.column_names)] = embedding.coordinates
    table[clustering.column_name] = clustering.labels
    scores = score_loop(sample, segmented, labels, pixel_classes, painted, table, given)
    return LoopResult(
        sample=sample,
        seed=seed,
        annotation=painted,
        labels=labels,
        pixel_classes=pixel_classes,
        object_classes=object_classes,
        table=table,
        pixel_classifier=pixel_classifier,
        steps=tuple(clock.steps),
        scores=scores,
    )


def _number_through(labels: NDArray[Any]) -> NDArray[np.uint32]:
    """Give the objects of all frames labels of their own, so that a label alone says which object it is."""
    result = labels.astype(np.uint32)
    last = 0
    for frame in result:
        frame[frame > 0] += np.uint32(last)
        last = max(last, int(frame.max()))
    return result


def _pen_marks(annotation: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink filled objects to marks in their middle, which do not reach into a neighbour of the segmentation."""
    from scipy import ndimage

    width = 2 * PEN_MARGIN + 1
    smallest = ndimage.minimum_filter(annotation, size=(1, width, width)[-annotation.ndim :])
    return np.where(smallest > 0, annotation, 0).astype(np.uint8)


_kept: LoopResult | None = None


def keep_for_window(result: LoopResult) -> None:
    """Let :func:`open_demo` show this result instead of computing one."""
    global _kept
    _kept = result


def open_demo() -> list[LayerData]:
    """Open the result of the loop on simulated nuclei: image, objects with their measurements, and both classes.

    The loop is run when it is first opened, which takes tens of seconds.

    Returns
    -------
    list of tuple
        Layer data tuples for napari: (data, attributes, type).
    """
    if _kept is None:
        keep_for_window(run_loop())
    assert _kept is not None
    sample = _kept.sample
    axes = [i for i, axis in enumerate(sample.axes) if axis != "c"]
    place = {
        "scale": tuple(sample.spacing[i] for i in axes),
        "units": tuple(sample.units[i] for i in axes),
        "axis_labels": tuple(sample.axes[i] for i in axes),
    }
    about = {"sample": sample.name, "seed": _kept.seed, "scores": dict(_kept.scores)}
    channels = {"Nuclei": sample.image}
    if "c" in sample.axes:
        channels = dict(zip(("Nuclei", "Marker"), sample.image, strict=True))
    looks = {"blending": "additive"} if len(channels) > 1 else {}
    layers: list[LayerData] = [
        (data, {"name": name, **looks, **place, "metadata": dict(about)}, "image") for name, data in channels.items()
    ]
    features = _kept.table.assign(index=_kept.table["label"])
    # The roles tell the panels which layer is for what.
    pictures: list[tuple[str, NDArray[Any], dict[str, Any], str]] = [
        ("Annotation", _kept.annotation, {"visible": False}, "annotation"),
        ("Pixel classes", _kept.pixel_classes, {"visible": False, "opacity": 0.4}, "classes"),
        ("Object classes", _kept.object_classes, {"visible": False, "opacity": 0.5}, "classes"),
        ("Objects", _kept.labels, {"features": features, "opacity": 0.5}, ""),
    ]
    for name, data, look, role in pictures:
        metadata = {**about, "bioloom": {"role": role}}
        layers.append((data, {"name": name, **look, **place, "metadata": metadata}, "labels"))
    return layers
