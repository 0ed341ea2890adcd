"""Runs over files tell which file failed and why; the loop is the same for the same seed, and its scores are real."""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from bioloom import device, operations, recipe, samples
from bioloom.classify import ObjectClassifier, load_classifier
from bioloom.errors import Cancelled, InputError
from bioloom.explore import cluster
from bioloom.measure import compare_segmentations
from bioloom.recipe import demo
from bioloom.recipe.batch import apply_to_files, check_folder, companion, find_files, name_outputs
from bioloom.recipe.catalogue import CATALOGUE
from bioloom.recipe.display import why_no_window
from bioloom.recipe.provenance import RUN_FILE, versions, write_run
from bioloom.recipe.steps import check_frames, run_frames, run_operation
from bioloom.recipe.words import describe, parse_setting, parse_spacing


@pytest.fixture(autouse=True)
def _on_numpy(monkeypatch):
    monkeypatch.setattr(device, "_current", device.NUMPY)


def small_sample():
    return samples.nuclei_2d(shape=(220, 240), n_nuclei=30, seed=1)


@pytest.fixture(scope="module")
def loop():
    device.select("numpy")
    return recipe.run_loop(small_sample(), seed=3)


# ------------------------------------------------------------------------------------------------ the loop
def test_the_same_seed_gives_the_same_loop(loop):
    again = recipe.run_loop(small_sample(), seed=3)
    np.testing.assert_array_equal(again.labels, loop.labels)
    np.testing.assert_array_equal(again.pixel_classes, loop.pixel_classes)
    np.testing.assert_array_equal(again.object_classes, loop.object_classes)
    pd.testing.assert_frame_equal(again.table, loop.table)
    assert again.scores == loop.scores


def test_the_loop_finds_nuclei_and_knows_how_well(loop):
    scores = loop.scores
    assert scores["objects_true"] == 30
    assert 0.75 < scores["object_f1"] <= 1
    assert 0.7 < scores["mean_matched_iou"] <= 1
    assert 0.75 < scores["pixel_iou"] <= 1
    assert 0.7 < scores["class_agreement"] <= 1
    assert 0 < scores["class_objects"] < scores["cluster_objects"] <= scores["objects_measured"]
    assert -0.5 <= scores["cluster_agreement"] <= 1
    # The scores can be computed from the result by other means.
    unseen = loop.annotation == 0
    found, true = loop.pixel_classes[unseen] == 2, loop.sample.labels[unseen] > 0
    assert scores["pixel_iou"] == pytest.approx((found & true).sum() / (found | true).sum())
    matches = compare_segmentations(loop.labels, loop.sample.labels).matches
    assert scores["cluster_objects"] == len(matches)


def test_the_table_and_the_images_of_the_loop_tell_the_same(loop):
    table = loop.table
    assert table["label"].tolist() == np.unique(loop.labels)[1:].tolist()
    assert {"area", "intensity_mean", "class", "probability", "UMAP-0", "UMAP-1", "KMEANS_CLUSTER"} <= set(table)
    assert np.isfinite(table[["UMAP-0", "UMAP-1", "probability"]]).all(axis=None)
    for row in table.itertuples():
        inside = loop.labels == row.label
        assert row.area == pytest.approx(inside.sum() * 0.25)  # 0.5 µm per pixel
        assert set(loop.object_classes[inside]) == {row[table.columns.get_loc("class") + 1]}
    assert not loop.object_classes[loop.labels == 0].any()
    border = np.concatenate([loop.labels[[0, -1]].ravel(), loop.labels[:, [0, -1]].ravel()])
    assert not border.any()


def test_annotated_objects_do_not_count_as_right(loop):
    """As many objects are judged as matched ones were not marked, so training on all would leave none."""
    per_type = next(s.parameters["objects_per_type"] for s in loop.steps if s.name == "object classes")
    assert loop.scores["class_objects"] <= loop.scores["cluster_objects"] - per_type


