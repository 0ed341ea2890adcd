"""Recipes do what their steps do, in whatever form they are kept."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bioloom import samples
from bioloom.errors import Cancelled, InputError, doubts_heard
from bioloom.files import open_image, read_image, write_image
from bioloom.operations import gaussian_blur, threshold_otsu
from bioloom.recipe import Recipe, Step, call_operation, check_arguments, list_schemas, run_operation
from bioloom.recipe.catalogue import CATALOGUE, get_operation
from bioloom.tables import load_table

EIGHT = Recipe(
    inputs=("image",),
    steps=(
        Step("flat", "top_hat", {"image": "image"}, {"radius": 12}),
        Step("smooth", "gaussian_blur", {"image": "flat"}, {"sigma": 1}),
        Step("mask", "threshold_otsu", {"image": "smooth"}),
        Step("parts", "split_touching_objects", {"mask": "mask"}),
        Step("large", "remove_labels_by_size", {"labels": "parts"}),
        Step("inner", "remove_labels_at_edges", {"labels": "large"}),
        Step("round", "smooth_labels", {"labels": "inner"}),
        Step("nuclei", "relabel_sequential", {"labels": "round"}),
    ),
    outputs=("nuclei",),
    name="Nuclei",
    description="From the camera to labels.",
)
NUCLEI = Recipe(
    ("image",),
    (
        Step("smooth", "gaussian_blur", {"image": "image"}, {"sigma": 1.0}),
        Step("nuclei", "voronoi_otsu_labeling", {"image": "smooth"}, {"spot_sigma": 2.0}),
        Step("table", "measure_objects", {"labels": "nuclei", "image": "image"}, {"features": "area,intensity_mean"}),
    ),
    ("nuclei", "table"),
)


@pytest.fixture(scope="module")
def sample():
    return samples.nuclei_2d(shape=(64, 80), n_nuclei=8, seed=3)


def run_script(text, folder, *arguments):
    path = Path(folder) / "script.py"
    path.write_text(text, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "MPLBACKEND": "agg"}
    return subprocess.run(
        [sys.executable, str(path), *map(str, arguments)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def run_notebook(text):
    """Run the cells of a notebook one after the other, as Jupyter does."""
    import matplotlib

    matplotlib.use("agg")
    names = {}
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] == "code":
            exec(compile(cell["source"], cell["id"], "exec"), names)
    return names["results"]


# ------------------------------------------------------------------------------------------------ one chain, four forms
def test_a_chain_of_eight_steps_gives_the_same_labels_in_every_form(tmp_path, sample):
    expected = sample.image
    for step in EIGHT.steps:
        expected = run_operation(step.operation, expected, **step.settings)
    assert expected.max() >= 3

    def same(labels):
        np.testing.assert_array_equal(labels, expected)
        assert labels.dtype == expected.dtype

    same(EIGHT.run({"image": sample.image})["nuclei"])
    same(Recipe.from_yaml(EIGHT.to_yaml()).run({"image": sample.image})["nuclei"])
    image = tmp_path / "cells.tif"
    write_image(image, sample.image)
    answer = run_script(EIGHT.to_script({"image": image}, out=tmp_path / "out"), tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    same(read_image(tmp_path / "out" / "nuclei.tif"))
    same(run_notebook(EIGHT.to_notebook({"image": image}))["nuclei"])


def test_a_time_series_in_every_form(tmp_path, sample):
    series = np.stack([sample.image, sample.image[::-1]])
    path = tmp_path / "series.tif"
    write_image(path, series, axes="TYX", spacing=(0.5, 0.5))
    recipe = dataclasses.replace(NUCLEI, unit="micrometer")
    expected = recipe.run({"image": series}, frame_axis=0, spacing=(0.5, 0.5))
    assert expected["nuclei"].shape == series.shape
    assert expected["table"]["frame"].unique().tolist() == [0, 1]
    answer = run_script(recipe.to_script({"image": path}, out=tmp_path), tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    np.testing.assert_array_equal(read_image(tmp_path / "nuclei.tif"), expected["nuclei"])
    np.testing.assert_allclose(load_table(tmp_path / "table.csv"), expected["table"])
    results = run_notebook(recipe.to_notebook({"image": path}))
    np.testing.assert_array_equal(results["nuclei"], expected["nuclei"])


def test_a_script_asks_for_its_image_and_takes_options(tmp_path, sample):
    write_image(tmp_path / "cells.tif", sample.image)
    text = NUCLEI.to_script()
    answer = run_script(text, tmp_path)
    assert answer.returncode == 2
    assert "--image" in answer.stderr
    answer = run_script(text, tmp_path, "--image", "cells.tif", "--out", "there", "--spacing", "0.5", "0.5")
    assert (answer.returncode, answer.stderr) == (0, "")
    expected = NUCLEI.run({"image": sample.image}, spacing=(0.5, 0.5))
    np.testing.assert_array_equal(read_image(tmp_path / "there" / "nuclei.tif"), expected["nuclei"])


def test_a_notebook_without_a_file_runs_on_a_simulated_image():
    results = run_notebook(Recipe(("image",), NUCLEI.steps[:2], ("nuclei",)).to_notebook())
    assert results["nuclei"].max() > 20


def test_names_that_a_script_needs_itself_are_not_taken(tmp_path, sample):
    recipe = Recipe(
        ("spacing",),
        (
            Step("run_operation", "gaussian_blur", {"image": "spacing"}),
            Step("print", "threshold_otsu", {"image": "run_operation"}),
        ),
        ("print",),
    )
    write_image(tmp_path / "cells.tif", sample.image)
    answer = run_script(recipe.to_script({"spacing_": "cells.tif"}, out=tmp_path), tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    np.testing.assert_array_equal(read_image(tmp_path / "print_.tif") > 0, threshold_otsu(gaussian_blur(sample.image)))


# ------------------------------------------------------------------------------------------------ running
def test_a_step_that_is_not_enabled_passes_its_image_on(sample):
    steps = (dataclasses.replace(NUCLEI.steps[0], enabled=False), *NUCLEI.steps[1:])
    recipe = dataclasses.replace(NUCLEI, steps=steps)
    without = Recipe(("image",), (dataclasses.replace(NUCLEI.steps[1], inputs={"image": "image"}),), ("nuclei",))
    left_out = recipe.run({"image": sample.image})["nuclei"]
    np.testing.assert_array_equal(left_out, without.run({"image": sample.image})["nuclei"])
    assert (left_out != NUCLEI.run({"image": sample.image})["nuclei"]).any()
    again = Recipe.from_yaml(recipe.to_yaml())
    assert not again.steps[0].enabled
    assert recipe.kind("smooth") == "any"


def test_what_only_a_step_that_is_not_enabled_would_take_is_not_computed():
    steps = (
        Step("blurred", "gaussian_blur", {"image": "image"}),
        Step("other", "median", {"image": "background"}, {"radius": 2.0}),
        Step("less", "subtract", {"image": "blurred", "other": "other"}, enabled=False),
        Step("mask", "threshold_otsu", {"image": "less"}),
    )
    recipe = Recipe(("image", "background"), steps, ("mask",))
    image = np.random.default_rng(0).random((20, 24))
    done = []
    found = recipe.run({"image": image}, progress=lambda now, of: done.append(of))
    np.testing.assert_array_equal(found["mask"], CATALOGUE["threshold_otsu"](CATALOGUE["gaussian_blur"](image)))
    assert set(done) == {300}
    assert "median" not in recipe.to_script()
    assert "other" in recipe.to_yaml()


def test_steps_that_no_output_needs_are_not_run(sample):
    useless = Step("useless", "gaussian_blur", {"image": "image"}, {"spacing": (1, 1, 1)})  # would fail in 2D
    recipe = dataclasses.replace(NUCLEI, steps=(useless, *NUCLEI.steps))
    seen = []
    results = recipe.run({"image": sample.image}, progress=lambda done, total: seen.append((done, total)))
    assert set(results) == {"nuclei", "table"}
    assert seen[-1] == (300, 300)
    assert seen == sorted(seen)


def test_results_on_the_way_can_be_kept(sample):
    results = NUCLEI.run({"image": sample.image}, keep=("smooth",))
    np.testing.assert_array_equal(results["smooth"], gaussian_blur(sample.image, 1.0))


def test_a_run_can_be_cancelled(sample):
    def stop(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        NUCLEI.run({"image": sample.image}, progress=stop)


def test_lengths_follow_the_pixels_after_a_projection():
    rng = np.random.default_rng(0)
    stack = rng.integers(0, 1000, (4, 20, 24)).astype(np.uint16)
    recipe = Recipe(
        ("image",),
        (
            Step("flat", "maximum_projection", {"image": "image"}),
            Step("smooth", "gaussian_blur", {"image": "flat"}, {"sigma": 1.0}),
        ),
        ("smooth",),
    )
    expected = gaussian_blur(stack.max(0), 1.0, spacing=(0.5, 0.25))
    result = recipe.run({"image": stack}, spacing=(2.0, 0.5, 0.25))["smooth"]
    np.testing.assert_allclose(result, expected)
    names = {}
    exec(recipe.to_script().split("def main")[0], names)
    np.testing.assert_array_equal(names["process"](stack, spacing=(2.0, 0.5, 0.25))["smooth"], result)


def test_the_axis_of_time_may_be_another_than_the_first(sample):
    series = np.stack([sample.image, sample.image[::-1]])
    first = NUCLEI.run({"image": series}, frame_axis=0)["nuclei"]
    second = NUCLEI.run({"image": np.moveaxis(series, 0, 1)}, frame_axis=1)["nuclei"]
    np.testing.assert_array_equal(np.moveaxis(second, 1, 0), first)


def test_two_images():
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 16, 16))
    recipe = Recipe(("a", "b"), (Step("sum", "add", {"image": "a", "other": "b"}),), ("sum",))
    np.testing.assert_allclose(recipe.run({"a": a, "b": b})["sum"], a + b, rtol=1e-6)
    with pytest.raises(InputError, match="needs the image 'b'"):
        recipe.run({"a": a})
    with pytest.raises(InputError, match="has no input 'c'"):
        recipe.run({"a": a, "b": b, "c": a})
    with pytest.raises(InputError, match=r"Step 'sum': .*shapes differ"):
        recipe.run({"a": a, "b": b[:8]})


def test_ancestors_are_all_that_a_step_needs():
    part = NUCLEI.ancestors("nuclei")
    assert [step.id for step in part.steps] == ["smooth", "nuclei"]
    assert part.outputs == ("nuclei",)
    assert NUCLEI.ancestors("smooth").inputs == ("image",)


# ------------------------------------------------------------------------------------------------ checks
@pytest.mark.parametrize(
    ("step", "message"),
    [
        (Step("a b", "gaussian_blur", {"image": "image"}), "id of step 1 is 'a b'"),
        (Step("class", "gaussian_blur", {"image": "image"}), "no word of Python"),
        (Step("image", "gaussian_blur", {"image": "image"}), "name of an earlier step or input"),
        (Step("s", "gausian_blur", {"image": "image"}), "Step 's': There is no operation 'gausian_blur'. Did you mean"),
        (Step("s", "gaussian_blur", {}), "Step 's': gaussian_blur needs image"),
        (Step("s", "gaussian_blur", {"image": "later"}), "neither an input nor an earlier step"),
        (Step("s", "gaussian_blur", {"picture": "image"}), "takes no array 'picture'"),
        (Step("s", "gaussian_blur", {"image": "image"}, {"sigma": -1}), "Step 's': .*sigma is -1"),
        (Step("s", "gaussian_blur", {"image": "image"}, {"sigma": "2"}), "Step 's': .*sigma is '2'"),
        (Step("s", "gaussian_blur", {"image": "image"}, {"radius": 2}), "has no parameter radius"),
        (Step("s", "gaussian_blur", {"image": "image"}, {"spacing": 3}), "two or three numbers"),
        (Step("s", "gaussian_blur", {"image": "image"}, {"spacing": (0, 1)}), "positive"),
        (Step("s", "gaussian_blur", {"image": "image"}, {}, "yes"), "enabled is 'yes'"),
    ],
)
def test_a_wrong_step_is_named(step, message):
    with pytest.raises(InputError, match=message):
        Recipe(("image",), (step,), (step.id,)).checked()


def test_a_table_is_no_image():
    steps = (*NUCLEI.steps, Step("s", "gaussian_blur", {"image": "table"}))
    with pytest.raises(InputError, match="Step 's': image must be an image, but 'table' gives a table"):
        dataclasses.replace(NUCLEI, steps=steps).checked()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outputs": ()}, "no output"),
        ({"outputs": ("nothing",)}, "has no step 'nothing'"),
        ({"outputs": ("../nuclei",)}, "output is '../nuclei'"),
        ({"inputs": ()}, "no input"),
        ({"inputs": ("image", "image")}, "twice"),
        ({"name": 3}, "name of a recipe"),
    ],
)
def test_a_wrong_recipe_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(NUCLEI, **change).checked()


# ------------------------------------------------------------------------------------------------ YAML
def test_yaml_says_everything_and_is_read_back():
    recipe = dataclasses.replace(EIGHT, name='1e3: "x" # no', description="µm\nand – more", unit="micrometer")
    text = recipe.to_yaml()
    again = Recipe.from_yaml(text)
    assert dataclasses.replace(again, versions={}) == recipe.checked()
    assert again.to_yaml() == text
    assert "sigma: 1.0" in text
    assert "bioloom" in again.versions


def test_json_is_read_too():
    content = {
        "inputs": ["image"],
        "steps": [{"id": "s", "operation": "gaussian_blur", "inputs": {"image": "image"}, "settings": {"sigma": 2}}],
        "outputs": ["s"],
    }
    assert Recipe.from_yaml(json.dumps(content)).steps[0].settings["sigma"] == 2.0


@pytest.mark.parametrize(("text", "value"), [("1e1", 10.0), ("7", 7.0), (".5", 0.5), ("+2.", 2.0)])
def test_numbers_are_read_as_people_write_them(text, value):
    step = f"{{id: s, operation: gaussian_blur, inputs: {{image: image}}, settings: {{sigma: {text}}}}}"
    yaml = f"inputs: [image]\nsteps:\n- {step}\noutputs: [s]"
    assert Recipe.from_yaml(yaml).steps[0].settings["sigma"] == value


def test_a_name_such_as_no_stays_a_name():
    yaml = "inputs: [no]\nsteps:\n- {id: off, operation: gaussian_blur, inputs: {image: no}}\noutputs: [off]"
    assert Recipe.from_yaml(yaml).inputs == ("no",)


def test_a_saved_recipe_brings_its_classifier(tmp_path, classifier_file, sample):
    recipe = Recipe(
        ("image",),
        (Step("classes", "classify_pixels", {"image": "image"}, {"classifier": str(classifier_file)}),),
        ("classes",),
    )
    recipe.save(tmp_path / "new" / "recipe.yaml")
    assert (tmp_path / "new" / "pixels.cl").read_bytes() == classifier_file.read_bytes()
    assert "classifier: pixels.cl" in (tmp_path / "new" / "recipe.yaml").read_text()
    (tmp_path / "new").rename(tmp_path / "moved")
    loaded = Recipe.load(tmp_path / "moved" / "recipe.yaml")
    np.testing.assert_array_equal(
        loaded.run({"image": sample.image})["classes"], recipe.run({"image": sample.image})["classes"]
    )
    loaded.save(tmp_path / "moved" / "recipe.yaml")
    assert sorted(p.name for p in (tmp_path / "moved").iterdir()) == ["pixels.cl", "recipe.yaml"]


# ------------------------------------------------------------------------------------------ classifiers, tables
@pytest.fixture(scope="module")
def classifier_file(tmp_path_factory, sample):
    from bioloom.classify import PixelClassifier

    annotation = np.where(sample.labels > 0, 2, 1).astype(np.uint8)
    classifier = PixelClassifier("original gaussian_blur=1", n_trees=5, max_depth=3)
    classifier.fit(sample.image, annotation)
    path = tmp_path_factory.mktemp("models") / "pixels.cl"
    classifier.save(path)
    return path


def test_classifiers_are_steps(sample, classifier_file):
    from bioloom.classify import load_classifier

    recipe = Recipe(
        ("image",),
        (
            Step("classes", "classify_pixels", {"image": "image"}, {"classifier": str(classifier_file)}),
            Step("nuclei", "objects_of_class", {"classes": "classes"}, {"class_id": 2}),
            Step("table", "measure_objects", {"labels": "nuclei"}, {"features": "area"}),
        ),
        ("classes", "nuclei", "table"),
    )
    results = recipe.run({"image": sample.image})
    np.testing.assert_array_equal(results["classes"], load_classifier(classifier_file).predict(sample.image))
    assert results["table"]["area"].sum() == np.count_nonzero(results["classes"] == 2)


def test_a_classifier_of_another_kind_names_the_step_for_it(sample, classifier_file):
    with pytest.raises(InputError, match=r"holds a PixelClassifier, but an ObjectSegmenter is needed.*classify_pix"):
        get_operation("segment_objects")(sample.image, classifier=str(classifier_file))
    with pytest.raises(InputError, match="There is no classifier file"):
        get_operation("classify_pixels")(sample.image, classifier="nowhere.cl")


def test_classifiers_of_objects_are_steps(tmp_path, sample):
    from bioloom.classify import ObjectClassifier, ObjectSelector

    ids = np.unique(sample.labels)[1:]
    annotation = np.where(sample.labels > 0, 1 + (sample.labels > ids[len(ids) // 2]), 0)
    for kind, step in ((ObjectClassifier, "classify_objects"), (ObjectSelector, "select_objects")):
        classifier = kind("area intensity_mean", n_trees=5)
        classifier.fit(sample.labels, annotation, sample.image)
        classifier.save(tmp_path / "objects.cl")
        result = get_operation(step)(sample.labels, sample.image, classifier=str(tmp_path / "objects.cl"))
        np.testing.assert_array_equal(result, classifier.predict(sample.labels, sample.image))


def test_a_step_doubts_frames_beyond_the_training(tmp_path, sample):
    from bioloom.classify import ObjectClassifier

    ids = np.unique(sample.labels)[1:]
    annotation = np.where(sample.labels > 0, 1 + (sample.labels > ids[len(ids) // 2]), 0)
    classifier = ObjectClassifier("intensity_mean", n_trees=5).fit(sample.labels, annotation, sample.image)
    classifier.save(tmp_path / "objects.cl")
    step = Step(
        "types", "classify_objects", {"labels": "labels", "image": "image"},
        {"classifier": str(tmp_path / "objects.cl")},
    )  # fmt: skip
    recipe = Recipe(("labels", "image"), (step,), ("types",))
    movie = np.stack([sample.image, sample.image * 257, sample.image])
    with doubts_heard() as doubts:
        recipe.run({"labels": sample.labels, "image": movie[0]})
        assert doubts == []
        recipe.run({"labels": np.stack([sample.labels] * 3), "image": movie}, frame_axis=0)
    (doubt,) = doubts
    assert doubt.startswith("Step 'types': 1 of 3 frames: Doubtful: intensity_mean of all objects is beyond")


def test_measurements_are_those_of_measure(sample):
    from bioloom.measure import measure

    table = get_operation("measure_objects")(sample.labels, sample.image, features="size, intensity", spacing=(2, 2))
    assert table.equals(measure(sample.labels, sample.image, (2, 2), ["size", "intensity"]))
    assert "intensity_mean" not in get_operation("measure_objects")(sample.labels)
    both = get_operation("measure_objects")(sample.labels, sample.image, sample.image * 2, features="intensity_mean")
    np.testing.assert_allclose(both["intensity_mean_channel1"], 2 * both["intensity_mean_channel0"])
    with pytest.raises(InputError, match="features is empty"):
        get_operation("measure_objects")(sample.labels, features=" ,")


# ------------------------------------------------------------------------------------------------ function calling
def test_every_schema_is_right():
    jsonschema = pytest.importorskip("jsonschema")
    schemas = list_schemas()
    assert {schema["name"] for schema in schemas} == set(CATALOGUE)
    json.dumps(schemas, allow_nan=False)
    for schema in schemas:
        parameters = schema["parameters"]
        jsonschema.Draft202012Validator.check_schema(parameters)
        assert schema["description"]
        for name, parameter in parameters["properties"].items():
            assert parameter["description"], f"{schema['name']}: {name}"
            if "default" in parameter:
                jsonschema.validate(parameter["default"], parameter)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": "a.tif", "sigmas": 1}, "has no parameter 'sigmas'. It has: image, sigma"),
        ({"image": "a.tif", "sigma": -1}, "sigma is -1. Give a number from 0 to 1000"),
        ({"image": "a.tif", "sigma": 1e9}, "Give a number from 0 to 1000"),
        ({"image": "a.tif", "sigma": True}, "sigma is True"),
        ({"image": "a.tif", "sigma": "2"}, "sigma is '2'"),
        ({"image": "a.tif", "spacing": [1]}, "two or three numbers"),
        ({"image": 3}, "image is a number, but must be the path"),
        ({}, "image is missing"),
        ([1], "must be an object"),
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_wrong_arguments_are_refused_with_the_reason(arguments, message, as_text):
    with pytest.raises(InputError, match=message):
        check_arguments("gaussian_blur", json.dumps(arguments) if as_text else arguments)


def test_what_the_schema_refuses_is_refused():
    jsonschema = pytest.importorskip("jsonschema")
    schema = next(s for s in list_schemas() if s["name"] == "gaussian_blur")["parameters"]
    for wrong in ({"image": "a.tif", "sigma": -1}, {"image": "a.tif", "other": 1}, {"sigma": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
        with pytest.raises(InputError):
            check_arguments("gaussian_blur", wrong)
    jsonschema.validate({"image": "a.tif", "sigma": 2}, schema)
    assert check_arguments("gaussian_blur", {"image": "a.tif", "sigma": 2}) == {
        "image": "a.tif", "sigma": 2.0, "spacing": None,
    }  # fmt: skip


def test_an_operation_is_called_with_files(tmp_path, sample):
    image = tmp_path / "cells.tif"
    write_image(image, sample.image)
    call_operation("gaussian_blur", json.dumps({"image": str(image), "sigma": 2}), tmp_path / "smooth.tif")
    np.testing.assert_array_equal(open_image(tmp_path / "smooth.tif").pixels, gaussian_blur(sample.image, 2))
    with pytest.raises(InputError, match="would replace the input"):
        call_operation("gaussian_blur", {"image": str(image)}, image)
    with pytest.raises(InputError, match=r"gives table: use a file ending in \.csv"):
        call_operation("measure_objects", {"labels": str(image)}, tmp_path / "table.tif")
