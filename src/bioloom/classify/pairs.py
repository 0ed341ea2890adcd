"""Which files of several folders belong together: an image, its annotation and, for objects, its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bioloom.errors import InputError
from bioloom.files import IMAGE_SUFFIXES

_SHOWN = 5


@dataclass(frozen=True)
class Pairs:
    """The files of an image folder and of the folders that go with it, sorted out.

    Attributes
    ----------
    pairs
        Files of the same name, in the order of names: (image, annotation), or (image, annotation, labels).
    without_partner
        Images and annotations that lack a file of the same name in another folder. With `labels` of more images than
        are annotated, the labels left over are no mistake and not listed.
    ambiguous
        Files of one folder that have the same name with different suffixes: none of them is used.
    not_images
        Files and folders that are no images known to Bioloom. Hidden ones are not listed.
    folders
        The folders, as in `pairs`.
    """

    pairs: tuple[tuple[Path, ...], ...]
    without_partner: tuple[Path, ...] = ()
    ambiguous: tuple[Path, ...] = ()
    not_images: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()

    def describe(self) -> str:
        """Return what was found and what was left out, in a few lines."""
        names = ("image", "annotation", "label image")
        kinds = " + ".join(names[: len(self.folders)])
        lines = [f"{len(self.pairs)} pair{'' if len(self.pairs) == 1 else 's'} of {kinds}"]
        if len(self.folders) > 2:
            lines = [f"{len(self.pairs)} set{'' if len(self.pairs) == 1 else 's'} of {kinds}"]
        for what, files in (
            ("without partner", self.without_partner),
            ("with a name that another file of the folder has, too (none of them is used)", self.ambiguous),
            ("not an image", self.not_images),
        ):
            if files:
                lines.append(f"{len(files)} {what}: {_listed(files)}")
        return "\n".join(lines)


@dataclass(frozen=True)
class FolderFit:
    """What a classifier was trained on.

    Attributes
    ----------
    pairs
        What was found in the folders.
    used
        The pairs that it was trained on.
    failures
        The image of each other pair, and why it was left out.
    n_known
        How many annotated items had been learned from before, where a training was continued; they count once.
    """

    pairs: Pairs
    used: tuple[tuple[Path, ...], ...]
    failures: tuple[tuple[Path, str], ...] = ()
    n_known: int = 0

    def describe(self) -> str:
        """Return what was found, used and left out, in a few lines."""
        lines = [self.pairs.describe(), *self.what_was_used()]
        lines += [f"left out: {complaint(path, why)}" for path, why in self.failures]
        return "\n".join(lines)

    def what_was_used(self) -> list[str]:
        """Return on how many pairs it was trained, and how much of them was known before, in a line each."""
        lines = [f"trained on {len(self.used)} of {len(self.pairs.pairs)}"]
        if self.n_known:
            lines.append(f"{self.n_known:,} annotated items were known from the earlier training and count once")
        return lines


def pair_folders(images: str | Path, annotations: str | Path, labels: str | Path | None = None) -> Pairs:
    """Find the files of two or three folders that have the same name; suffixes may differ.

    Parameters
    ----------
    images
        Folder of images. Folders in it are not looked into.
    annotations
        Folder of annotations: ``cell1.png`` belongs to ``cell1.tif`` and ``cell1.ome.tif``.
    labels
        Folder of label images, for object classifiers.

    Returns
    -------
    Pairs
        What belongs together and what is left over.

    Raises
    ------
    InputError
        If there is no such folder, or one is given twice.
    """
    named = [("images", Path(images)), ("annotations", Path(annotations))]
    if labels is not None:
        named.append(("labels", Path(labels)))
    folders = [folder for _, folder in named]
    for what, folder in named:
        if not folder.is_dir():
            problem = "is a file" if folder.exists() else "does not exist"
            raise InputError(f"The folder of {what}, {folder}, {problem}. Give a folder that holds image files.")
    for i, (what, folder) in enumerate(named):
        for other, earlier in named[:i]:
            if folder.resolve() == earlier.resolve():
                raise InputError(
                    f"{folder} was given both for {other} and for {what}. Files belong together by their names, so put "
                    "them into folders of their own."
                )
    listings = [_list_folder(folder) for folder in folders]
    stems = [{stem: paths[0] for stem, paths in found.items() if len(paths) == 1} for found, _ in listings]
    doubled = {stem for found, _ in listings for stem, paths in found.items() if len(paths) > 1}
    complete = sorted(set.intersection(*map(set, stems)))
    alone = [
        path
        for found in stems[:2]
        for stem, path in sorted(found.items())
        if stem not in complete and stem not in doubled
    ]
    return Pairs(
        tuple(tuple(found[stem] for found in stems) for stem in complete),
        tuple(alone),
        tuple(path for found, _ in listings for paths in found.values() if len(paths) > 1 for path in paths),
        tuple(path for _, others in listings for path in others),
        tuple(folders),
    )


def list_images(folder: str | Path) -> list[Path]:
    """Return the image files of a folder, sorted by name; hidden files and folders in it are left out.

    Raises
    ------
    InputError
        If it cannot be read or holds none.
    """
    found, _ = _list_folder(Path(folder))
    files = sorted(path for paths in found.values() for path in paths)
    if not files:
        raise InputError(f"The folder {folder} holds no image. Images end in {', '.join(IMAGE_SUFFIXES)}.")
    return files


def _list_folder(folder: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """Return the images of a folder by their name without suffix, and what else is in it."""
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"Cannot read the folder {folder}: {error.strerror or error}.") from error
    found: dict[str, list[Path]] = {}
    others = []
    for path in entries:
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.is_dir():
            found.setdefault(_stem(path), []).append(path)
        else:
            others.append(path)
    return found, others


def _stem(path: Path) -> str:
    stem = path.stem
    return stem[:-4] if stem.lower().endswith(".ome") else stem


def _listed(files: Sequence[Path]) -> str:
    shown = ", ".join(str(path) for path in files[:_SHOWN])
    return shown if len(files) <= _SHOWN else f"{shown} and {len(files) - _SHOWN} more"


def complaint(path: Path, why: str) -> str:
    """Return why a file was left out, beginning with its name."""
    return why if str(path) in why else f"{path}: {why}"
