"""Tables of what `nuclei_accuracy.py` measured."""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from nuclei_methods import DEFAULT, GRID, N_PIXELS, REGIONS, SMALLEST, SPLIT

if TYPE_CHECKING:
    from nuclei_accuracy import Row

HEAD = ("pixel IoU", "matched IoU", "F1 at 0.5", "worst image")


def means(rows: Iterable[Row]) -> tuple[float, ...]:
    """Return means over images of pixel IoU, matched IoU and F1, and the F1 of the worst; each image's mean first."""
    images = defaultdict(list)
    for r in rows:
        images[r.kind, r.name].append((r.foreground_iou, r.matched_iou, r.f1))
    each = [[_finite_mean(values) for values in zip(*of_image, strict=True)] for of_image in images.values()]
    iou, matched, f1 = zip(*each, strict=True)
    return _finite_mean(iou), _finite_mean(matched), _finite_mean(f1), min(f1)


def _finite_mean(values: Iterable[float]) -> float:
    finite = [v for v in values if np.isfinite(v)]
    return float(np.mean(finite)) if finite else float("nan")


def table(rows: Iterable[Row], titles: Sequence[str], key: Callable[[Row], tuple[str, ...]]) -> list[str]:
    """Write a Markdown table of means, one line per key, in the order of the first row of each."""
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    lines = [f"| {' | '.join((*titles, *HEAD))} |", f"|{'---|' * len(titles)}{'---:|' * len(HEAD)}"]
    for cells, group in groups.items():
        numbers = [f"{v:.3f}" if np.isfinite(v) else "–" for v in means(group)]
        lines.append(f"| {' | '.join((*cells, *numbers))} |")
    return lines


def versions() -> str:
    """Return what was measured, and on what."""
    found = []
    for name in ("napari-bioloom", "numpy", "scikit-image", "scikit-learn", "pyclesperanto_prototype"):
        try:
            found.append(f"{name} {version(name)}")
        except ImportError:
            continue
    return f"{os.cpu_count()} cores, {platform.machine()}; {', '.join(found)}"


def report(rows: list[Row], per_kind: list[Row], skipped: list[str], seeds: Sequence[int], n_images: int) -> str:
    """Write what was measured, and how."""
    pixels = [r for r in rows if r.family == "pixel classifier"]
    own = [r for r in pixels if r.kind != "fluorescence, all sizes"]
    mixed = [r for r in pixels if r.kind == "fluorescence, all sizes"]
    # In one line per program: Bioloom's default, and what its peers give at their best.
    plain = [
        r for r in pixels
        if (r.setting == DEFAULT and r.objects == SPLIT) or (r.method != "Bioloom" and r.objects == REGIONS)
    ]  # fmt: skip
    titles = ("method", "setting", "objects")
    return "\n".join(
        [
            "# Segmentation of nuclei",
            "",
            f"{n_images} images; {versions()}.",
            "",
            "A method learns from two images of a kind (from one where there are two) and is applied to the others;",
            "across kinds, from two fluorescence images of any size to all others. An image's score is the mean over",
            f"what was learnt from and the seeds {[*seeds]} of strokes ({N_PIXELS} pixels per image); then means over",
            "images. Voronoi-Otsu learns the best of",
            f"{len(GRID)} pairs of sigmas. Objects of fewer than {SMALLEST} pixels are removed from every result.",
            "Pixel IoU: foreground; matched IoU: mean of the objects matched at IoU 0.5; worst image: lowest F1.",
            "",
            "## Learnt from images of the same kind, all images",
            "",
            *table(own, titles, lambda r: (r.method, r.setting, r.objects)),
            "",
            "## Learnt from two fluorescence images of any size",
            "",
            *table(mixed, titles, lambda r: (r.method, r.setting, r.objects)),
            "",
            "## Per kind",
            "",
            *table(plain, ("kind", "method"), lambda r: (r.kind, r.method)),
            "",
            "## Peers at the best setting for each kind, first seed only",
            "",
            *table([r for r in per_kind if r.family == "pixel classifier"], ("kind", *titles),
                   lambda r: (r.kind, r.method, r.setting, r.objects)),
            "",
            "## Voronoi-Otsu",
            "",
            *table([r for r in rows if r.family == "Voronoi-Otsu"], ("kind", "method"), lambda r: (r.kind, r.method)),
            "",
            "## Images",
            "",
            *table(sorted(plain, key=lambda r: (r.kind, r.name)), ("kind", "image", "method"),
                   lambda r: (r.kind, r.name, r.method)),
            "",
            *(f"- {line}" for line in skipped),
            "",
        ]
    )  # fmt: skip
