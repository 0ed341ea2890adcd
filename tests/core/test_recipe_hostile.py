"""A recipe from a stranger can do nothing but be refused, or compute."""

import dataclasses
import json
import os
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioloom.errors import InputError
from bioloom.files import open_image, read_image, write_image
from bioloom.recipe import Recipe, Step, check_arguments, run_files
from bioloom.recipe._safe_yaml import parse

GOOD = """\
inputs: [image]
steps:
  - id: smooth
    operation: gaussian_blur
    inputs: {image: image}
    settings: {sigma: 2}
outputs: [smooth]
"""


def with_settings(text):
    return GOOD.replace("{sigma: 2}", text)


@pytest.fixture(autouse=True)
def nothing_happens(tmp_path, monkeypatch):
    """No test here may leave anything behind, or start anything."""
    monkeypatch.chdir(tmp_path)
    for module, name in ((os, "system"), (os, "popen")):
        monkeypatch.setattr(module, name, lambda *a: pytest.fail(f"a command was run: {a}"))
    yield
    assert not (tmp_path / "pwned").exists()


def test_the_recipe_that_the_others_are_made_of_is_right():
    assert Recipe.from_yaml(GOOD).steps[0].settings["sigma"] == 2


# ------------------------------------------------------------------------------------------------ code
CODE = [
    "!!python/object/apply:os.system ['touch pwned']",
    "!!python/object/new:os.system ['touch pwned']",
    "!!python/name:os.system",
    "!!python/module:os",
    "!!python/object:__main__.X {}",
    "!<tag:yaml.org,2002:python/object/apply:os.system> ['touch pwned']",
    "!!binary aGVsbG8=",
    "!!set {a, b}",
    "!custom 3",
    "!!str 3",
]


@pytest.mark.parametrize("value", CODE)
def test_tags_are_refused(value):
    for text in (value, f"a: {value}", with_settings(f"{{sigma: {value}}}"), GOOD.replace("[image]", value, 1)):
        with pytest.raises(InputError, match="tag"):
            Recipe.from_yaml(text)


def test_a_declared_tag_is_refused():
    with pytest.raises(InputError, match="tag"):
        Recipe.from_yaml("%TAG ! tag:yaml.org,2002:python/\n---\n!object/apply:os.system ['touch pwned']")


@pytest.mark.parametrize("field", ["name", "description"])
@pytest.mark.parametrize(
    "text",
    [
        '"""\nimport os; os.system("touch pwned")\n"""',
        "\\",
        '\\"""',
        "\x00",
        "x\u2028import os",
        "'''\nboom()\n'''",
        "%(prog)s",
    ],
)
def test_texts_cannot_get_out_of_where_they_stand_in_a_script(tmp_path, field, text):
    recipe = dataclasses.replace(Recipe.from_yaml(GOOD), **{field: text})
    script = recipe.to_script({"image": text})
    names = {"__name__": "not main"}
    exec(compile(script, "script", "exec"), names)
    assert names["FILES"] == {"image": text}
    notebook = json.loads(recipe.to_notebook({"image": text}))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            compile(cell["source"], "cell", "exec")


@pytest.mark.parametrize("text", ["x'); import os; os.system('touch pwned'); ('", '"+boom()+"', "\\'", "${HOME}"])
def test_settings_cannot_get_out_of_where_they_stand_in_a_script(text):
    step = Step("t", "measure_objects", {"labels": "image"}, {"features": text})
    recipe = Recipe(("image",), (step,), ("t",))
    called = []
    names = {"__name__": "not main"}
    script = recipe.to_script().replace("from bioloom.recipe import run_operation", "")
    exec(compile(script, "script", "exec"), names)
    names["run_operation"] = lambda *args, **kwargs: called.append((args, kwargs))
    names["process"](np.zeros((2, 2), np.uint8))
    assert called[0][1]["features"] == text


@pytest.mark.parametrize("name", ["a\nimport os", "a;b", "a b", "__import__", "é", "a" * 65, "1a", "", "lambda", "a.b"])
def test_names_that_would_be_code_or_paths_are_refused(name):
    for recipe in (
        Recipe((name,), (Step("s", "gaussian_blur", {"image": name}),), ("s",)),
        Recipe(("image",), (Step(name, "gaussian_blur", {"image": "image"}),), (name,)),
    ):
        with pytest.raises(InputError):
            recipe.checked()
        with pytest.raises(InputError):
            recipe.to_script()


