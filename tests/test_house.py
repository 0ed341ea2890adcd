"""What holds the project together: one manifest, one version, a light import, commands that the README may promise."""

import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bioloom

ROOT = Path(__file__).parents[1]
QT_BINDINGS = ("PyQt5", "PyQt6", "PySide2", "PySide6")


def declared_version() -> str:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_the_manifest_is_one_file():
    shown, packaged = ROOT / "napari.yaml", ROOT / "src" / "bioloom" / "napari.yaml"
    assert "name: napari-bioloom" in packaged.read_text(encoding="utf-8")
    assert shown.read_bytes() == packaged.read_bytes()


def test_the_version_is_stated_once_and_known_everywhere():
    assert bioloom.__version__ == declared_version()
    assert importlib.metadata.version("napari-bioloom") == declared_version()


def test_the_changelog_has_a_section_for_this_version():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert headings[0].split()[0] == declared_version()


@pytest.mark.parametrize("command", ["python3 start.py", "python3 start.py test"])
def test_the_readme_tells_how_to_start_and_test(command):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```$", readme, flags=re.DOTALL | re.MULTILINE)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    assert command in lines


def test_importing_bioloom_loads_nothing_heavy():
    heavy = {
        *QT_BINDINGS,
        *("dask", "magicgui", "matplotlib", "napari", "numba", "pandas", "pyclesperanto_prototype", "pyopencl", "qtpy"),
        *("scipy", "skimage", "sklearn", "superqt", "umap"),
    }
    code = "import bioloom, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert heavy.intersection(answer.stdout.split()) == set()


def test_start_explains_itself():
    answer = subprocess.run([sys.executable, ROOT / "start.py", "--help"], capture_output=True, text=True, check=True)
    assert "python3 start.py test" in answer.stdout
    assert "--headless" in answer.stdout


@pytest.mark.skipif(os.environ.get("TOX_ENV_NAME") != "core", reason="only the core environment promises it")
@pytest.mark.parametrize("name", ["napari", *QT_BINDINGS])
def test_the_core_environment_has_neither_napari_nor_qt(name):
    assert importlib.util.find_spec(name) is None


def test_the_tests_that_show_what_works_are_there():
    text = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:\w+/)*test_\w+\.py)(?:::(\w+))?`", text)
    assert len(named) > 200
    missing = []
    for file, test in named:
        path = ROOT / "tests" / (file if file.startswith("gui/") else f"core/{file}")
        if not path.is_file() or (f"def {test}(" not in path.read_text(encoding="utf-8") and test):
            missing.append(f"{file}::{test}")
    assert missing == []
