"""A classifier from folders of image files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bioloom.errors import InputError
from bioloom.recipe.batch import Progress, check_folder
from bioloom.recipe.provenance import describe_file, write_run

if TYPE_CHECKING:
    from bioloom.classify.base import ForestClassifier
    from bioloom.classify.pairs import FolderFit

KINDS = {
    "pixel": ("PixelClassifier", "pixels"),
    "segmenter": ("ObjectSegmenter", "pixel_outputs"),
    "probability": ("ProbabilityMapper", "pixel_outputs"),
    "object": ("ObjectClassifier", "objects"),
    "selector": ("ObjectSelector", "object_selector"),
    "merger": ("ObjectMerger", "object_merger"),
}
"""What can be trained from files: the name of the class, and its module in bioloom.classify."""

_FIXED = ("features", "normalise", "positive_class")


@dataclass(frozen=True)
class TrainResult:
    """A classifier trained from files.

    Attributes
    ----------
    classifier
        Trained.
    path
        Its file.
    fit
        The files that were found, used and left out.
    """

    classifier: ForestClassifier
    path: Path
    fit: FolderFit


def train_files(
    kind: str,
    images: str | Path,
    annotations: str | Path,
    out: str | Path,
    *,
    labels: str | Path | None = None,
    continued: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    channel_axis: int | None = None,
    frame_axis: int | None = None,
    spacing: Sequence[float] | None = None,
    arguments: Sequence[str] = (),
    progress: Progress | None = None,
) -> TrainResult:
    """Train a classifier on folders of files and save it.

    Parameters
    ----------
    kind
        One of `KINDS`.
    images, annotations
        Folders of files with the same names; see :func:`bioloom.classify.folders.fit_folder`.
    out
        The classifier file to write (.cl). ``bioloom-run.json`` is written beside it.
    labels
        Folder of label images, for classifiers of objects.
    continued
        Classifier file whose training is continued: what it learned from is kept. It may be `out`. Of pixel classifiers
        of other programs, which do not tell what they learned from, the trees are kept beside the new ones.
    settings
        Arguments of the classifier, such as ``features``, ``n_trees`` and ``seed``. Of a continued classifier, those
        that decide what it is (features, normalisation, positive class) stay as they are.
    channel_axis, frame_axis
        The axes of channels and of time in the image files.
    spacing
        Physical size of a pixel per spatial axis; that of the earlier training if it is continued.
    arguments
        The words of the command line, for ``bioloom-run.json``.
    progress
        Called as ``progress(done, total)``.

    Returns
    -------
    TrainResult
        The classifier, its file, and what became of the files.

    Raises
    ------
    InputError
        If settings do not fit the kind, no file can be used, or nothing can be written to `out`.
    ModelFileError
        If the classifier file to continue is broken.
    """
    from bioloom.classify.folders import fit_folder
    from bioloom.classify.model_file import describe

    out = Path(out)
    if out.suffix != ".cl":
        raise InputError(f"Classifiers are saved as .cl files, but {out.name} was asked for.")
    check_folder(out.parent)
    chosen = dict(settings or {})
    if continued is None:
        classifier = _new(kind, chosen)
    else:
        classifier = _continued(kind, continued, chosen)
        spacing = spacing or classifier.spacing
    fit = fit_folder(
        classifier,
        images,
        annotations,
        labels=labels,
        channel_axis=channel_axis,
        frame_axis=frame_axis,
        spacing=spacing,
        keep=continued is not None,
        progress=progress,
    )
    positive = getattr(classifier, "positive_class", None)
    if positive is not None and positive not in classifier.classes_:
        raise InputError(
            f"The positive class is {positive}, but the annotations hold the classes "
            f"{', '.join(map(str, classifier.classes_))}. Choose one of them."
        )
    classifier.save(out)
    parameters = {
        "kind": kind, **describe(classifier), "images": str(images), "annotations": str(annotations),
        "labels": None if labels is None else str(labels), "continued": None if continued is None else str(continued),
        "settings": chosen, "channel_axis": channel_axis, "frame_axis": frame_axis, "spacing": spacing,
    }  # fmt: skip
    inputs = [describe_file(path) for files in fit.used for path in files]
    inputs += [describe_file(path) | {"error": why} for path, why in fit.failures]
    seeds = {"training": classifier.seed}
    write_run(out.parent, "train", parameters, inputs=inputs, outputs=[out], seeds=seeds, arguments=arguments)
    return TrainResult(classifier, out, fit)


def _new(kind: str, settings: Mapping[str, Any]) -> Any:
    if kind not in KINDS:
        raise InputError(f"There is no kind of classifier {kind!r}. There are: {', '.join(KINDS)}.")
    name, module = KINDS[kind]
    make = getattr(import_module(f"bioloom.classify.{module}"), name)
    _check_settings(kind, make, settings)
    return make(**settings)


def _check_settings(kind: str, make: Any, settings: Mapping[str, Any]) -> None:
    from inspect import signature

    known = signature(make).parameters
    for name in settings:
        if name not in known:
            raise InputError(f"A {kind} classifier has no setting {name}. Leave it out.")


def _continued(kind: str, path: str | Path, settings: Mapping[str, Any]) -> Any:
    from bioloom.classify import load_classifier
    from bioloom.classify.base import TREES, check_whole

    classifier = load_classifier(path)
    found = type(classifier).__name__
    if found != KINDS.get(kind, ("",))[0]:
        known = {name: word for word, (name, _) in KINDS.items()}
        raise InputError(
            f"{path} holds a classifier of another kind ({found}) than `{kind}`."
            + (f" Continue it as `{known[found]}`." if found in known else "")
        )
    fixed = [name for name in _FIXED if name in settings]
    if fixed:
        raise InputError(
            f"A training that is continued keeps its {', '.join(fixed)}. Leave out what decides about it, or train a "
            "new classifier on all images."
        )
    _check_settings(kind, type(classifier), settings)
    for name, (low, high) in {"n_trees": (1, 1000), "max_depth": (1, 30), "seed": (0, 2**32 - 1)}.items():
        if name in settings:
            setattr(classifier, name, check_whole(name, settings[name], low, high))
    if "balanced" in settings:
        classifier.balanced = bool(settings["balanced"])
    if settings.get("trees") in TREES:
        classifier.trees = settings["trees"]
    if "class_names" in settings:
        classifier.class_names = {**classifier.class_names, **settings["class_names"]}
    return classifier