# ------------------------------------------------------------------------------------------------ memory and time
def bomb(levels):
    lines = ['a0: &a0 ["lol", "lol", "lol", "lol", "lol", "lol", "lol", "lol", "lol"]']
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")
    return "\n".join(lines)


BOMBS = {
    "aliases": bomb(12),
    "merge keys": "a: &a {x: 1}\nb:\n  <<: *a",
    "itself": "a: &a [*a]",
    "nested lists": "[" * 100_000,
    "nested lists, closed": "[" * 3000 + "]" * 3000,
    "nested mappings": "{a: " * 50_000,
    "nested by indentation": "\n".join(" " * n + "a:" for n in range(300)),
    "nested JSON": '{"a":' * 3000 + "1" + "}" * 3000,
    "many digits": with_settings("{sigma: 1" + "0" * 10_000 + "}"),
    "hexadecimal": with_settings("{sigma: 0x" + "f" * 10_000 + "}"),
    "sexagesimal": with_settings("{sigma: " + "1:" * 5000 + "1}"),
    "exponent": with_settings("{sigma: 1e999999999}"),
    "not a number": with_settings("{sigma: .nan}"),
    "infinite": with_settings("{sigma: .inf}"),
    "too large": GOOD + "# " + "x" * (17 << 20),
    "many tokens": "a: [" + "1," * 2_000_000 + "]",
    "many steps": "inputs: [image]\noutputs: [s0]\nsteps:\n"
    + "".join(f"- {{id: s{n}, operation: gaussian_blur, inputs: {{image: image}}}}\n" for n in range(1001)),
    "many inputs": "inputs: [" + ", ".join(f"i{n}" for n in range(101)) + "]\nsteps: []\noutputs: [s]",
    "long name": GOOD + "name: " + "x" * 20_000,
    "no text": "\x00\x01\x02",
    "surrogates": "a: \ud800",
    "two documents": GOOD + "---\n" + GOOD,
    "two keys": GOOD + "outputs: [smooth]\n",
    "a key that is a list": "[a]: 1",
    "a date": GOOD + "name: 2020-01-01",
    "a number for a name": GOOD + "name: 3",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_bombs_are_refused_fast_and_small(text):
    tracemalloc.start()
    start = time.perf_counter()
    if text == BOMBS["a date"]:
        assert Recipe.from_yaml(text).name == "2020-01-01"  # no date is made of it
    else:
        with pytest.raises(InputError) as refused:
            Recipe.from_yaml(text)
        assert len(str(refused.value)) < 2000
    seconds, (_, peak) = time.perf_counter() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 20
    assert peak < 64 << 20


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="larger than"):
        Recipe.load(path)