@pytest.mark.parametrize("name", ["nuclei_3d", "nuclei_two_channels", "nuclei_timelapse"])
def test_the_loop_runs_on_stacks_channels_and_time_series(name):
    shapes = {"nuclei_3d": (20, 128, 128), "nuclei_two_channels": (2, 200, 200), "nuclei_timelapse": (3, 160, 160)}
    counts = {"nuclei_3d": 18, "nuclei_two_channels": 24, "nuclei_timelapse": 12}
    sample = samples.SAMPLES[name](shape=shapes[name], n_nuclei=counts[name], seed=0)
    result = recipe.run_loop(sample)
    assert result.labels.shape == result.pixel_classes.shape == result.object_classes.shape == sample.labels.shape
    assert result.table["label"].is_unique  # also over time: napari looks features up by the label alone
    assert result.scores["object_f1"] > 0.6
    assert result.scores["pixel_iou"] > 0.6
    if name == "nuclei_timelapse":
        assert sorted(result.table["frame"].unique()) == [0, 1, 2]
    if name == "nuclei_two_channels":
        assert {"intensity_mean_nuclei", "intensity_mean_marker"} <= set(result.table)


def test_the_loop_reports_its_steps_and_can_be_stopped():
    seen, told = [], []

    def progress(done, total):
        seen.append((done, total))
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        recipe.run_loop(small_sample(), progress=progress, on_step=told.append)
    assert seen == [(1, 9), (2, 9), (3, 9)]
    assert [step.name for step in told] == ["filter", "label", "clean"]
    assert all(step.seconds >= 0 and step.parameters for step in told)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True])
def test_a_seed_that_no_step_could_use_is_refused_before_the_first(seed):
    with pytest.raises(InputError, match="seed"):
        recipe.run_loop(small_sample(), seed=seed, on_step=lambda step: pytest.fail("work was begun"))


def test_the_files_of_the_loop_can_be_read_again(loop, tmp_path):
    files = recipe.write_results(loop, tmp_path / "new" / "folder")
    assert {f.name for f in files} == {p.name for p in (tmp_path / "new" / "folder").iterdir()}
    folder = files[0].parent
    for name, expected in (
        ("labels", loop.labels),
        ("classes", loop.pixel_classes),
        ("objects", loop.object_classes),
        ("image", loop.sample.image),
    ):
        np.testing.assert_array_equal(tifffile.imread(folder / f"{name}.tif"), expected)
    pd.testing.assert_frame_equal(pd.read_csv(folder / "features.csv"), loop.table, check_dtype=False)
    model = load_classifier(folder / "model.cl")
    np.testing.assert_array_equal(model.predict(loop.sample.image), loop.pixel_classes)
    assert (folder / "clusters.png").read_bytes().startswith(b"\x89PNG")


def test_the_steps_tell_the_parameters_that_were_really_used(loop):
    parameters = {step.name: step.parameters for step in loop.steps}
    assert parameters["pixel training"]["features"] == loop.pixel_classifier.feature_names_
    assert parameters["pixel training"]["seed"] == parameters["object classes"]["seed"] == 3
    assert 2 <= parameters["UMAP"]["n_neighbors"] < len(loop.table)
    repeated = cluster(loop.table, parameters["k-means"]["columns"], n_clusters=2, seed=parameters["k-means"]["seed"])
    assert repeated.labels.tolist() == loop.table["KMEANS_CLUSTER"].tolist()


