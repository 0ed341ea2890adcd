"""The files that the demo leaves behind."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bioloom.files import replacing, write_image
from bioloom.recipe.provenance import versions
from bioloom.tables import save_table

if TYPE_CHECKING:
    from bioloom.recipe.demo import LoopResult

FILES = {
    "image.tif": "the simulated image",
    "labels.tif": "the objects, 0 is background",
    "classes.tif": "the class of every pixel: 1 background, 2 nuclei",
    "objects.tif": "the class of every object, as an image",
    "features.csv": "one row per object: measurements, class and its probability, UMAP, cluster",
    "clusters.png": "the objects in the plane of UMAP, coloured by cluster",
    "model.cl": "the pixel classifier, a text file that APOC and CLIJ can run",
    "report.md": "this report",
}


def write_results(result: LoopResult, out: str | Path) -> list[Path]:
    """Write what the loop found into a folder; existing files of these names are replaced.

    Parameters
    ----------
    result
        What :func:`bioloom.recipe.run_loop` returned.
    out
        The folder; created if it is missing.

    Returns
    -------
    list of pathlib.Path
        The files, among them ``report.md`` with parameters, versions, times and scores.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    from bioloom.explore import save_scatter

    out, table = Path(out), result.table
    write_image(out / "image.tif", result.sample.image)
    write_image(out / "labels.tif", result.labels)
    write_image(out / "classes.tif", result.pixel_classes)
    write_image(out / "objects.tif", result.object_classes)
    save_table(out / "features.csv", table)
    clusters = table["KMEANS_CLUSTER"].to_numpy()
    names = {int(k): f"cluster {k}" for k in set(clusters)}
    save_scatter(
        out / "clusters.png",
        table["UMAP-0"],
        table["UMAP-1"],
        clusters,
        x_label="UMAP-0",
        y_label="UMAP-1",
        title=f"{len(table)} objects of {result.sample.name}, clusters of k-means",
        class_names=names,
    )
    result.pixel_classifier.save(out / "model.cl")
    with replacing(out / "report.md") as temporary:
        temporary.write_text(report(result), encoding="utf-8")
    return [out / name for name in FILES]


def report(result: LoopResult) -> str:
    """Return the report of a loop as Markdown."""
    sample, scores = result.sample, result.scores
    axes = ", ".join(f"{a} {n}" for a, n in zip(sample.axes, sample.image.shape, strict=True))
    sizes = " × ".join(f"{size:g}" for size in sample.spatial_spacing)
    total = sum(step.seconds for step in result.steps)
    lines = [
        f"# The loop on {sample.name}",
        "",
        f"A simulated image ({axes}; {sizes} µm per pixel) with {scores['objects_true']:g} nuclei of two types, made "
        f"with seed {sample.seed}. Its truth is known; strokes and marks of the training come from it.",
        "",
        "## Steps",
        "",
        f"Random steps used seed {result.seed}. Lengths are in µm, areas in µm², volumes in µm³.",
        "",
        "| step | what | parameters | seconds |",
        "|---|---|---|---|",
        *(f"| {s.name} | {s.what} | {_listed(s.parameters)} | {s.seconds:.2f} |" for s in result.steps),
        f"| all | | | {total:.2f} |",
        "",
        "## Scores against the truth",
        "",
        "| what | score |",
        "|---|---|",
        *(f"| {what} | {value} |" for what, value in _scores(scores)),
        "",
        "## Versions",
        "",
        *(f"- {name} {number}" for name, number in versions().items()),
        f"- {platform.platform()}",
        "",
        "## Files",
        "",
        *(f"- `{name}`: {what}" for name, what in FILES.items()),
        "",
    ]
    return "\n".join(lines)


def _scores(scores: dict[str, float]) -> list[tuple[str, str]]:
    return [
        ("objects: true", f"{scores['objects_true']:g}"),
        ("objects: segmented", f"{scores['objects_segmented']:g}"),
        ("objects: left after cleaning, and measured", f"{scores['objects_measured']:g}"),
        ("objects: F1 at IoU 0.5, before cleaning", f"{scores['object_f1']:.3f}"),
        ("objects: mean IoU of the matched ones", f"{scores['mean_matched_iou']:.3f}"),
        ("pixel classifier: IoU of the nuclei, without the painted pixels", f"{scores['pixel_iou']:.3f}"),
        (
            f"object classes: share right of {scores['class_objects']:g} matched objects that were not marked",
            f"{scores['class_agreement']:.3f}",
        ),
        (
            f"clusters and true types: adjusted Rand index of {scores['cluster_objects']:g} matched objects",
            f"{scores['cluster_agreement']:.3f}",
        ),
    ]


def _listed(parameters: dict[str, Any]) -> str:
    return "; ".join(f"{name} {_text(value)}" for name, value in parameters.items())


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
