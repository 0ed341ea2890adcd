"""The manifest says what the code has: every operation has a menu entry, every entry has a module."""

import ast
import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bioloom import PixelClassifier, samples
from bioloom.errors import InputError
from bioloom.recipe.catalogue import CATALOGUE

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[2]
PACKAGED = ROOT / "src" / "bioloom" / "napari.yaml"


@pytest.fixture(scope="module")
def tool():
    """The script that writes the manifest."""
    specification = importlib.util.spec_from_file_location("make_manifest", ROOT / "tools" / "make_manifest.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def contributions():
    return yaml.safe_load(PACKAGED.read_text(encoding="utf-8"))["contributions"]


@pytest.fixture(scope="module")
def python_names(contributions):
    return {command["id"]: command["python_name"] for command in contributions["commands"]}


def module_file(python_name):
    """The file of a module, found without importing it: widgets need Qt."""
    module = python_name.partition(":")[0]
    path = ROOT / "src" / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def defined_in(path):
    """Names of the functions and classes of a module, and of what it imports."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def test_the_file_is_what_the_catalogue_gives(tool):
    assert tool.TARGET == PACKAGED
    assert PACKAGED.read_text(encoding="utf-8") == tool.text(), "run python tools/make_manifest.py"


def test_the_manifest_on_top_is_the_packaged_one():
    shown = ROOT / "napari.yaml"
    assert shown.resolve() == PACKAGED.resolve() or shown.read_bytes() == PACKAGED.read_bytes()


def test_ids_occur_once_and_belong_to_the_plugin(contributions):
    ids = [command["id"] for command in contributions["commands"]]
    assert [i for i, n in Counter(ids).items() if n > 1] == []
    assert all(i.startswith("napari-bioloom.") for i in ids)
    assert len({widget["display_name"] for widget in contributions["widgets"]}) == len(contributions["widgets"])
    assert len({sample["key"] for sample in contributions["sample_data"]}) == len(contributions["sample_data"])


def test_every_entry_names_a_command_or_a_submenu_that_there_is(contributions, python_names):
    used = [entry["command"] for kind in ("widgets", "sample_data") for entry in contributions[kind]]
    submenus = {submenu["id"] for submenu in contributions["submenus"]}
    opened = []
    for entries in contributions["menus"].values():
        used += [entry["command"] for entry in entries if "command" in entry]
        opened += [entry["submenu"] for entry in entries if "submenu" in entry]
    assert set(used) == set(python_names), "commands that nothing uses, or entries without a command"
    assert sorted(opened) == sorted(submenus)
    assert {menu for menu in contributions["menus"] if not menu.startswith("napari/")} == submenus


def test_widgets_and_samples_are_defined_where_the_manifest_says(contributions, python_names):
    for kind in ("widgets", "sample_data"):
        for entry in contributions[kind]:
            python_name = python_names[entry["command"]]
            assert module_file(python_name).is_file(), python_name
            assert python_name.partition(":")[2] in defined_in(module_file(python_name)), python_name


def test_every_simulated_sample_can_be_opened_from_the_menu(contributions):
    assert set(samples.SAMPLES) <= {sample["key"] for sample in contributions["sample_data"]}


def test_every_operation_is_in_one_menu_of_its_category(contributions, python_names):
    entries = Counter(
        (entry["command"], menu)
        for menu, content in contributions["menus"].items()
        for entry in content
        if ".operation." in entry.get("command", "")
    )
    expected = {}
    for operation in CATALOGUE.values():
        command = f"napari-bioloom.operation.{operation.name}"
        place = operation.category.lower().replace(" ", "_")
        expected[command, f"napari-bioloom/{place}"] = 1
        assert python_names[command] == f"bioloom.widgets.commands:{operation.name}"
    assert dict(entries) == expected
    assert module_file("bioloom.widgets.commands:x").is_file()


def test_menus_are_those_that_napari_offers(contributions):
    offered = {
        "visualize", "annotate", "data", "metadata", "layer_type", "filter", "transform", "measure", "register",
        "project", "segment", "track", "classify",
    }  # fmt: skip
    used = {menu.removeprefix("napari/layers/") for menu in contributions["menus"] if menu.startswith("napari/")}
    assert used <= offered


def test_messages_name_the_way_through_the_menu(contributions):
    image = np.ones((20, 20), np.float32)
    image[3, 4] = np.nan
    with pytest.raises(InputError) as error:
        PixelClassifier().fit(image, np.ones((20, 20), np.uint8))
    path = "Layers > Filter > Repair > Replace NaN"
    assert path in str(error.value)
    titles = {command["id"]: command["title"] for command in contributions["commands"]}
    labels = {submenu["id"]: submenu["label"] for submenu in contributions["submenus"]}
    repair = "napari-bioloom/filter/repair"
    (entry,) = contributions["menus"][repair]
    assert path == f"Layers > Filter > {labels[repair]} > {titles[entry['command']]}"
    assert {"submenu": repair} in contributions["menus"]["napari/layers/filter"]