def test_the_report_states_what_was_done_and_how_good_it_is(loop, tmp_path):
    recipe.write_results(loop, tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    for step in loop.steps:
        assert f"| {step.name} | {step.what} |" in text
        assert f"| {step.seconds:.2f} |" in text
    for name in ("object_f1", "mean_matched_iou", "pixel_iou", "class_agreement", "cluster_agreement"):
        assert f"| {loop.scores[name]:.3f} |" in text
    assert "seed 3" in text
    assert f"- numpy {np.__version__}" in text


def test_open_demo_gives_layers_that_fit_together_without_computing_twice(loop, monkeypatch):
    monkeypatch.setattr(demo, "run_loop", lambda: pytest.fail("computed again"))
    monkeypatch.setattr(demo, "_kept", None)
    demo.keep_for_window(loop)
    layers = {attributes["name"]: (data, attributes, kind) for data, attributes, kind in demo.open_demo()}
    assert list(layers) == ["Nuclei", "Annotation", "Pixel classes", "Object classes", "Objects"]
    for data, attributes, kind in layers.values():
        assert data.shape == loop.labels.shape
        assert attributes["scale"] == (0.5, 0.5)
        assert attributes["units"] == ("micrometer", "micrometer")
        assert kind == ("image" if attributes["name"] == "Nuclei" else "labels")
    features = layers["Objects"][1]["features"]
    assert features["index"].tolist() == features["label"].tolist() == np.unique(loop.labels)[1:].tolist()


# ------------------------------------------------------------------------------------------------ files
def test_patterns_find_each_file_once(tmp_path):
    for name in ("b.tif", "a.tif", "c.txt"):
        (tmp_path / name).touch()
    (tmp_path / "sub.tif").mkdir()
    assert [p.name for p in find_files([tmp_path / "*.tif", tmp_path / "b.tif"])] == ["a.tif", "b.tif"]
    assert find_files([tmp_path / "*.png", "nowhere.tif"]) == [tmp_path / "*.png", Path("nowhere.tif")]


def test_a_file_whose_name_looks_like_a_pattern_is_found(tmp_path):
    (tmp_path / "cell [1].tif").touch()
    assert find_files([tmp_path / "cell [1].tif"]) == [tmp_path / "cell [1].tif"]


def test_two_inputs_never_share_an_output_and_no_input_is_replaced(tmp_path):
    with pytest.raises(InputError, match=r"a.x\.tif and b.x\.tif would both give"):
        name_outputs([Path("a/x.tif"), Path("b/x.tif")], tmp_path, ["_labels.tif"])
    with pytest.raises(InputError, match="would replace the input"):
        name_outputs([tmp_path / "x.tif", tmp_path / "x_labels.tif"], tmp_path, ["_labels.tif"])
    names = name_outputs([Path("x.ome.tif")], "out", ["_a.tif", "_a.csv"])
    assert names == {Path("x.ome.tif"): (Path("out/x.ome_a.tif"), Path("out/x.ome_a.csv"))}


def test_one_bad_file_does_not_stop_the_others():
    def work(path):
        if path.name == "bad":
            raise InputError("It is bad.")
        if path.name == "odd":
            raise KeyError("what no one foresaw")
        return [path.with_suffix(".out")]

    seen = []
    files = [Path(name) for name in ("good", "bad", "odd", "fine")]
    result = apply_to_files(files, work, progress=lambda done, total: seen.append((done, total)))
    assert result.outputs == [Path("good.out"), Path("fine.out")]
    assert [(f.path.name, f.error) for f in result.failures] == [
        ("bad", "It is bad."),
        ("odd", "KeyError: 'what no one foresaw'"),
    ]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_results_of_earlier_runs_are_kept_and_counted():
    def work(path):
        if path.name == "odd":
            raise InputError("It is bad.")
        return [path.with_suffix(".out")]

    files = [Path(name) for name in ("old", "odd", "new")]
    result = apply_to_files(files, work, existing={Path("old"): [Path("old.out")]})
    assert result.outputs == [Path("new.out")]
    assert result.files[0].kept == (Path("old.out"),)
    assert result.describe() == "1 of 3 files processed, 1 had results already, 1 failed\nodd: It is bad."


def test_a_folder_stands_for_its_images_by_name(tmp_path):
    for name in ("b.tif", "a.PNG", "notes.txt", ".hidden.tif"):
        (tmp_path / name).touch()
    assert [p.name for p in find_files([tmp_path, tmp_path / "b.tif"])] == ["a.PNG", "b.tif"]


def test_a_batch_can_be_stopped_and_needs_files():
    def stop(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        apply_to_files([Path("a"), Path("b")], lambda path: [], progress=stop)
    with pytest.raises(InputError, match="No input file"):
        apply_to_files([], lambda path: [])


def test_a_folder_that_cannot_be_written_to_is_found_out_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="file is a file"):
            check_folder(folder)
    check_folder(tmp_path / "new" / "deep")
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="Cannot write into"):
        check_folder(tmp_path / ("n" * 5000))


