"""A classifier from folders of image files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bioloom.errors import InputError
from bioloom.recipe.batch import Progress, check_folder
from bioloom.recipe.provenance import describe_file, write_run

if TYPE_CHECKING:
    from bioloom.classify import ObjectClassifier, PixelClassifier
    from bioloom.classify.folders import FolderFit

KINDS = {
    "pixel": "PixelClassifier",
    "segmenter": "ObjectSegmenter",
    "probability": "ProbabilityMapper",
    "object": "ObjectClassifier",
    "selector": "ObjectSelector",
}
"""What can be trained from files, and the classes that do it."""

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

    classifier: PixelClassifier | ObjectClassifier
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
        Classifier file whose training is continued: what it learned from is kept. It may be `out`.
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
    from bioloom import classify

    if kind not in KINDS:
        raise InputError(f"There is no kind of classifier {kind!r}. There are: {', '.join(KINDS)}.")
    make = getattr(classify, KINDS[kind])
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
    if found != KINDS.get(kind):
        known = {name: word for word, name in KINDS.items()}
        raise InputError(
            f"{path} holds a classifier of another kind ({found}); `{kind}` needs a {KINDS.get(kind, kind)}."
            + (f" Continue it as `{known[found]}`." if found in known else "")
        )
    if classifier.samples_ is None:
        raise InputError(
            f"The training of {path} cannot be continued: the file does not hold what it was trained on. Train a new "
            "classifier on all images."
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
