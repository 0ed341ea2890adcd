"""Segmentation by recipes on real nuclei: Voronoi–Otsu and a watershed chain, beside the same chains of peers.

    python benchmarks/nuclei_recipes.py FOLDER --out report.md [--recipes DIR]

FOLDER has images/*.tif and labels/*.tif of the same names. For each kind of image, a small grid of settings is tried.
The scores of an image are those of the settings that do best on the *other* images of its kind (if there are any), so
that none is scored with settings that it chose itself. The settings that do best on all images of a kind are written
as recipes to DIR. Peers get the same settings.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from nuclei_report import versions
from nuclei_tasks import Picture, read
from numpy.typing import NDArray
from scipy import ndimage
from skimage import filters, measure, morphology, segmentation

from bioloom import device
from bioloom.errors import DeviceError
from bioloom.measure import compare_segmentations
from bioloom.recipe.graph import Recipe, Step

Array = NDArray[Any]
Settings = dict[str, Any]
THRESHOLDS = tuple(np.arange(0.5, 1.0, 0.05).round(2).tolist())
SMALLEST = 20
ROUGHNESS = 3.0
CHAINS = {"Voronoi–Otsu": "voronoi_otsu", "watershed": "watershed"}


def grid(chain: str) -> Iterator[Settings]:
    """Yield the settings that are tried."""
    if chain == "Voronoi–Otsu":
        for spot, outline in product((2.0, 4.0, 6.0, 9.0, 13.0), (1.0, 2.0)):
            yield {"spot": spot, "outline": outline}
    else:
        ways = product((1.0, 2.0), (0.0, 20.0), ("otsu", "li", "triangle"), (0.6, 0.75, 0.9, 0.97))
        for sigma, background, threshold, neck in ways:
            yield {"sigma": sigma, "background": background, "threshold": threshold, "neck": neck}


def recipe(chain: str, settings: Settings, *, looks: str, kind: str) -> Recipe:
    """Return a chain with settings as a recipe; objects that are not bright are made so first."""
    operation = {"bright": "invert", "dark": "invert", "rough": "standard_deviation_filter"}[looks]
    radius = {"radius": ROUGHNESS} if looks == "rough" else {}
    steps = [Step("bright", operation, {"image": "image"}, radius, enabled=looks != "bright")]
    if chain == "Voronoi–Otsu":
        steps += [
            Step(
                "objects", "voronoi_otsu_labeling", {"image": "bright"},
                {"spot_sigma": settings["spot"], "outline_sigma": settings["outline"]},
            )
        ]  # fmt: skip
    else:
        steps += [
            Step("smooth", "gaussian_blur", {"image": "bright"}, {"sigma": settings["sigma"]}),
            Step(
                "even",
                "subtract_gaussian_background",
                {"image": "smooth"},
                {"sigma": settings["background"] or 1.0},
                enabled=settings["background"] > 0,
            ),
            Step("mask", f"threshold_{settings['threshold']}", {"image": "even"}),
            Step("filled", "fill_holes", {"mask": "mask"}),
            Step("objects", "split_touching_objects", {"mask": "filled"}, {"neck": settings["neck"]}),
        ]
    steps.append(Step("labels", "remove_labels_by_size", {"labels": "objects"}, {"minimum": SMALLEST}))
    return Recipe(("image",), tuple(steps), ("labels",), name=f"{chain}: {kind}")


def by_bioloom(chain: str, image: Array, settings: Settings, looks: str) -> Array:
    return recipe(chain, settings, looks=looks, kind="").run({"image": image})["labels"]


def by_skimage(chain: str, image: Array, settings: Settings, looks: str) -> Array:
    """The same steps; touching objects are split at maxima of the distance that are apart by so many pixels."""
    image = made_bright(image, looks)
    if chain == "Voronoi–Otsu":
        outline = filters.gaussian(image, settings["outline"], preserve_range=True)
        spots = filters.gaussian(image, settings["spot"], preserve_range=True)
        mask = outline > filters.threshold_otsu(outline)
        seeds = measure.label(morphology.local_maxima(spots) & mask)
        labels = segmentation.watershed(-spots, seeds, mask=mask)
    else:
        smooth = filters.gaussian(image, settings["sigma"], preserve_range=True)
        if settings["background"]:
            smooth = smooth - filters.gaussian(smooth, settings["background"], preserve_range=True)
        mask = ndimage.binary_fill_holes(smooth > getattr(filters, f"threshold_{settings['threshold']}")(smooth))
        distance = filters.gaussian(ndimage.distance_transform_edt(mask), 1, preserve_range=True)
        # h-maxima, the depth a share of the radius of a usual object: as near as scikit-image comes to a neck.
        depth = (1 - settings["neck"]) * float(np.median(distance[mask])) if mask.any() else 1.0
        seeds = measure.label(morphology.h_maxima(distance, max(depth, 0.1)) > 0)
        labels = segmentation.watershed(-distance, seeds, mask=mask)
    return without_small(labels)


def by_clesperanto(chain: str, image: Array, settings: Settings, looks: str) -> Array:
    """Voronoi–Otsu as it is there; for the watershed, which it lacks, its labelling of an eroded mask."""
    cle = device.clesperanto()
    pushed = device.push(made_bright(image, looks).astype(np.float32))
    if chain == "Voronoi–Otsu":
        labels = cle.voronoi_otsu_labeling(pushed, spot_sigma=settings["spot"], outline_sigma=settings["outline"])
    else:
        labels = cle.eroded_otsu_labeling(
            pushed, number_of_erosions=round(10 * (1 - settings["neck"])) + 1, outline_sigma=settings["sigma"]
        )
    return without_small(device.pull(labels).astype(np.uint32))


def made_bright(image: Array, looks: str) -> Array:
    if looks == "rough":
        values, size = image.astype(np.float64), 2 * int(ROUGHNESS) + 1
        mean, square = ndimage.uniform_filter(values, size), ndimage.uniform_filter(values**2, size)
        return np.sqrt(np.maximum(square - mean**2, 0))
    return image.max() - image if looks == "dark" else image


def without_small(labels: Array) -> Array:
    counts = np.bincount(labels.ravel())
    return np.where(counts[labels] >= SMALLEST, labels, 0).astype(np.uint32)


def grey(picture: Picture) -> tuple[Array, str]:
    """Return an image of one channel (of stained tissue the red one), and how its objects stand out."""
    image = picture.image[..., 0] if picture.image.ndim == 3 else picture.image
    return image, {"fluorescence": "bright", "brightfield": "rough"}.get(picture.modality, "dark")


def scores(picture: Picture, labels: Array) -> tuple[float, float]:
    """Return F1 at an IoU of 0.5, and average precision averaged over IoU 0.5…0.95."""
    compared = compare_segmentations(labels, picture.truth, THRESHOLDS)
    return float(compared.f1[0]), float(np.mean(compared.average_precision))


def run(pictures: list[Picture], methods: dict[str, Callable[..., Array]]) -> dict[tuple[str, str], list[Any]]:
    """Return, per chain and method, one list per picture of the scores of all settings in turn."""
    found: dict[tuple[str, str], list[Any]] = {}
    for chain, (name, method) in product(CHAINS, methods.items()):
        found[chain, name] = [
            [scores(p, method(chain, grey(p)[0], settings, grey(p)[1])) for settings in grid(chain)] for p in pictures
        ]
        print(f"{chain}, {name}: done", flush=True)
    return found


def report(pictures: list[Picture], found: dict[tuple[str, str], list[Any]], folder: Path | None) -> str:
    """Return the tables; write the best recipes per kind to a folder."""
    kinds = defaultdict(list)
    for number, picture in enumerate(pictures):
        kinds[picture.kind].append(number)
    methods = list(dict.fromkeys(m for _, m in found))
    head = " | ".join(f"{m} F1 | {m} AP" for m in methods)
    lines = [
        "# Recipes on real nuclei", "", versions(), "",
        "F1 at an IoU of 0.5 and average precision over IoU 0.5…0.95; settings chosen on the other images of a kind.",
        "", f"| kind | image | chain | {head} |",
    ]  # fmt: skip
    lines.append("|" + " --- |" * (3 + 2 * len(methods)))
    total = defaultdict(list)
    for kind, numbers in kinds.items():
        for number, chain in product(numbers, CHAINS):
            cells = []
            for method in methods:
                table = np.array(found[chain, method])
                others = [n for n in numbers if n != number] or numbers
                best = int(table[others].mean((0, 2)).argmax())
                cells += [f"{value:.3f}" for value in table[number, best]]
                total[chain, method].append(table[number, best])
            lines.append(f"| {kind} | {pictures[number].name} | {chain} | " + " | ".join(cells) + " |")
    for chain in CHAINS:
        cells = [f"{value:.3f}" for method in methods for value in np.mean(total[chain, method], axis=0)]
        lines.append(f"| **all** | mean | {chain} | " + " | ".join(cells) + " |")
    lines += ["", "Settings that do best on all images of a kind:", ""]
    for (kind, numbers), chain in product(kinds.items(), CHAINS):
        best = int(np.array(found[chain, "Bioloom"])[numbers].mean((0, 2)).argmax())
        settings = list(grid(chain))[best]
        lines.append(f"- {kind}, {chain}: {', '.join(f'{k} {v}' for k, v in settings.items())}")
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            plain = "".join(c if c.isalnum() else "_" for c in kind.replace("×", "x").lower())
            made = recipe(chain, settings, looks=grey(pictures[numbers[0]])[1], kind=kind)
            made.save(folder / f"{plain.replace('__', '_')}_{CHAINS[chain]}.yaml")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipes", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    pictures = read(options.folder)
    device.select("numpy")
    methods = {"Bioloom": by_bioloom, "scikit-image": by_skimage}
    found = run(pictures, methods)
    try:
        device.select("opencl")
        found |= run(pictures, {"clEsperanto": by_clesperanto})
    except DeviceError as error:
        print(f"clEsperanto is left out: {error}")
    options.out.write_text(report(pictures, found, options.recipes), encoding="utf-8")


if __name__ == "__main__":
    main()