def test_the_companion_of_a_file_has_its_name():
    assert companion("seeds/{stem}_seeds.tif", Path("data/x.tif")) == Path("seeds/x_seeds.tif")
    assert companion("mask.tif", Path("data/x.tif")) == Path("mask.tif")


# ------------------------------------------------------------------------------------------------ steps and words
def test_an_operation_runs_on_frames_as_on_single_images():
    image = np.random.default_rng(0).integers(0, 1000, (4, 30, 40)).astype(np.uint16)
    frames = run_operation("gaussian_blur", image, frame_axis=0, sigma=2)
    for frame, source in zip(frames, image, strict=True):
        np.testing.assert_array_equal(frame, run_operation(operations.gaussian_blur, source, sigma=2))
    last = run_operation("gaussian_blur", np.moveaxis(image, 0, 2), frame_axis=2, sigma=2)
    np.testing.assert_array_equal(np.moveaxis(last, 2, 0), frames)


def test_functions_run_on_frames_too():
    image = np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(run_frames(lambda a: a[::-1], image, 1), image[::-1])
    np.testing.assert_array_equal(run_frames(lambda a: a + 1, image, None), image + 1)
    for axis in (3, -1):
        with pytest.raises(InputError, match="no frames"):
            run_frames(lambda a: a, image, axis)
    with pytest.raises(InputError, match="no frames"):
        run_frames(lambda a: a, image[:0], 0)


@pytest.mark.parametrize(
    ("shape", "axis", "says"),
    [
        ((5,), None, "must be"),
        ((2, 3, 9, 9), None, "--frame-axis"),
        ((9, 9), 0, "must be"),
        ((9, 9), 2, "no axis 2"),
        ((9, 9, 3), None, "colour"),
        ((2, 9, 9, 4), 0, "colour"),
    ],
)
def test_images_of_the_wrong_shape_are_refused_with_advice(shape, axis, says):
    with pytest.raises(InputError, match=says):
        check_frames(np.zeros(shape, np.uint8), axis, "image")


@pytest.mark.parametrize(("shape", "axis"), [((9, 9), None), ((3, 9, 9), None), ((9, 9, 3), 2), ((2, 3, 9, 9), 0)])
def test_images_of_the_right_shape_pass(shape, axis):
    check_frames(np.zeros(shape, np.uint8), axis, "image")


def all_settings():
    return [
        pytest.param(entry, parameter, id=f"{entry.name}-{parameter.name}")
        for entry in CATALOGUE.values()
        for parameter in entry.settings
    ]


@pytest.mark.parametrize(("operation", "parameter"), all_settings())
def test_every_parameter_can_be_said_on_the_command_line(operation, parameter):
    if parameter.kind == "corrections":
        said = '[{"kind": "delete", "point": [1, 2]}]'
        assert list(parse_setting(operation, parameter, said)[0]["point"]) == [1, 2]
        with pytest.raises(InputError):
            parse_setting(operation, parameter, "what?")
        return
    if parameter.kind in ("text", "file"):
        assert parse_setting(operation, parameter, "some, Text") == "some, Text"
        return
    assert parse_setting(operation, parameter, str(parameter.default).lower()) == parameter.default
    assert str(parameter.default).lower() in describe(parameter)
    if parameter.kind == "spacing":
        assert parse_setting(operation, parameter, "0.5,2") == (0.5, 2)
        return
    if parameter.kind in ("number", "integer") and parameter.limits.maximum is not None:
        assert f"{parameter.limits.maximum:g}" in describe(parameter)
        with pytest.raises(InputError, match=parameter.name):
            parse_setting(operation, parameter, str(2 * parameter.limits.maximum + 1))
    with pytest.raises(InputError, match=rf"{operation.name}.*{parameter.name}"):
        parse_setting(operation, parameter, "what?")


