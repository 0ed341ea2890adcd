"""Measure segmentation on real images of nuclei, next to other tools at their best settings.

Made for images of BBBC038 (Data Science Bowl 2018, stage 1; Caicedo et al., Nature Methods 16 (2019) 1247-1253), but
any folder will do that has ``images/*.tif`` (8-bit, grey or RGB) and ``labels/*.tif`` (truth) of the same names::

    python benchmarks/nuclei_accuracy.py FOLDER --out report.md --apoc-python PYTHON

A method learns from two images and is applied to others, never to those two; see `nuclei_tasks.py`. Strokes are drawn
with several seeds, the same for all methods. Peers are run in a grid of settings, and the one that scores best on the
images they are applied to is reported: better than a user could choose it. Bioloom runs at its defaults.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from nuclei_methods import DEFAULT, SPLIT, Method, available
from nuclei_report import report
from nuclei_tasks import Picture, Task, read, tasks

from bioloom.measure import compare_segmentations


@dataclass(frozen=True)
class Row:
    """Scores of one method on one image, learnt from others."""

    kind: str
    name: str
    family: str
    method: str
    setting: str
    objects: str
    sources: tuple[str, ...]
    seed: int
    foreground_iou: float
    matched_iou: float
    f1: float


class Runner:
    """Runs methods on tasks; what was run before is read from a file if one is named."""

    def __init__(self, pictures: list[Picture], cache: Path | None) -> None:
        self.pictures = {p.name: p for p in pictures}
        self.cache = cache
        self.known: dict[str, list[Row]] = {}
        if cache is not None and cache.exists():
            for line in cache.read_text(encoding="utf-8").splitlines():
                key, rows = json.loads(line)
                self.known[key] = [Row(**{**row, "sources": tuple(row["sources"])}) for row in rows]

    def run(self, method: Method, task: Task) -> list[Row]:
        """Let a method learn from the sources of a task and apply that to its targets."""
        key = "|".join((method.family, method.name, method.setting, task.kind, *task.sources, str(task.seed)))
        if key not in self.known:
            self.known[key] = self._rows(method, task)
            # Settings of Bioloom may mean something else tomorrow.
            if self.cache is not None and method.name != "Bioloom":
                with self.cache.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([key, [asdict(row) for row in self.known[key]]]) + "\n")
        return self.known[key]

    def _rows(self, method: Method, task: Task) -> list[Row]:
        sources = [self.pictures[name] for name in task.sources]
        model = method.learn([(p.image, p.truth) for p in sources], task.seed)
        rows = []
        for name in task.targets:
            target = self.pictures[name]
            found = method.apply(model, target.image)
            for objects, labels in found.items():
                s = compare_segmentations(labels, target.truth)
                rows.append(
                    Row(
                        task.kind, name, method.family, method.name, method.setting, objects, task.sources, task.seed,
                        s.foreground_iou, s.mean_matched_iou[0], s.f1[0],
                    )
                )  # fmt: skip
        return rows


def best_settings(rows: Iterable[Row]) -> dict[tuple[str, ...], str]:
    """Return, per family, method and way to objects, the setting of the best mean F1 over images."""
    f1: dict[tuple[str, ...], dict[str, dict[str, list[float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for row in rows:
        f1[row.family, row.method, row.objects][row.setting][row.kind + row.name].append(row.f1)
    return {
        key: max(settings, key=lambda s: np.mean([np.mean(v) for v in settings[s].values()]))
        for key, settings in f1.items()
    }


def run(runner: Runner, methods: list[Method], todo: list[Task]) -> tuple[list[Row], list[Row]]:
    """Run every setting on the first tasks, and on all tasks those of Bioloom and the best ones of its peers.

    Returns the rows of all tasks, and those of the first tasks with the best setting for each kind of images.
    """
    rows: list[Row] = []
    per_kind: list[Row] = []
    for mixed in (False, True):
        of_part = [t for t in todo if t.mixed == mixed]
        first = [
            row for method in methods for task in of_part if task.first and method.suits(task.kind)
            for row in runner.run(method, task)
        ]  # fmt: skip
        best = best_settings(r for r in first if r.method != "Bioloom")
        for kind in dict.fromkeys(r.kind for r in first):
            here = [r for r in first if r.kind == kind]
            chosen = best_settings(r for r in here if r.method != "Bioloom")
            per_kind += [
                r for r in here
                if chosen.get((r.family, r.method, r.objects)) == r.setting
                or (r.setting == DEFAULT and r.objects == SPLIT)
            ]  # fmt: skip
        for method in methods:
            wanted = {o for (f, m, o), s in best.items() if (f, m, s) == (method.family, method.name, method.setting)}
            if method.name != "Bioloom" and not wanted:
                continue
            for task in of_part:
                if method.suits(task.kind):
                    found = runner.run(method, task)
                    rows += [r for r in found if method.name == "Bioloom" or r.objects in wanted]
            print("mixed" if mixed else "own kind", method.family, method.name, method.setting, flush=True)
    return rows, per_kind


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure segmentation on real images of nuclei.")
    parser.add_argument("folder", type=Path, help="has images/*.tif and labels/*.tif of the same names")
    parser.add_argument("--out", type=Path, default=Path("report.md"), help="Markdown file to write")
    parser.add_argument("--seed", type=int, default=0, help="the first seed of strokes and forests")
    parser.add_argument("--repeats", type=int, default=3, help="how many seeds the pixel classifiers are run with")
    parser.add_argument("--apoc-python", help="a Python in which apoc can be imported")
    parser.add_argument("--cache", type=Path, help="file to keep the scores of the peers in, for the next run")
    arguments = parser.parse_args()

    pictures = read(arguments.folder)
    methods, skipped = available(arguments.apoc_python)
    seeds = range(arguments.seed, arguments.seed + max(arguments.repeats, 1))
    rows, per_kind = run(Runner(pictures, arguments.cache), methods, tasks(pictures, seeds))
    for line in skipped:
        print(line)
    arguments.out.write_text(report(rows, per_kind, skipped, seeds, len(pictures)), encoding="utf-8")
    print(f"Wrote {arguments.out}")


if __name__ == "__main__":
    main()
