"""Measure what each choice of the pixel classifier costs or gains, on the images and tasks of `nuclei_accuracy.py`.

    python benchmarks/nuclei_choices.py FOLDER --out choices.md

One choice is changed at a time, the others stay at Bioloom's defaults: how intensities are normalised, which features,
how deep the trees, one byte per feature or the floats themselves, all trees or the first 20, and how pixels become
objects. A last table shows what choosing by the other kinds of images gives: no image decides for its own kind.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from nuclei_accuracy import Row
from nuclei_methods import REGIONS, SMALLEST, SPLIT, Array, strokes
from nuclei_report import means, versions
from nuclei_tasks import Picture, Task, read, tasks

import bioloom
from bioloom.classify import objects_of_class
from bioloom.classify.normalisation import Normalisation
from bioloom.classify.segmentation import objects_from_probability
from bioloom.measure import compare_segmentations
from bioloom.operations import remove_labels_by_size

NORMALISATIONS = {
    "none": Normalisation("none"),
    "linear, percentiles 1 and 99.8": Normalisation("linear", levels="percentiles"),
    "log, percentiles 1 and 99.8": Normalisation("log", levels="percentiles"),
    "linear, Otsu": Normalisation("linear"),
    "log, Otsu": Normalisation("log"),
}
FORESTS = ("extra trees", "random forest")
DEPTHS = (2, 4, 6, 10, 30)
FEATURES = ("small to medium objects", "small, medium and large objects", "like Labkit", "like ilastik")
STEPS: dict[str, Callable[[Array], Array]] = {
    REGIONS: lambda p: objects_of_class(p > 0.5, 1),
    "smoothed, filled": lambda p: objects_from_probability(p, split_touching=False),
    "split": lambda p: objects_from_probability(p, smoothing=0, fill_holes=False),
    SPLIT: objects_from_probability,
    "threshold 0.3": lambda p: objects_from_probability(p, threshold=0.3),
    "threshold 0.7": lambda p: objects_from_probability(p, threshold=0.7),
}
EARLY = 20


class Choice:
    """A pixel classifier of some settings, one of them worth a line in a table."""

    def __init__(self, setting: str, *, floats: bool = False, n_votes: int | None = None, **settings: Any) -> None:
        self.setting, self.floats, self.n_votes = setting, floats, n_votes
        self.settings = {"normalise": NORMALISATIONS["log, Otsu"], "trees": "extra trees", **settings}

    def learn(self, pictures: list[Picture], seed: int) -> Any:
        classifier = bioloom.PixelClassifier(seed=seed, **self.settings)
        axis = -1 if pictures[0].image.ndim == 3 else None
        annotations = [strokes(p.truth, seed) for p in pictures]
        classifier.fit([p.image for p in pictures], annotations, channel_axis=axis)
        if not self.floats:
            return classifier, None
        from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

        sources = [classifier.fitting_blocks(p.image, axis, None, None) for p in pictures]
        values = np.concatenate([s.at(a > 0) for s, a in zip(sources, annotations, strict=True)])
        kind = ExtraTreesClassifier if classifier.trees == "extra trees" else RandomForestClassifier
        forest = kind(classifier.n_trees, max_depth=classifier.max_depth, random_state=seed, n_jobs=-1)
        return classifier, forest.fit(values, np.concatenate([a[a > 0] for a in annotations]))

    def probability(self, model: Any, image: Array) -> Array:
        classifier, forest = model
        source = classifier.fitting_blocks(image, -1 if image.ndim == 3 else None, None, None)
        if forest is not None:
            values = source.at(np.ones(source.shape, bool))
            return forest.predict_proba(values)[:, 1].astype(np.float32).reshape(source.shape)
        result = np.empty(source.shape, np.float32)
        for block, votes in classifier.votes_by_block(source, last=self.n_votes):
            result[block] = (votes[1] / votes.sum(0)).reshape(result[block].shape)
        return result


def rows_of(choice: Choice, todo: Iterable[Task], pictures: dict[str, Picture], steps: Iterable[str]) -> list[Row]:
    """Run a choice on all tasks."""
    rows = []
    for task in todo:
        model = choice.learn([pictures[name] for name in task.sources], task.seed)
        for name in task.targets:
            probability = choice.probability(model, pictures[name].image)
            for step in steps:
                s = compare_segmentations(
                    remove_labels_by_size(STEPS[step](probability), SMALLEST), pictures[name].truth
                )
                rows.append(
                    Row(task.kind, name, "", "", choice.setting, step, task.sources, task.seed, s.foreground_iou,
                        s.mean_matched_iou[0], s.f1[0])
                )  # fmt: skip
    print(choice.setting, flush=True)
    return rows


def table(title: str, rows: Iterable[Row], key: Callable[[Row], str]) -> list[str]:
    """Write pixel IoU / F1 per kind, the means over kinds last."""
    groups: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        groups[key(row)][row.kind].append(row)
    kinds = list(dict.fromkeys(k for found in groups.values() for k in found))
    lines = [f"| {' | '.join((title, *kinds, 'mean over kinds'))} |", f"|---|{'---:|' * (len(kinds) + 1)}"]
    for name, found in groups.items():
        scores = np.array([[means(found[k])[i] for i in (0, 2)] for k in kinds])
        cells = [f"{iou:.3f} / {f1:.3f}" for iou, f1 in (*scores, scores.mean(0))]
        lines.append(f"| {' | '.join((name, *cells))} |")
    return [*lines, ""]


def left_out(rows: list[Row], default: str) -> list[str]:
    """Write, per kind, the F1 of the setting that does best on the other kinds, of the default, and of the best."""
    f1: dict[str, dict[str, float]] = defaultdict(dict)
    groups = defaultdict(list)
    for row in rows:
        if not row.kind.endswith("all sizes"):
            groups[f"{row.setting}; {row.objects}", row.kind].append(row)
    for (setting, kind), group in groups.items():
        f1[setting][kind] = means(group)[2]
    kinds = list(f1[default])
    lines = [
        "| kind | chosen by the other kinds | F1 | F1 of the default | best F1 of any setting |",
        "|---|---|---:|---:|---:|",
    ]
    for kind in kinds:
        others = [k for k in kinds if k != kind]
        chosen = max(f1, key=lambda s: np.mean([f1[s][k] for k in others]))
        best = max(values[kind] for values in f1.values())
        lines.append(f"| {kind} | {chosen} | {f1[chosen][kind]:.3f} | {f1[default][kind]:.3f} | {best:.3f} |")
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what each choice of the pixel classifier costs or gains.")
    parser.add_argument("folder", type=Path, help="has images/*.tif and labels/*.tif of the same names")
    parser.add_argument("--out", type=Path, default=Path("choices.md"), help="Markdown file to write")
    parser.add_argument("--repeats", type=int, default=2, help="how many seeds of strokes")
    arguments = parser.parse_args()

    pictures = read(arguments.folder)
    todo = tasks(pictures, range(arguments.repeats))
    by_name = {p.name: p for p in pictures}

    def run(choice: Choice, steps: Iterable[str] = (SPLIT,)) -> list[Row]:
        return rows_of(choice, todo, by_name, steps)

    default = run(Choice("default"), STEPS)
    settled = [r for r in default if r.objects == SPLIT]
    lines = [
        "# Choices of the pixel classifier", "",
        f"{len(pictures)} images; {versions()}.", "",
        "Pixel IoU / F1 at IoU 0.5; one choice changed at a time, the others: normalise log (Otsu), features",
        "'small to medium objects', 100 extra trees of depth 6, threshold 0.5, smoothed, filled and split.", "",
    ]  # fmt: skip
    lines += table("from pixels to objects", default, lambda r: r.objects)
    grid = []
    for (name, normalisation), depth, trees in product(NORMALISATIONS.items(), (4, 6, 10), FORESTS):
        choice = Choice(f"{name}; {trees}; depth {depth}", normalise=normalisation, max_depth=depth, trees=trees)
        grid += run(choice, (REGIONS, SPLIT))
    found = [r for r in grid if r.objects == SPLIT and r.setting.endswith(f"{FORESTS[0]}; depth 6")]
    lines += table("normalisation", found, lambda r: r.setting.split(";")[0])
    found = [row for name in FEATURES[1:] for row in run(Choice(name, features=name))]
    lines += table("features", settled + found, lambda r: r.setting.replace("default", FEATURES[0]))
    for trees in FORESTS:
        found = [row for depth in DEPTHS for row in run(Choice(f"depth {depth}", max_depth=depth, trees=trees))]
        lines += table(f"{trees} (depth 30: unlimited in effect)", found, lambda r: r.setting)
    found = []
    for trees in FORESTS:
        found += run(Choice(f"{trees}, one byte", trees=trees))
        found += run(Choice(f"{trees}, float features in scikit-learn", trees=trees, floats=True))
        found += run(Choice(f"{trees}, one byte, first {EARLY} of 100 trees", trees=trees, n_votes=EARLY))
        found += run(Choice(f"{trees}, one byte, balanced classes", trees=trees, balanced=True))
    lines += table("forest", found, lambda r: r.setting)
    lines += ["Normalisation, forest, depth (4, 6, 10) and objects (two ways) chosen by the other kinds of images:", ""]
    lines += left_out(grid, f"log, Otsu; {FORESTS[0]}; depth 6; {SPLIT}")
    arguments.out.write_text("\n".join(lines), encoding="utf-8")
    print(f"Wrote {arguments.out}")


if __name__ == "__main__":
    main()