@pytest.mark.parametrize("text", ["", "1", "1,2,3,4", "a,b", "1;2", "1,", "nan,1", "0,1", "-1,1", "inf,1"])
def test_a_spacing_is_two_or_three_positive_numbers(text):
    with pytest.raises(InputError, match="spacing"):
        parse_spacing(text)


# ------------------------------------------------------------------------------------------------ provenance
def test_a_run_is_written_down_so_that_it_can_be_repeated(tmp_path):
    image = np.random.default_rng(0).integers(0, 1000, (30, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", image)
    recipe.segment_files(
        find_files([tmp_path / "a.tif", tmp_path / "missing.tif"]),
        "gaussian_blur",
        tmp_path / "out",
        settings={"sigma": 3, "spacing": (0.5, 0.5)},
        arguments=["segment", "…"],
    )
    run = json.loads((tmp_path / "out" / RUN_FILE).read_text(encoding="utf-8"))
    assert run["command"] == "segment"
    assert run["arguments"] == ["segment", "…"]
    assert run["versions"] == versions()
    assert run["inputs"][0] == {"path": str(tmp_path / "a.tif"), "bytes": (tmp_path / "a.tif").stat().st_size}
    assert run["inputs"][1]["bytes"] is None
    assert "There is no file" in run["inputs"][1]["error"]
    assert run["outputs"] == ["a_gaussian_blur.tif"]
    settings = {k: run["parameters"][k] for k in ("sigma", "spacing")}
    repeated = operations.get_operation(run["parameters"]["operation"])(image, **settings)
    np.testing.assert_array_equal(repeated, tifffile.imread(tmp_path / "out" / "a_gaussian_blur.tif"))


def test_earlier_runs_stay_known_until_their_results_are_replaced(tmp_path):
    def commands():
        run = json.loads((tmp_path / RUN_FILE).read_text(encoding="utf-8"))
        return [run["command"], *(earlier["command"] for earlier in run["earlier_runs"])]

    (tmp_path / RUN_FILE).write_text("[]", encoding="utf-8")  # of another program
    write_run(tmp_path, "first", {}, inputs=[], outputs=["a.tif", "b.tif"])
    write_run(tmp_path, "second", {}, inputs=[], outputs=["b.tif", "c.tif"])
    assert commands() == ["second", "first"]
    write_run(tmp_path, "third", {"x": np.float32(1.5)}, inputs=[], outputs=["b.tif", "c.tif"])
    assert commands() == ["third", "first"]


def test_object_classifiers_find_their_channels_again_by_name(tmp_path):
    sample = samples.nuclei_two_channels(shape=(2, 200, 200), n_nuclei=20, seed=0)
    named = dict(zip(("nuclei", "marker"), sample.image, strict=True))
    marked = samples.annotate_objects(sample, n_per_type=4)
    classifier = ObjectClassifier(n_trees=20).fit(sample.labels, marked, named, spacing=(0.5, 0.5))
    classifier.save(tmp_path / "objects.cl")
    tifffile.imwrite(tmp_path / "image.tif", sample.image)
    tifffile.imwrite(tmp_path / "image_labels.tif", sample.labels)
    result = recipe.classify_files(
        tmp_path / "objects.cl",
        [tmp_path / "image.tif"],
        tmp_path / "out",
        labels=tmp_path / "{stem}_labels.tif",
        spacing=(0.5, 0.5),
    )
    assert not result.failures
    expected = classifier.predict(sample.labels, named, spacing=(0.5, 0.5))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "image_object_classes.tif"), expected)
    table = pd.read_csv(tmp_path / "out" / "image_object_classes.csv")
    assert table.columns.tolist() == ["label", "class", "probability", "uncertainty"]
    assert len(table) == 20


# ------------------------------------------------------------------------------------------------ the window
@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_a_missing_or_dead_display_is_noticed_before_qt_ends_the_process(monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    assert why_no_window() == "there is no display"
    monkeypatch.setenv("DISPLAY", ":4711")
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    assert any(word in why_no_window() for word in ("display (", "not installed"))


def test_results_cannot_be_changed_by_accident(loop):
    with pytest.raises(dataclasses.FrozenInstanceError):
        loop.seed = 4
