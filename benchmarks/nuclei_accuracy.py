"""Measure segmentation on real images of nuclei, image by image, next to other tools.

Made for images of BBBC038 (Data Science Bowl 2018, stage 1; Caicedo et al., Nature Methods 16 (2019) 1247-1253), but
any folder will do that has ``images/*.tif`` (8-bit, grey or RGB) and ``labels/*.tif`` (truth) of the same names::

    python benchmarks/nuclei_accuracy.py FOLDER --out report.md

Images of one kind (see `kind_of`) belong together. Each image of a kind in turn is the one that a method learns from;
what it has learnt is applied to all other images of that kind, never to the image itself. An image's scores are means
over the images learnt from, and for pixel classifiers over several drawings of strokes, so that no choice of a lucky
one enters. Voronoi-Otsu runs on fluorescence images only.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import tifffile
from nuclei_methods import GRID, N_PIXELS, SMALLEST, Array, Method, available

from bioloom.measure import compare_segmentations


@dataclass(frozen=True)
class Picture:
    """An image with its truth."""

    name: str
    image: Array
    truth: Array


@dataclass(frozen=True)
class Row:
    """Scores of one method on one image, learnt from another one."""

    kind: str
    name: str
    method: str
    foreground_iou: float
    matched_iou: float
    f1: float
    seconds: float


def read(folder: Path) -> list[Picture]:
    """Read all images that have a truth."""
    pictures = []
    for path in sorted((folder / "images").glob("*.tif")):
        truth = folder / "labels" / path.name
        if truth.exists():
            pictures.append(Picture(path.stem, tifffile.imread(path), tifffile.imread(truth)))
    if not pictures:
        raise SystemExit(f"{folder} has no images/*.tif with labels/*.tif of the same names.")
    return pictures


def kind_of(image: Array) -> str:
    """Return the modality and the size: RGB is stained tissue, grey and mostly bright is brightfield."""
    if image.ndim == 3:
        modality = "stained, RGB"
    elif np.median(image) > np.iinfo(image.dtype).max / 2:
        modality = "brightfield"
    else:
        modality = "fluorescence"
    return f"{modality}, {image.shape[0]}×{image.shape[1]}"


def run(pictures: list[Picture], methods: list[Method], seeds: Sequence[int]) -> tuple[list[Row], list[str]]:
    """Let every method learn from every image and apply that to the others of its kind."""
    rows, notes = [], []
    kinds = defaultdict(list)
    for picture in pictures:
        kinds[kind_of(picture.image)].append(picture)
    for kind, group in kinds.items():
        if len(group) < 2:
            notes.append(f"{group[0].name} was left out: the only image of its kind ({kind}).")
            continue
        for method in methods:
            if method.family == "Voronoi-Otsu" and not kind.startswith("fluorescence"):
                continue
            # Kernels are compiled at the first use of a size: not timed.
            method.apply(method.learn(group[0].image, group[0].truth, seeds[0]), group[0].image)
            learnt = []
            # Nothing is random in Voronoi-Otsu.
            tries = seeds if method.family == "pixel classifier" else seeds[:1]
            for source, seed in product(group, tries):
                model = method.learn(source.image, source.truth, seed)
                learnt.append(method.describe(model))
                for picture in group:
                    if picture is source:
                        continue
                    labels, seconds = method.apply(model, picture.image)
                    s = compare_segmentations(labels, picture.truth)
                    name = f"{method.family}: {method.name}"
                    rows.append(
                        Row(kind, picture.name, name, s.foreground_iou, s.mean_matched_iou[0], s.f1[0], seconds)
                    )
            if any(learnt):
                notes.append(f"{kind}, {method.family}, {method.name}: spot_sigma, outline_sigma {'; '.join(learnt)}.")
            print(kind, method.family, method.name, flush=True)
    return rows, notes


def _mean(values: list[float], digits: int = 3) -> str:
    finite = [v for v in values if np.isfinite(v)]
    return f"{np.mean(finite):.{digits}f}" if finite else "–"


def _table(rows: list[Row], keys: tuple[str, ...], titles: tuple[str, ...]) -> list[str]:
    """Write a Markdown table of means, one line per combination of the keys."""
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(getattr(row, key) for key in keys)].append(row)
    lines = [
        f"| {' | '.join(titles)} | pixel IoU | matched IoU | F1 at 0.5 | F1, worst…best | s |",
        f"|{'---|' * len(titles)}---:|---:|---:|---:|---:|",
    ]
    for key, group in groups.items():
        f1 = [r.f1 for r in group]
        cells = (
            *key,
            _mean([r.foreground_iou for r in group]),
            _mean([r.matched_iou for r in group]),
            _mean(f1),
            f"{min(f1):.2f}…{max(f1):.2f}",
            _mean([r.seconds for r in group]),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def report(rows: list[Row], notes: list[str], seeds: Sequence[int], n_images: int) -> str:
    """Write what was measured, and how."""
    names = ("napari-bioloom", "numpy", "scikit-image", "scikit-learn", "pyclesperanto_prototype")
    versions = []
    for name in names:
        try:
            versions.append(f"{name} {version(name)}")
        except ImportError:
            continue
    pixels = [r for r in rows if r.method.startswith("pixel classifier")]
    by_image = sorted(rows, key=lambda r: (r.kind, r.name))
    fluorescence = [r for r in rows if r.kind.startswith("fluorescence")]
    return "\n".join(
        [
            "# Segmentation of nuclei",
            "",
            f"{n_images} images; {os.cpu_count()} cores, {platform.machine()}; {', '.join(versions)}.",
            "",
            "Each image of a kind in turn is learnt from, and the result is applied to the other images of that kind;",
            "scores are means over these pairs, worst…best their range. Voronoi-Otsu learns the best of",
            f"{len(GRID)} pairs of sigmas, a pixel classifier a forest from {N_PIXELS} stroke pixels, drawn with each",
            f"of the seeds {[*seeds]}. From every result, objects of fewer than {SMALLEST} pixels are removed.",
            "Pixel IoU: foreground; matched IoU: mean of the objects matched at IoU 0.5; s: seconds to apply, without",
            "learning and without the first use.",
            "",
            "## Means per method, fluorescence images",
            "",
            *_table(fluorescence, ("method",), ("method",)),
            "",
            "## Means per pixel classifier, all images",
            "",
            *_table(pixels, ("method",), ("method",)),
            "",
            "## Means per kind and method",
            "",
            *_table(rows, ("kind", "method"), ("kind", "method")),
            "",
            "## Images",
            "",
            *_table(by_image, ("kind", "name", "method"), ("kind", "image", "method")),
            "",
            "## Notes",
            "",
            *(f"- {note}" for note in notes),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure segmentation on real images of nuclei.")
    parser.add_argument("folder", type=Path, help="has images/*.tif and labels/*.tif of the same names")
    parser.add_argument("--out", type=Path, default=Path("report.md"), help="Markdown file to write")
    parser.add_argument("--seed", type=int, default=0, help="the first seed of strokes and forests")
    parser.add_argument("--repeats", type=int, default=3, help="how many seeds the pixel classifiers are run with")
    parser.add_argument("--apoc-python", help="a Python in which apoc can be imported")
    arguments = parser.parse_args()

    pictures = read(arguments.folder)
    methods, skipped = available(arguments.apoc_python)
    seeds = range(arguments.seed, arguments.seed + max(arguments.repeats, 1))
    rows, notes = run(pictures, methods, seeds)
    for line in skipped:
        print(line)
    arguments.out.write_text(report(rows, skipped + notes, seeds, len(pictures)), encoding="utf-8")
    print(f"Wrote {arguments.out}")


if __name__ == "__main__":
    main()