def test_an_image_that_claims_to_be_larger_than_the_memory_is_refused(tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.create_array(str(tmp_path / "huge.zarr"), shape=(1 << 20, 1 << 20, 64), chunks=(1, 512, 512), dtype="f8")
    start = time.perf_counter()
    with pytest.raises(InputError, match=r"GiB of\s+memory"):
        read_image(tmp_path / "huge.zarr")
    assert open_image(tmp_path / "huge.zarr", lazy=True).pixels.shape == (1 << 20, 1 << 20, 64)
    assert time.perf_counter() - start < 30


@pytest.mark.parametrize("spacing", [(1e-9, 1e-9), (1e-5, 2.0)])
def test_lengths_of_more_pixels_than_there_are_in_images_are_refused(spacing):
    step = Step("s", "gaussian_blur", {"image": "image"}, {"sigma": 900.0, "spacing": spacing})
    with pytest.raises(InputError, match=r"Step 's': sigma is 900, which is 9e\+\d\d pixels"):
        Recipe(("image",), (step,), ("s",)).run({"image": np.zeros((8, 8))})
    wide = Step("s", "gaussian_blur", {"image": "image"}, {"sigma": 900.0})
    with pytest.raises(InputError, match="size of a pixel in the unit of the lengths"):
        Recipe(("image",), (wide,), ("s",)).run({"image": np.zeros((8, 8))}, spacing=spacing)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_chain_that_blows_up_its_image_fails_as_a_file_and_not_as_a_machine(tmp_path, jobs):
    files = [tmp_path / "in" / "a.tif", tmp_path / "in" / "b.tif"]
    for path in files:
        write_image(path, np.zeros((64, 64), np.uint8))
    steps, source = [], "image"
    for number in range(4):
        steps.append(Step(f"s{number}", "rescale", {"image": source}, {"y_factor": 1000, "x_factor": 1000}))
        source = f"s{number}"
    recipe = Recipe(("image",), tuple(steps), (source,))
    result = run_files(recipe, files, tmp_path / "out", jobs=jobs)
    assert len(result.failures) == 2
    assert result.outputs == []


# ------------------------------------------------------------------------------------------------ places
PATHS = [
    "../secret.cl", "a/../../secret.cl", "/etc/passwd", "C:\\secret.cl", "..\\secret.cl", "\\\\server\\share\\a.cl",
    "//server/a.cl", "a\0b.cl", "link/secret.cl", ".", "~/../../secret.cl",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_classifiers_outside_of_the_folder_are_refused(tmp_path, path):
    folder = tmp_path / "recipes"
    folder.mkdir()
    (tmp_path / "secret.cl").write_text("secret", encoding="utf-8")
    if hasattr(os, "symlink"):
        (folder / "link").symlink_to(tmp_path)
    content = {
        "inputs": ["image"],
        "steps": [
            {"id": "s", "operation": "classify_pixels", "inputs": {"image": "image"}, "settings": {"classifier": path}}
        ],
        "outputs": ["s"],
    }
    (folder / "recipe.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match="only name files in its own folder"):
        Recipe.load(folder / "recipe.json")


@pytest.mark.parametrize("name", ["../../pwned", "/tmp/pwned", "..", "a/b", "a\\b", "pwned.tif", "CON:"])
def test_outputs_outside_of_the_folder_are_refused(tmp_path, name):
    with pytest.raises(InputError):
        Recipe.from_yaml(GOOD.replace("smooth", json.dumps(name)))
    recipe = Recipe(("image",), (Step(name, "gaussian_blur", {"image": "image"}),), (name,))
    write_image(tmp_path / "in" / "a.tif", np.zeros((8, 8), np.uint8))
    with pytest.raises(InputError):
        run_files(recipe, [tmp_path / "in" / "a.tif"], tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == ["in"]


def test_a_zarr_image_cannot_name_pixels_outside_of_its_folder(tmp_path):
    pytest.importorskip("zarr")
    write_image(tmp_path / "other.zarr", np.ones((8, 8), np.uint8))
    write_image(tmp_path / "a.zarr", np.zeros((8, 8), np.uint8))
    path = tmp_path / "a.zarr" / ".zattrs"
    path.write_text(path.read_text().replace('"path": "0"', '"path": "../other.zarr/0"'), encoding="utf-8")
    with pytest.raises(InputError, match="outside of its folder"):
        read_image(tmp_path / "a.zarr")


def test_pickles_are_not_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(InputError):
        read_image(tmp_path / "a.npy")


# ------------------------------------------------------------------------------------------------ anything
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_refused_or_a_recipe(value):
    step = {"id": "s", "operation": "gaussian_blur", "inputs": {"image": "image"}, "settings": value}
    for content in (
        value,
        {"inputs": ["image"], "steps": value, "outputs": ["s"]},
        {"inputs": ["image"], "steps": [value], "outputs": value},
        {"inputs": ["image"], "steps": [step], "outputs": ["s"]},
    ):
        try:
            recipe = Recipe.from_yaml(json.dumps(content))
        except InputError:
            continue
        assert recipe.steps[0].operation == "gaussian_blur"


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_refused_or_plain_data(text):
    try:
        value = parse(text)
    except InputError:
        return
    assert isinstance(value, (dict, list, str, int, float, bool, type(None)))


@given(st.dictionaries(st.sampled_from(["image", "sigma", "spacing", "x"]), VALUES, max_size=4))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_arguments_are_refused_or_right(arguments):
    try:
        checked = check_arguments("gaussian_blur", arguments)
    except InputError:
        return
    assert isinstance(checked["image"], str)
    assert 0 <= checked["sigma"] <= 1000
    assert set(checked) == {"image", "sigma", "spacing"}


@pytest.mark.skipif(sys.platform == "win32", reason="names of POSIX systems")
def test_a_file_may_be_called_anything(tmp_path):
    for name in ("a b.tif", "-rf.tif", "$(touch pwned).tif", "ä*.tif", "%s{stem}.tif", "a'b\".tif"):
        write_image(tmp_path / "in" / name, np.arange(64, dtype=np.uint8).reshape(8, 8))
    result = run_files(Recipe.from_yaml(GOOD), sorted(Path(tmp_path / "in").iterdir()), tmp_path / "out")
    assert result.failures == []
    assert len(list((tmp_path / "out").glob("*_smooth.tif"))) == 6
