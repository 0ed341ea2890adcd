"""Write the napari manifest: widgets, samples, and one menu entry per operation of the catalogue.

Run it after a change of the catalogue: python tools/make_manifest.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from bioloom.recipe.catalogue import CATALOGUE

PLUGIN = "napari-bioloom"
TARGET = Path(__file__).parents[1] / "src" / "bioloom" / "napari.yaml"

WIDGETS = {
    "process": ("Process", "process:ProcessWidget", ["filter", "transform", "project", "segment", "measure"]),
    "pixel_classifier": ("Pixel classifier", "pixel_classifier:PixelClassifierWidget", ["classify"]),
    "object_classifier": ("Object classifier", "object_classifier:ObjectClassifierWidget", ["classify"]),
    "merge_objects": ("Merge objects", "merge_objects:MergeObjectsWidget", ["classify", "segment"]),
    "measure": ("Measure", "measure:MeasureWidget", ["measure"]),
    "explore": ("Explore", "explore:ExploreWidget", ["visualize", "classify"]),
}

SAMPLES = {
    "nuclei_2d": ("Nuclei, two cell types (simulated)", "bioloom.samples:open_nuclei_2d"),
    "nuclei_timelapse": ("Dividing nuclei over time (simulated)", "bioloom.samples:open_nuclei_timelapse"),
    "nuclei_3d": ("Nuclei in 3D (simulated)", "bioloom.samples:open_nuclei_3d"),
    "nuclei_two_channels": ("Nuclei and marker, two channels (simulated)", "bioloom.samples:open_nuclei_two_channels"),
    "demo": ("The whole loop on nuclei, finished", "bioloom.recipe.demo:open_demo"),
    "cell": ("Cell (scikit-image)", "bioloom.samples:open_cell"),
    "human_mitosis": ("Human mitosis (scikit-image)", "bioloom.samples:open_human_mitosis"),
    "cells3d": ("Cells in 3D, membranes and nuclei (scikit-image)", "bioloom.samples:open_cells3d"),
    "immunohistochemistry": ("Immunohistochemistry, RGB (scikit-image)", "bioloom.samples:open_immunohistochemistry"),
    "kidney": ("Kidney, three channels in 3D (scikit-image)", "bioloom.samples:open_kidney"),
    "protein_transport": ("Protein transport over time (scikit-image)", "bioloom.samples:open_protein_transport"),
}


def manifest() -> dict[str, Any]:
    """Return the manifest as napari reads it."""
    commands, widgets, samples = [], [], []
    menus: dict[str, list[dict[str, str]]] = {}
    submenus: dict[str, str] = {}
    for key, (title, python_name, places) in WIDGETS.items():
        command = f"{PLUGIN}.{key}"
        commands.append({"id": command, "title": f"Open {title}", "python_name": f"bioloom.widgets.{python_name}"})
        widgets.append({"command": command, "display_name": title})
        for place in places:
            menus.setdefault(f"napari/layers/{place}", []).append({"command": command})
    for key, (title, python_name) in SAMPLES.items():
        command = f"{PLUGIN}.sample.{key}"
        commands.append({"id": command, "title": title, "python_name": python_name})
        samples.append({"command": command, "key": key, "display_name": title})
    for operation in sorted(CATALOGUE.values(), key=lambda o: (o.category, o.title)):
        command = f"{PLUGIN}.operation.{operation.name}"
        python_name = f"bioloom.widgets.commands:{operation.name}"
        commands.append({"id": command, "title": operation.title, "python_name": python_name})
        place, _, name = operation.category.partition("/")
        submenu = f"{PLUGIN}/{place.lower()}/{name.lower().replace(' ', '_')}"
        if submenu not in submenus:
            submenus[submenu] = name
            menus.setdefault(f"napari/layers/{place.lower()}", []).append({"submenu": submenu})
        menus.setdefault(submenu, []).append({"command": command})
    return {
        "name": PLUGIN,
        "display_name": "Bioloom",
        "schema_version": "0.2.0",
        "categories": ["Annotation", "Image Processing", "Measurement", "Segmentation", "Visualization"],
        "contributions": {
            "commands": commands,
            "widgets": widgets,
            "sample_data": samples,
            "menus": menus,
            "submenus": [{"id": key, "label": label} for key, label in submenus.items()],
        },
    }


def text() -> str:
    """Return the text of the manifest file."""
    head = "# Written by tools/make_manifest.py from the catalogue of operations; change it there.\n"
    return head + yaml.safe_dump(manifest(), sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
