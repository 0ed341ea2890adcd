"""The command line: every command on real data, and one clear line for everything that can be wrong."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skimage.io
import tifffile

import bioloom
from bioloom import classify, device, measure, operations, recipe, samples, tables
from bioloom.classify.table import TableClassifier
from bioloom.cli import main
from bioloom.errors import Cancelled, InputError
from bioloom.files import write_image

SPACING = "0.5,0.5"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(device, "_current", device.NUMPY)


@pytest.fixture(scope="module")
def nuclei():
    return samples.nuclei_2d(shape=(160, 180), n_nuclei=16, seed=2)


@pytest.fixture
def image(nuclei):
    write_image("nuclei.tif", nuclei.image)
    return "nuclei.tif"


@pytest.fixture
def labels(nuclei):
    write_image("labels.tif", nuclei.labels)
    return "labels.tif"


@pytest.fixture(scope="module")
def pixel_model(nuclei, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "pixels.cl"
    painted = samples.strokes(nuclei.labels, n_pixels=200)
    classify.PixelClassifier(n_trees=10).fit(nuclei.image, np.where(painted == 2, 7, painted)).save(path)
    return str(path)


@pytest.fixture(scope="module")
def object_model(nuclei, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "objects.cl"
    marked = samples.annotate_objects(nuclei, n_per_type=4)
    classifier = classify.ObjectClassifier(n_trees=10).fit(nuclei.labels, marked, nuclei.image, spacing=(0.5, 0.5))
    classifier.save(path)
    return str(path)


def bioloom_process(*words, **options):
    command = [sys.executable, "-m", "bioloom.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def files():
    """Every file below the working folder, hidden ones too, with its size."""
    return {str(p.relative_to(Path.cwd())): p.stat().st_size for p in Path.cwd().rglob("*") if p.is_file()}


def refused(capsys, *words):
    """Run a command that must fail: status 2, one line on stderr, nothing written. Return the line."""
    before = files()
    assert main([str(word) for word in words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("bioloom: ")
    assert files() == before
    return err


# ------------------------------------------------------------------------------------------------ the command itself
def test_help_comes_at_once_and_names_every_command():
    start = time.perf_counter()
    answer = bioloom_process("--help")
    seconds = time.perf_counter() - start
    assert answer.returncode == 0
    for command in ("demo", "devices", "operations", "segment", "measure", "train", "classify"):
        assert re.search(rf"^    {command}\s", answer.stdout, re.MULTILINE)
    assert seconds < 2  # 0.5 s on an idle machine; this one may be busy


def test_help_loads_none_of_the_libraries_that_compute():
    code = (
        "import sys; from bioloom.cli import main\ntry: main(['--help'])\nfinally: print(*sys.modules, file=sys.stderr)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    loaded = {name.partition(".")[0] for name in answer.stderr.split()}
    assert "argparse" in loaded
    assert not loaded & {"numpy", "scipy", "skimage", "sklearn", "pandas", "numba", "umap", "napari", "matplotlib"}


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"bioloom {bioloom.__version__}\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "Say what to do"),
        (["paint"], "invalid choice: 'paint'"),
        (["--fast"], "no option --fast"),
        (["demo", "--fast"], "demo has no option --fast"),
        (["demo", "--seed", "x"], "--seed"),
        (["demo", "--seed", "-1"], "seed"),
        (["demo", "--sample", "cells"], "nuclei_2d, nuclei_timelapse"),
        (["demo", "--headless", "--seed", str(2**40)], "seed"),
        (["operations", "more"], "'more' does not fit here"),
        (["segment", "a.tif", "--out", "o"], "--operation"),
        (["segment", "a.tif", "--operation", "gaussian_blur"], "--out"),
        (["segment", "--operation", "gaussian_blur", "--out", "o"], "IMAGE"),
        (["segment", "a.tif", "--operation"], "expected one argument"),
        (["measure"], "LABELS"),
        (["classify", "m.cl", "a.tif", "--out", "o", "--objects", "two"], "--objects"),
        (["train", "fish", "i", "a", "--out", "m.cl"], "invalid choice: 'fish'"),
        (["train", "pixel", "i", "--out", "m.cl"], "ANNOTATIONS"),
        (["train", "pixel", "i", "a"], "--out"),
        (["train", "pixel", "i", "a", "--out", "m.cl", "--fast"], "train has no option --fast"),
        (["train", "pixel", "i", "a", "--out", "m.cl", "--features", "original", "--preset", "quick"], "--preset"),
    ],
)
def test_a_mistake_in_the_words_is_one_line(capsys, words, says):
    assert says in refused(capsys, *words)


def test_devices_lists_numpy_and_marks_the_one_in_use(capsys):
    assert main(["devices"]) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "engine", "kind", "memory", "state"]
    assert first.split()[:4] == ["*", "numpy", "numpy", "cpu"]
    assert first.endswith("works")


def test_operations_lists_the_catalogue(capsys):
    assert main(["operations"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert {line.split()[0] for line in lines} == set(operations.CATALOGUE)
    for line in lines:
        assert operations.CATALOGUE[line.split()[0]].summary in line


def test_operations_as_json_have_defaults_that_fit_their_schema(capsys):
    types = {"number": (int, float), "integer": int, "boolean": bool, "string": str, "array": list, "null": type(None)}
    assert main(["operations", "--json"]) == 0
    schemas = json.loads(capsys.readouterr().out)
    assert {schema["name"] for schema in schemas} == set(operations.CATALOGUE)
    for schema in schemas:
        properties = schema["parameters"]["properties"]
        assert set(schema["parameters"]["required"]) <= set(properties)
        for name, described in properties.items():
            assert ("default" in described) != (name in schema["parameters"]["required"])
            value = described.get("default")
            if "default" not in described or (described.get("kind") and value is None):
                continue
            allowed = described["type"] if isinstance(described["type"], list) else [described["type"]]
            assert isinstance(value, tuple(types[t] for t in allowed)), (schema["name"], name)
            if isinstance(value, (int, float)):
                assert described.get("minimum", value) <= value <= described.get("maximum", value)
            assert value in described.get("enum", [value])


@pytest.mark.skipif(os.name == "nt", reason="pipes end otherwise on Windows")
def test_a_closed_pipe_is_no_traceback():
    command = f'"{sys.executable}" -m bioloom.cli operations --json | head -1'
    answer = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert answer.stdout == "[\n"
    assert answer.stderr == ""


# ------------------------------------------------------------------------------------------------ segment
def test_segment_gives_what_the_operation_gives(capsys, nuclei, image):
    words = [
        "--operation",
        "voronoi_otsu_labeling",
        "--spot-sigma",
        "2",
        "--outline_sigma",
        "0.5",
        "--spacing",
        SPACING,
    ]
    assert main(["segment", image, *words, "--out", "out"]) == 0
    expected = operations.voronoi_otsu_labeling(nuclei.image, spot_sigma=2, outline_sigma=0.5, spacing=(0.5, 0.5))
    result = tifffile.imread("out/nuclei_voronoi_otsu_labeling.tif")
    assert result.max() > 8
    np.testing.assert_array_equal(result, expected)
    out, err = capsys.readouterr()
    assert str(Path("out/nuclei_voronoi_otsu_labeling.tif")) in out
    assert err == ""
    assert sorted(files()) == ["nuclei.tif", *sorted(["out/bioloom-run.json", "out/nuclei_voronoi_otsu_labeling.tif"])]


def test_segment_with_masks_and_labels(image, nuclei):
    assert main(["segment", image, "--operation", "threshold_otsu", "--out", "out"]) == 0
    assert tifffile.imread("out/nuclei_threshold_otsu.tif").dtype == np.uint8
    mask = "out/nuclei_threshold_otsu.tif"
    assert main(["segment", mask, "--operation", "connected_components", "--diagonal", "false", "--out", "cc"]) == 0
    expected = operations.connected_components(operations.threshold_otsu(nuclei.image), diagonal=False)
    result = tifffile.imread("cc/nuclei_threshold_otsu_connected_components.tif")
    np.testing.assert_array_equal(result, expected)


def test_segment_with_seeds_for_each_image(nuclei):
    Path("seeds").mkdir()
    for name, image, seeds in (("a", nuclei.image, nuclei.labels), ("b", nuclei.image[::-1], nuclei.labels[::-1])):
        write_image(f"{name}.tif", image)
        write_image(f"seeds/{name}.tif", seeds)
    words = ["--operation", "seeded_watershed", "--seeds", "seeds/{stem}.tif", "--out", "out"]
    assert main(["segment", "a.tif", "b.tif", *words]) == 0
    for name, image, seeds in (("a", nuclei.image, nuclei.labels), ("b", nuclei.image[::-1], nuclei.labels[::-1])):
        expected = operations.seeded_watershed(image, seeds)
        np.testing.assert_array_equal(tifffile.imread(f"out/{name}_seeded_watershed.tif"), expected)


def test_segment_a_stack_and_a_time_series():
    stack = samples.nuclei_3d(shape=(12, 64, 64), n_nuclei=4, seed=0)
    write_image("stack.tif", stack.image)
    words = ["--operation", "gaussian_blur", "--sigma", "0.6", "--spacing", "0.9,0.3,0.3"]
    assert main(["segment", "stack.tif", *words, "--out", "out"]) == 0
    expected = operations.gaussian_blur(stack.image, sigma=0.6, spacing=(0.9, 0.3, 0.3))
    np.testing.assert_array_equal(tifffile.imread("out/stack_gaussian_blur.tif"), expected)
    movie = samples.nuclei_timelapse(shape=(3, 96, 96), n_nuclei=5, seed=0)
    write_image("movie.tif", movie.image)
    words = ["--operation", "voronoi_otsu_labeling", "--frame-axis", "0"]
    assert main(["segment", "movie.tif", *words, "--out", "out"]) == 0
    for frame, source in zip(tifffile.imread("out/movie_voronoi_otsu_labeling.tif"), movie.image, strict=True):
        np.testing.assert_array_equal(frame, operations.voronoi_otsu_labeling(source))


def test_a_colour_image_is_refused_unless_its_channels_are_named(capsys):
    colours = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    skimage.io.imsave("photo.png", colours, check_contrast=False)
    words = ["segment", "photo.png", "--operation", "gaussian_blur", "--out", "out"]
    assert "--frame-axis 2" in refused(capsys, *words)
    assert main([*words, "--frame-axis", "2"]) == 0
    result = tifffile.imread("out/photo_gaussian_blur.tif")
    np.testing.assert_array_equal(result[..., 1], operations.gaussian_blur(colours[..., 1]))


def test_quoted_patterns_are_expanded(nuclei):
    for name in "abc":
        write_image(f"{name}.tif", nuclei.image)
    Path("notes.txt").touch()
    assert main(["segment", "[ab].tif", "c.tif", "--operation", "sobel", "--out", "out"]) == 0
    assert sorted(p.name for p in Path("out").glob("*.tif")) == ["a_sobel.tif", "b_sobel.tif", "c_sobel.tif"]


def test_results_are_replaced_only_as_a_whole(image):
    words = ["segment", image, "--operation", "gaussian_blur", "--out", "out"]
    assert main([*words, "--sigma", "1"]) == 0
    first = Path("out/nuclei_gaussian_blur.tif").read_bytes()
    assert main([*words, "--sigma", "4"]) == 0
    assert Path("out/nuclei_gaussian_blur.tif").read_bytes() != first
    assert sorted(p.name for p in Path("out").iterdir()) == ["bioloom-run.json", "nuclei_gaussian_blur.tif"]


def test_bad_files_are_told_and_the_others_are_processed(capsys, image):
    whole = Path(image).read_bytes()
    Path("cut.tif").write_bytes(whole[: len(whole) // 2])
    Path("text.tif").write_text("no image")
    Path("empty.tif").touch()
    np.save("nan.npy", np.full((20, 20), np.nan))
    np.save("complex.npy", np.zeros((20, 20), complex))
    np.save("none.npy", np.zeros((0, 20)))
    bad = ["cut.tif", "text.tif", "empty.tif", "nan.npy", "complex.npy", "none.npy", "missing.tif", "nothing*.tif"]
    write_image("good.tif", np.ones((20, 20), np.uint8))
    status = main(["segment", "good.tif", *bad, image, "--operation", "gaussian_blur", "--out", "out"])
    assert status == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(bad)
    for name, line in zip(bad, lines, strict=True):
        assert line.startswith("bioloom: ")
        assert name in line
    written = {p.name for p in Path("out").iterdir()}
    assert written == {"good_gaussian_blur.tif", "nuclei_gaussian_blur.tif", "bioloom-run.json"}
    run = json.loads(Path("out/bioloom-run.json").read_text(encoding="utf-8"))
    assert [bool(entry.get("error")) for entry in run["inputs"]] == [False, *[True] * len(bad), False]


@pytest.mark.parametrize("name", ["cut.tif", "missing.tif", "image.czi", "folder.tif"])
def test_nothing_is_written_where_no_file_is_good(capsys, image, name):
    Path("cut.tif").write_bytes(Path(image).read_bytes()[:100])
    Path("image.czi").touch()
    Path("folder.tif").mkdir()
    assert name in refused(capsys, "segment", name, "--operation", "gaussian_blur", "--out", "out")
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--operation", "gausian_blur"], "Did you mean gaussian_blur"),
        (["--operation", "gaussian_blur", "--radius", "3"], "It has: --sigma, --spacing"),
        (["--operation", "gaussian_blur", "--sigma=x"], "from 0 to 1000"),
        (["--operation", "gaussian_blur", "--sigma", "1e9"], "from 0 to 1000"),
        (["--operation", "gaussian_blur", "--sigma", "-1"], "from 0 to 1000"),
        (["--operation", "gaussian_blur", "--sigma", "nan"], "from 0 to 1000"),
        (["--operation", "gaussian_blur", "--sigma"], "expected one argument"),
        (["--operation", "gaussian_blur", "--spacing", "1,2,3"], "spacing"),
        (["--operation", "gaussian_blur", "--spacing", "0,1"], "spacing"),
        (["--operation", "gaussian_blur", "--spacing", "a"], "spacing"),
        (["--operation", "gaussian_blur", "--device", "abacus"], "numpy"),
        (["--operation", "gaussian_blur", "--frame-axis", "-1"], "--frame-axis"),
        (["--operation", "gaussian_blur", "--frame-axis", "0"], "must be (y, x) or (z, y, x)"),
        (["--operation", "gaussian_blur", "--frame-axis", "5"], "no axis 5"),
        (["--operation", "gaussian_blur", "--seeds", "labels.tif"], "no parameter --seeds"),
        (["--operation", "replace_nan", "--by", "magic"], "minimum, median, zero"),
        (["--operation", "connected_components", "--diagonal", "perhaps"], "true or false"),
        (["--operation", "remove_labels_at_edges", "--spacing", "1,1"], "It has: --edges"),
        (["--operation", "seeded_watershed"], "--seeds FILE"),
        (["--operation", "seeded_watershed", "--seeds", "nowhere.tif"], "nowhere.tif"),
        (["--operation", "seeded_watershed", "--seeds", "other.tif"], "shapes differ"),
        (["--operation", "gaussian_blur", "nuclei.tif"], "does not fit here"),
    ],
)
def test_a_wrong_parameter_is_one_line_and_nothing_is_written(capsys, image, labels, words, says):
    write_image("other.tif", np.zeros((5, 5), np.uint8))
    assert says in refused(capsys, "segment", image, "--out", "out", *words)


def test_no_result_replaces_an_input_or_another_result(capsys, nuclei, image):
    for folder in ("a", "b"):
        Path(folder).mkdir()
        write_image(f"{folder}/x.tif", nuclei.image)
    words = ["--operation", "sobel", "--out"]
    assert "would both give" in refused(capsys, "segment", "a/x.tif", "b/x.tif", *words, "out")
    write_image("nuclei_sobel.tif", nuclei.image)
    assert "would replace the input" in refused(capsys, "segment", "*.tif", *words, ".")
    assert "is a file" in refused(capsys, "segment", image, *words, "a/x.tif")


def test_no_result_replaces_a_companion_file(capsys, nuclei, image, object_model):
    write_image("nuclei_object_classes.tif", nuclei.labels)
    words = ["classify", object_model, image, "--labels", "{stem}_object_classes.tif", "--out", "."]
    assert "replace the input nuclei_object_classes.tif" in refused(capsys, *words)
    write_image("nuclei_seeded_watershed.tif", nuclei.labels)
    words = ["--operation", "seeded_watershed", "--seeds", "nuclei_seeded_watershed.tif", "--out", "."]
    assert "replace the input nuclei_seeded_watershed.tif" in refused(capsys, "segment", image, *words)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read and write everything")
def test_files_and_folders_without_permission_are_one_line(capsys, image):
    Path("shut").mkdir(mode=0o500)
    words = ["--operation", "sobel", "--out"]
    assert "shut" in refused(capsys, "segment", image, *words, "shut")
    Path(image).chmod(0)
    assert image in refused(capsys, "segment", image, *words, "out")


@pytest.mark.skipif(os.name == "nt", reason="no limits of file size on Windows")
def test_a_full_disk_leaves_the_old_result_and_no_half_file():
    """A limit of file size stands for the disk: writing fails after some bytes, as it would there."""
    import resource

    write_image("noise.tif", np.random.default_rng(0).random((300, 300)).astype(np.float32))
    words = ["segment", "noise.tif", "--operation", "gaussian_blur", "--sigma", "0.1", "--out", "out"]
    assert main(words) == 0
    before = files()
    old = Path("out/noise_gaussian_blur.tif").read_bytes()
    answer = bioloom_process(
        *words,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        env={**os.environ, "BIOLOOM_DEVICE": "numpy"},
    )
    assert answer.returncode == 2
    assert answer.stderr.startswith("bioloom: ")
    assert answer.stderr.count("\n") == 1
    assert files() == before
    assert Path("out/noise_gaussian_blur.tif").read_bytes() == old


def test_the_help_of_an_operation_shows_units_ranges_and_defaults(capsys):
    with pytest.raises(SystemExit) as end:
        main(["segment", "--operation", "voronoi_otsu_labeling", "--help"])
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "--spot-sigma NUMBER" in text
    assert "in units of --spacing, else pixels; 0 to 1000; default 5.0" in text
    with pytest.raises(SystemExit):
        main(["segment", "--operation", "seeded_watershed", "--help"])
    assert "--seeds FILE" in capsys.readouterr().out


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
def test_segment_on_opencl_finds_what_numpy_finds(capsys, image):
    words = ["segment", image, "--operation", "voronoi_otsu_labeling", "--out"]
    assert main([*words, "opencl", "--device", "opencl"]) == 0
    assert main([*words, "numpy", "--device", "numpy"]) == 0
    run = json.loads(Path("opencl/bioloom-run.json").read_text(encoding="utf-8"))
    assert run["parameters"]["device"] != "numpy"
    results = [tifffile.imread(f"{folder}/nuclei_voronoi_otsu_labeling.tif") for folder in ("opencl", "numpy")]
    assert measure.compare_segmentations(*results, 0.9).f1[0] > 0.9


# ------------------------------------------------------------------------------------------------ measure
def test_measure_writes_what_measure_returns(capsys, nuclei, image, labels):
    words = ["measure", labels, "--image", image, "--spacing", SPACING, "--out", "new/table.csv"]
    assert main(words) == 0
    expected = measure.measure(nuclei.labels, nuclei.image, (0.5, 0.5))
    pd.testing.assert_frame_equal(pd.read_csv("new/table.csv"), expected, check_dtype=False)
    assert "16 objects" in capsys.readouterr().out
    run = json.loads(Path("new/bioloom-run.json").read_text(encoding="utf-8"))
    assert [entry["path"] for entry in run["inputs"]] == [labels, image]
    assert run["parameters"]["spacing"] == [0.5, 0.5]


def test_measure_several_channels_and_properties(nuclei, image, labels):
    write_image("channels.tif", np.stack([nuclei.image, nuclei.image // 2]))
    two = ["measure", labels, "--image", image, "--image", image, "--properties", "area, intensity_mean"]
    assert main([*two, "--out", "two.csv"]) == 0
    assert pd.read_csv("two.csv").columns.tolist() == [
        "label",
        "area",
        "intensity_mean_channel0",
        "intensity_mean_channel1",
    ]
    one = ["measure", labels, "--image", "channels.tif", "--channel-axis", "0", "--properties", "intensity_max"]
    assert main([*one, "--out", "one.csv"]) == 0
    table = pd.read_csv("one.csv")
    assert (table["intensity_max_channel1"] == table["intensity_max_channel0"] // 2).all()


@pytest.mark.parametrize("suffix", ["tsv", "parquet"])
def test_tables_are_written_as_the_name_or_an_option_says(nuclei, image, labels, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    words = ["--properties", "label,area,touches_border"]
    assert main(["measure", labels, *words, "--out", f"cells.{suffix}"]) == 0
    expected = measure.measure(nuclei.labels, properties=["area", "touches_border"])
    pd.testing.assert_frame_equal(tables.load_table(f"cells.{suffix}"), expected)
    to_table = ["segment", labels, "--operation", "measure_objects", "--features", "area", "--out", "steps"]
    assert main([*to_table, "--tables", suffix]) == 0
    pd.testing.assert_frame_equal(
        tables.load_table(f"steps/labels_measure_objects.{suffix}"), expected[["label", "area"]]
    )
    step = recipe.Step("table", "measure_objects", {"labels": "labels"}, {"features": "area"})
    recipe.Recipe(("labels",), (step,), ("table",)).save("sizes.yaml")
    assert main(["run", "sizes.yaml", labels, "--out", "run", "--tables", suffix, "--jobs", "1"]) == 0
    pd.testing.assert_frame_equal(tables.load_table(f"run/labels_table.{suffix}"), expected[["label", "area"]])
    assert json.loads(Path("run/bioloom-run.json").read_text(encoding="utf-8"))["parameters"]["tables"] == suffix


def test_measure_time_series_stacks_and_nothing():
    movie = samples.nuclei_timelapse(shape=(3, 96, 96), n_nuclei=5, seed=0)
    write_image("movie.tif", movie.labels)
    words = ["--properties", "size", "--out"]
    assert main(["measure", "movie.tif", "--frame-axis", "0", *words, "movie.csv"]) == 0
    table = pd.read_csv("movie.csv")
    assert table[["frame", "label"]].to_numpy().tolist() == movie.cell_types[["frame", "label"]].to_numpy().tolist()
    assert main(["measure", "movie.tif", "--spacing", "2,1,1", *words, "stack.csv"]) == 0
    assert pd.read_csv("stack.csv")["area"].sum() == 2 * np.count_nonzero(movie.labels)
    write_image("none.tif", np.zeros((20, 20), np.uint16))
    assert main(["measure", "none.tif", *words, "none.csv"]) == 0
    assert Path("none.csv").read_text().splitlines() == ["label,num_pixels,area,area_bbox,equivalent_diameter_area"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["missing.tif", "--out", "t.csv"], "missing.tif"),
        (["cut.tif", "--out", "t.csv"], "cut.tif"),
        (["labels.tif", "--out", "t.xlsx"], ".csv"),
        (["labels.tif", "--out", "cut.tif/t.csv"], "is a file"),
        (["labels.tif", "--image", "other.tif", "--out", "t.csv"], "(5, 5)"),
        (["labels.tif", "--properties", "aera", "--out", "t.csv"], "area"),
        (["labels.tif", "--properties", "intensity_mean", "--out", "t.csv"], "(--image FILE)"),
        (["labels.tif", "--spacing", "1,1,1", "--out", "t.csv"], "--spacing (1.0, 1.0, 1.0)"),
        (["labels.tif", "--spacing", "one", "--out", "t.csv"], "spacing"),
        (["labels.tif", "--frame-axis", "2", "--out", "t.csv"], "no axis 2"),
        (["labels.tif", "--channel-axis", "0", "--out", "t.csv"], "--channel-axis"),
        (["labels.tif", "--channel-axis", "0", "--image", "pair.tif", "--out", "t.csv"], "(--channel-axis)"),
        (["labels.tif", "--image", "pair.tif", "--out", "t.csv"], "(--channel-axis)"),
        (["float.tif", "--out", "t.csv"], "whole numbers"),
        (["rgb.tif", "--out", "t.csv"], "colour"),
    ],
)
def test_measure_refuses_with_one_line(capsys, image, labels, words, says):
    Path("cut.tif").write_bytes(Path(image).read_bytes()[:100])
    write_image("other.tif", np.zeros((5, 5), np.uint8))
    write_image("float.tif", np.full((5, 5), 0.5, np.float32))
    write_image("pair.tif", np.zeros((160, 2, 180), np.uint8))
    tifffile.imwrite("rgb.tif", np.zeros((9, 9, 3), np.uint8), photometric="rgb")
    line = refused(capsys, "measure", *words)
    assert says in line
    assert not re.search(r"(frame|channel)_axis|\w=", line)


def test_few_planes_bring_a_hint_unless_it_is_clear_what_they_are(capsys, nuclei):
    write_image("three.tif", np.stack([nuclei.labels] * 3))
    write_image("five.tif", np.stack([nuclei.labels] * 5))
    measuring = ["measure", "{}", "--properties", "num_pixels", "--out", "t.csv"]
    segmenting = ["segment", "{}", "--operation", "gaussian_blur", "--sigma", "1", "--out", "out"]
    for words in (measuring, segmenting):

        def notes(name, *options, words=words):
            assert main([*(word.format(name) for word in words), *options]) == 0
            return capsys.readouterr().err

        says = "three.tif was taken as a stack of 3 planes; if they are channels or frames, say --frame-axis 0."
        assert notes("three.tif") == f"bioloom: note: {says}\n"
        assert notes("three.tif", "--frame-axis", "0") == ""
        assert notes("three.tif", "--spacing", "2,1,1") == ""
        assert notes("five.tif") == ""
    write_image("again.tif", np.stack([nuclei.labels] * 2))
    assert main(["segment", "three.tif", "again.tif", *segmenting[2:]]) == 0
    assert capsys.readouterr().err.count("\n") == 1


def test_intensities_in_place_of_labels_bring_a_hint(capsys, nuclei):
    yx = np.indices((160, 180))
    squares = (yx[0] // 10 * 18 + yx[1] // 10 + 1).astype(np.uint16)
    noise = np.random.default_rng(0).permutation(np.arange(1, 10_001)).reshape(100, 100).astype(np.uint16)
    suspects = {"image": nuclei.image, "bytes": (nuclei.image // 16 + 1).astype(np.uint8), "noise": noise}
    fine = {"labels": nuclei.labels, "squares": squares, "classes": squares % 2 + 1}
    words = ["--properties", "num_pixels", "--out", "t.csv"]
    for name, pixels in (suspects | fine).items():
        write_image(f"{name}.tif", pixels)
        assert main(["measure", f"{name}.tif", *words]) == 0
        assert ("may be no label image" in capsys.readouterr().err) == (name in suspects), name
        write_image("movie.tif", np.stack([pixels] * 5))
        for options in ([], ["--frame-axis", "0"]):
            assert main(["measure", "movie.tif", *options, *words]) == 0
            assert ("may be no label image" in capsys.readouterr().err) == (name in suspects), name


# ------------------------------------------------------------------------------------------------ train
@pytest.fixture
def folders(nuclei):
    """Write two images, their annotations, labels and marked objects, and return what was painted."""
    images = [nuclei.image, nuclei.image[::-1]]
    labels = [nuclei.labels, nuclei.labels[::-1]]
    painted = [samples.strokes(one, n_pixels=200, seed=number) for number, one in enumerate(labels)]
    marked = samples.annotate_objects(nuclei, n_per_type=4)
    for number in (0, 1):
        write_image(f"images/well{number}.tif", images[number])
        write_image(f"annotations/well{number}.tif", painted[number])
        write_image(f"labels/well{number}.tif", labels[number])
        write_image(f"marks/well{number}.tif", [marked, marked[::-1]][number])
    return images, painted


TRAIN = ("train", "pixel", "images", "annotations", "--out", "model.cl")


def test_train_pixels_gives_what_python_gives(capsys, folders, nuclei):
    images, painted = folders
    features = "original gaussian_blur=2 sobel_of_gaussian_blur=2"
    words = ["--features", features, "--trees", "7", "--depth", "5", "--seed", "3", "--balanced", "--spacing", SPACING]
    assert main([*TRAIN, *words]) == 0
    expected = classify.PixelClassifier(features, 7, 5, balanced=True, seed=3)
    expected.fit(images, painted, spacing=(0.5, 0.5))
    model = classify.load_classifier("model.cl")
    np.testing.assert_array_equal(model.predict(nuclei.image), expected.predict(nuclei.image))
    assert (len(model.forest.roots), model.max_depth, model.seed, model.spacing) == (7, 5, 3, (0.5, 0.5))
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[:2] == ["2 pairs of image + annotation", "trained on 2 of 2"]
    assert any(line.startswith("accuracy on held-out parts") for line in lines)
    assert [line.split()[0] for line in lines if line.startswith(("original ", "gaussian_blur=2 "))]
    assert lines[-1] == "model.cl: 2 classes, 3 features, 7 trees"
    run = json.loads(Path("bioloom-run.json").read_text(encoding="utf-8"))
    assert run["command"] == "train"
    assert [entry["path"] for entry in run["inputs"]][:2] == ["images/well0.tif", "annotations/well0.tif"]
    assert run["outputs"] == ["model.cl"]
    assert run["seeds"] == {"training": 3}


def test_train_and_classify_folders(folders, nuclei):
    assert main([*TRAIN, "--preset", "small objects", "--trees", "10", "--class-names", "2=nuclei,1=rest"]) == 0
    model = classify.load_classifier("model.cl")
    assert model.class_names == {1: "rest", 2: "nuclei"}
    assert model.features == classify.FeatureSet.parse("small objects")
    assert main(["classify", "model.cl", "images", "--out", "out"]) == 0
    for number in (0, 1):
        found = tifffile.imread(f"out/well{number}_classes.tif") == 2
        true = tifffile.imread(f"labels/well{number}.tif") > 0
        assert (found & true).sum() / (found | true).sum() > 0.7


def test_train_tells_what_it_leaves_out_and_trains_on_the_rest(capsys, folders, nuclei):
    Path("images/well2.tif").write_bytes(b"no image")
    write_image("annotations/well2.tif", np.ones((5, 5), np.uint8))
    write_image("images/well3.tif", nuclei.image)
    Path("images/notes.txt").touch()
    assert main([*TRAIN, "--trees", "5"]) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert err.startswith("bioloom: Cannot read images/well2.tif")
    lines = out.splitlines()
    assert lines[0] == "3 pairs of image + annotation"
    assert lines[1] == "1 without partner: images/well3.tif"
    assert lines[2] == "1 not an image: images/notes.txt"
    assert lines[3] == "trained on 2 of 3"
    assert len(classify.load_classifier("model.cl").forest.roots) == 5


def test_train_objects(capsys, folders, nuclei):
    words = ["train", "object", "images", "marks", "--labels", "labels", "--trees", "10", "--out", "objects.cl"]
    assert main(words) == 0
    assert "2 sets of image + annotation + label image" in capsys.readouterr().out
    model = classify.load_classifier("objects.cl")
    truth = nuclei.cell_types.set_index("label")["cell_type"]
    found = model.predict_objects(nuclei.labels, nuclei.image).set_index("label")["class"]
    assert (found == truth).mean() > 0.8
    assert main([*words, "--features", "area solidity"]) == 0
    assert classify.load_classifier("objects.cl").feature_names_ == ["area", "solidity"]


@pytest.mark.parametrize(("kind", "name"), [("segmenter", "ObjectSegmenter"), ("probability", "ProbabilityMapper")])
def test_train_what_gives_objects_or_a_probability(folders, nuclei, kind, name):
    images, painted = folders
    words = ["--class", "2", "--trees", "10", "--features", "original gaussian_blur=2"]
    assert main(["train", kind, "images", "annotations", "--out", "model.cl", *words]) == 0
    model = classify.load_classifier("model.cl")
    assert type(model).__name__ == name
    expected = getattr(classify, name)(2, "original gaussian_blur=2", n_trees=10).fit(images, painted)
    result = expected.predict(nuclei.image)
    assert main(["classify", "model.cl", "images", "--out", "out", "--uncertainty"]) == 0
    ending = {"segmenter": "objects", "probability": "probability"}[kind]
    written = tifffile.imread(f"out/well0_{ending}.tif")
    np.testing.assert_array_equal(written, result)
    assert written.dtype == (np.float32 if kind == "probability" else np.uint32)
    assert {p.name for p in Path("out").iterdir()} == {
        "bioloom-run.json",
        *(f"well{n}_{what}.tif" for n in (0, 1) for what in (ending, "uncertainty")),
    }


def test_train_what_selects_objects_and_select(folders, nuclei):
    words = ["--labels", "labels", "--trees", "10", "--class", "1", "--out", "selector.cl"]
    assert main(["train", "selector", "images", "marks", *words]) == 0
    model = classify.load_classifier("selector.cl")
    assert main(["classify", "selector.cl", "images", "--labels", "labels/{stem}.tif", "--out", "out"]) == 0
    written = tifffile.imread("out/well0_selected.tif")
    np.testing.assert_array_equal(written, model.predict(nuclei.labels, nuclei.image))
    kept = set(np.unique(written)) - {0}
    first = set(nuclei.cell_types.query("cell_type == 1")["label"])
    assert len(kept & first) > 0.8 * len(first)
    assert len(kept - first) < 0.2 * len(first) + 1


def test_train_what_merges_objects_and_merge():
    cells = np.kron(np.arange(1, 65).reshape(8, 8), np.ones((12, 12), int)).astype(np.uint16)
    image = np.where(np.arange(96) < 48, 100, 200) + np.random.default_rng(0).normal(0, 5, cells.shape)
    painted = np.zeros(cells.shape, np.uint8)
    painted[:, 11:13], painted[:, 47:49] = 1, 2
    for name, pixels in (("i", image.astype(np.float32)), ("a", painted), ("l", cells)):
        write_image(f"{name}/a.tif", pixels)
    words = ["--labels", "l", "--features", "mean_intensity_difference", "--out", "m.cl"]
    assert main(["train", "merger", "i", "a", *words]) == 0
    assert main(["classify", "m.cl", "i", "--labels", "l/a.tif", "--out", "out"]) == 0
    merged = tifffile.imread("out/a_merged.tif")
    np.testing.assert_array_equal(merged, classify.load_classifier("m.cl").predict(cells, image.astype(np.float32)))
    assert len(np.unique(merged)) < 32
    write_image("two/a.tif", np.stack([image, -image], axis=-1).astype(np.float32))
    words = ["--labels", "l", "--channel-axis", "2", "--out", "m.cl"]
    assert main(["train", "merger", "two", "a", *words]) == 0
    assert main(["classify", "m.cl", "two", "--labels", "l/a.tif", "--out", "out2"]) == 0
    both = classify.load_classifier("m.cl").predict(cells, [image.astype(np.float32), -image.astype(np.float32)])
    np.testing.assert_array_equal(tifffile.imread("out2/a_merged.tif"), both)
    assert len(np.unique(both)) < 64


def test_classify_tables(capsys, nuclei):
    table = measure.measure(nuclei.labels, nuclei.image, None, ["area", "intensity_mean", "circularity"])
    truth = nuclei.cell_types.set_index("label")["cell_type"].loc[table["label"]].to_numpy()
    table.to_csv("cells.csv", index=False)
    TableClassifier(n_trees=10).fit(table, truth).save("table.cl")
    assert main(["classify", "table.cl", "cells.csv", "--out", "out"]) == 0
    result = pd.read_csv("out/cells_classes.csv")
    assert result.columns.tolist() == [*table.columns, "class", "probability", "uncertainty"]
    assert (result["class"] == truth).mean() > 0.9
    pd.testing.assert_series_equal(result["area"], table["area"], check_dtype=False)
    assert main(["classify", "table.cl", "cells.csv", "--out", "out", "--tables", "tsv"]) == 0
    pd.testing.assert_frame_equal(tables.load_table("out/cells_classes.tsv"), result)
    assert not capsys.readouterr().err
    table.assign(**dict.fromkeys(table.columns[1:], 1e6)).to_csv("cells.csv", index=False)
    assert main(["classify", "table.cl", "cells.csv", "--out", "out"]) == 0
    assert "note: cells.csv: Doubtful: " in capsys.readouterr().err


def test_train_continues_without_losing_the_old(capsys, folders, nuclei):
    _, painted = folders
    write_image("more/images/a.tif", nuclei.image)
    write_image("more/annotations/a.tif", np.where(painted[0] == 2, 9, painted[0]).astype(np.uint8))
    assert main([*TRAIN, "--trees", "10", "--features", "original gaussian_blur=1", "--spacing", SPACING]) == 0
    capsys.readouterr()
    words = ["train", "pixel", "more/images", "more/annotations", "--continue", "model.cl", "--out"]
    assert main([*words, "both.cl", "--trees", "6"]) == 0
    before, after = classify.load_classifier("model.cl"), classify.load_classifier("both.cl")
    assert before.classes_.tolist() == [1, 2]
    assert after.classes_.tolist() == [1, 2, 9]
    assert len(after.forest.roots) == 6
    assert after.features == before.features
    assert after.spacing == (0.5, 0.5)
    capsys.readouterr()
    assert "keeps its features" in refused(capsys, *words, "c.cl", "--features", "original")
    assert main([*words, "model.cl"]) == 0
    assert classify.load_classifier("model.cl").classes_.tolist() == [1, 2, 9]


@pytest.mark.parametrize("objects", [False, True])
def test_a_training_that_continues_with_the_same_files_counts_nothing_twice(capsys, folders, objects):
    words = ["train", "object", "images", "marks", "--labels", "labels"] if objects else TRAIN[:4]
    assert main([*words, "--trees", "10", "--out", "a.cl"]) == 0
    assert "known from" not in capsys.readouterr().out
    assert main([*words, "--continue", "a.cl", "--out", "b.cl"]) == 0
    first, second = classify.load_classifier("a.cl"), classify.load_classifier("b.cl")
    n = len(first.samples_)
    assert len(second.samples_) == n
    assert f"{n:,} annotated items were known from the earlier training and count once" in capsys.readouterr().out


def test_objects_are_no_annotation_of_pixels(capsys, folders):
    write_image("annotations/well0.tif", np.arange(160 * 180).reshape(160, 180) // 500)
    assert main(TRAIN) == 2
    out, err = capsys.readouterr()
    assert "different values, as an image of objects does" in err
    assert str(Path("annotations/well0.tif")) in err
    assert "trained on 1 of 2" in out
    assert classify.load_classifier("model.cl").classes_.tolist() == [1, 2]


def test_results_do_not_go_among_the_images(capsys, folders, pixel_model):
    for out in ("images", "images/../images"):
        assert "among the images" in refused(capsys, "classify", pixel_model, "images", "--out", out)
    assert "among the images" in refused(capsys, "classify", pixel_model, "images/*.tif", "--out", "images")
    assert main(["classify", pixel_model, "images", "--out", "images/results"]) == 0
    assert len(list(Path("images/results").glob("*_classes.tif"))) == 2


def test_a_file_that_is_no_classifier_says_so_first(capsys, image):
    Path("text.cl").write_text("Nothing of the kind\n" * 3)
    for name in ("text.cl", image):
        assert f"bioloom: {name} is no classifier file" in refused(capsys, "classify", name, image, "--out", "out")


def test_colours_are_no_single_channel(capsys, pixel_model):
    skimage.io.imsave("photo.png", np.zeros((20, 30, 3), np.uint8), check_contrast=False)
    line = refused(capsys, "classify", pixel_model, "photo.png", "--out", "out")
    assert "RGB" in line
    assert "--frame-axis" not in line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["pixel", "images", "nowhere", "--out", "m.cl"], "nowhere, does not exist"),
        (["pixel", "images", "images", "--out", "m.cl"], "folders of their own"),
        (["pixel", "images", "annotations", "--out", "m.txt"], "saved as .cl"),
        (["pixel", "images", "annotations", "--out", "images/well0.tif/m.cl"], "Cannot write into the folder"),
        (["pixel", "images", "annotations", "--out", "m.cl", "--preset", "huge"], "small objects"),
        (["pixel", "images", "annotations", "--out", "m.cl", "--features", "huge=1"], "no pixel feature"),
        (["pixel", "images", "annotations", "--out", "m.cl", "--trees", "0"], "--trees is 0"),
        (["pixel", "images", "annotations", "--out", "m.cl", "--depth", "99"], "--depth is 99"),
        (["pixel", "images", "annotations", "--out", "m.cl", "--class", "2"], "has no option --class"),
        (["segmenter", "images", "annotations", "--out", "m.cl", "--class", "3"], "--class is 3, but"),
        (["pixel", "images", "annotations", "--out", "m.cl", "--labels", "labels"], "Leave out --labels"),
        (["pixel", "images", "annotations", "--out", "m.cl", "--class-names", "a,b"], "1=background,2=nuclei"),
        (["pixel", "images", "annotations", "--out", "m.cl", "--normalise", "cubic"], "linear"),
        (["pixel", "images", "annotations", "--out", "m.cl", "--continue", "x.cl"], "x.cl"),
        (["pixel", "images", "annotations", "--out", "m.cl", "--channel-axis", "0"], "None of the files can be used"),
        (["object", "images", "marks", "--out", "m.cl"], "--labels FOLDER"),
        (["object", "images", "marks", "--labels", "labels", "--out", "m.cl", "--preset", "quick"], "--features"),
        (["object", "images", "marks", "--labels", "labels", "--out", "m.cl", "--normalise", "log"], "--normalise"),
    ],
)
def test_train_refuses_with_one_line(capsys, folders, words, says):
    assert says in refused(capsys, "train", *words)


def test_the_help_of_train_tells_the_defaults(capsys):
    from inspect import signature

    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    default = {name: p.default for name, p in signature(classify.PixelClassifier).parameters.items()}
    for words, name in (("number of trees, 1 to 1000", "n_trees"), ("in a row, 1 to 30", "max_depth")):
        assert f"{words} ({default[name]})" in text


# ------------------------------------------------------------------------------------------------ classify
def test_classify_pixels_with_probabilities_and_objects(nuclei, image, pixel_model):
    words = ["classify", pixel_model, image, "--probabilities", "--objects", "7", "--out", "out"]
    assert main(words) == 0
    model = classify.load_classifier(pixel_model)
    classes = model.predict(nuclei.image)
    assert set(np.unique(classes)) == {1, 7}
    np.testing.assert_array_equal(tifffile.imread("out/nuclei_classes.tif"), classes)
    probabilities = tifffile.imread("out/nuclei_probabilities.tif")
    np.testing.assert_array_equal(probabilities, model.predict_proba(nuclei.image))
    np.testing.assert_allclose(probabilities.sum(0), 1, rtol=1e-5)
    objects = tifffile.imread("out/nuclei_objects.tif")
    np.testing.assert_array_equal(objects, classify.objects_of_class(classes, 7))
    run = json.loads(Path("out/bioloom-run.json").read_text(encoding="utf-8"))
    assert run["seeds"] == {"training": 0}
    assert run["parameters"]["classes"] == [1, 7]


def test_classify_writes_uncertainty(nuclei, image, pixel_model):
    assert main(["classify", pixel_model, image, "--uncertainty", "--probabilities", "--out", "out"]) == 0
    uncertainty = tifffile.imread("out/nuclei_uncertainty.tif")
    ordered = np.sort(tifffile.imread("out/nuclei_probabilities.tif"), axis=0)
    np.testing.assert_allclose(uncertainty, 1 - (ordered[-1] - ordered[-2]), atol=1e-6)
    assert uncertainty.dtype == np.float32
    assert 0 <= uncertainty.min() < 0.1
    assert uncertainty.max() > 0.5
    model = classify.load_classifier(pixel_model)
    np.testing.assert_allclose(uncertainty, model.predict_uncertainty(nuclei.image), atol=1e-6)
    assert main(["classify", pixel_model, image, "--uncertainty", "--out", "alone"]) == 0
    np.testing.assert_array_equal(tifffile.imread("alone/nuclei_uncertainty.tif"), uncertainty)


def test_results_that_are_there_are_kept_if_asked(capsys, nuclei, image, pixel_model):
    write_image("second.tif", nuclei.image[::-1])
    words = ["classify", pixel_model, image, "second.tif", "--out", "out"]
    Path("out").mkdir()
    Path("out/nuclei_classes.tif").write_bytes(b"mine")
    assert main([*words, "--keep-existing"]) == 0
    assert Path("out/nuclei_classes.tif").read_bytes() == b"mine"
    first, second = capsys.readouterr().out.splitlines()
    assert first == "nuclei.tif: kept out/nuclei_classes.tif"
    assert second.startswith("second.tif -> out/second_classes.tif")
    assert main([*words, "--keep-existing", "--uncertainty"]) == 0
    assert Path("out/nuclei_classes.tif").read_bytes() == b"mine"
    assert tifffile.imread("out/nuclei_uncertainty.tif").shape == nuclei.image.shape
    assert main(words) == 0
    assert tifffile.imread("out/nuclei_classes.tif").shape == nuclei.image.shape


def test_a_run_that_is_stopped_keeps_what_is_complete(nuclei, image, pixel_model):
    write_image("second.tif", nuclei.image[::-1])
    calls = []

    def stop(done, total):
        calls.append((done, total))
        if done == 1 and len(calls) > 2:  # within the second file
            raise Cancelled

    with pytest.raises(Cancelled):
        recipe.classify_files(pixel_model, [Path(image), Path("second.tif")], "out", progress=stop)
    assert {p.name for p in Path("out").iterdir()} == {"nuclei_classes.tif", "bioloom-run.json"}
    assert set(calls) == {(0, 2), (1, 2)}
    run = json.loads(Path("out/bioloom-run.json").read_text(encoding="utf-8"))
    assert run["outputs"] == ["nuclei_classes.tif"]


def test_a_trained_classifier_need_not_be_a_file(nuclei, image, pixel_model):
    model = classify.load_classifier(pixel_model)
    recipe.classify_files(model, [Path(image)], "out", uncertainty=True)
    np.testing.assert_array_equal(tifffile.imread("out/nuclei_classes.tif"), model.predict(nuclei.image))
    with pytest.raises(InputError, match="not trained"):
        recipe.classify_files(classify.PixelClassifier(), [Path(image)], "out")


def test_a_folder_stands_for_its_images(capsys, nuclei, pixel_model):
    for name in ("b", "a"):
        write_image(f"data/{name}.tif", nuclei.image)
    Path("data/notes.txt").touch()
    Path("empty").mkdir()
    assert main(["classify", pixel_model, "data", "--out", "out"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["data/a.tif", "data/b.tif"]
    assert "holds no image" in refused(capsys, "classify", pixel_model, "empty", "--out", "other")


def test_classify_frames_one_by_one(nuclei, pixel_model):
    movie = np.stack([nuclei.image, nuclei.image[::-1], nuclei.image[:, ::-1]])
    write_image("movie.tif", movie)
    words = ["classify", pixel_model, "movie.tif", "--frame-axis", "0", "--probabilities", "--objects", "7"]
    assert main([*words, "--out", "out"]) == 0
    model = classify.load_classifier(pixel_model)
    expected = np.stack([model.predict(frame) for frame in movie])
    np.testing.assert_array_equal(tifffile.imread("out/movie_classes.tif"), expected)
    assert tifffile.imread("out/movie_probabilities.tif").shape == (2, *movie.shape)
    frames = tifffile.imread("out/movie_objects.tif")
    assert [frame.max() for frame in frames] == [classify.objects_of_class(c, 7).max() for c in expected]


@pytest.mark.parametrize("trained_axis", [0, 1, 2])
def test_channels_are_found_wherever_they_are_in_the_file(capsys, nuclei, trained_axis):
    colours = np.stack([nuclei.image // 16, nuclei.image // 32, nuclei.image // 64]).astype(np.uint8)
    painted = samples.strokes(nuclei.labels, n_pixels=200)
    model = classify.PixelClassifier("original gaussian_blur=1", n_trees=5)
    model.fit(np.moveaxis(colours, 0, trained_axis), painted, channel_axis=trained_axis).save("rgb.cl")
    expected = model.predict(colours, channel_axis=0)
    for axis in range(3):
        write_image(f"c{axis}.tif", np.moveaxis(colours, 0, axis))
    assert main(["classify", "rgb.cl", "c0.tif", "c1.tif", "c2.tif", "--out", "out"]) == 0
    assert main(["classify", "rgb.cl", "c2.tif", "--channel-axis", "2", "--out", "named"]) == 0
    for name in ("out/c0", "out/c1", "out/c2", "named/c2"):
        np.testing.assert_array_equal(tifffile.imread(f"{name}_classes.tif"), expected)
    capsys.readouterr()
    line = refused(capsys, "classify", "rgb.cl", "c0.tif", "--channel-axis", "1", "--out", "other")
    assert "160 along axis 1 (--channel-axis)" in line
    write_image("two.tif", colours[:2])
    assert "Give a 2D image of 3 channels" in refused(capsys, "classify", "rgb.cl", "two.tif", "--out", "other")
    write_image("movie.tif", np.stack([colours, colours[:, ::-1]], axis=1))
    assert "--frame-axis N" in refused(capsys, "classify", "rgb.cl", "movie.tif", "--out", "other")
    words = ["--frame-axis", "1", "--channel-axis", "1", "--out", "other"]
    assert "cannot hold both" in refused(capsys, "classify", "rgb.cl", "movie.tif", *words)
    assert main(["classify", "rgb.cl", "movie.tif", "--frame-axis", "1", "--objects", "2", "--out", "out"]) == 0
    frames = tifffile.imread("out/movie_classes.tif")
    np.testing.assert_array_equal(frames, [expected, model.predict(colours[:, ::-1], channel_axis=0)])
    assert tifffile.imread("out/movie_objects.tif").shape == frames.shape


def test_equally_long_axes_must_be_named(capsys, nuclei):
    image = np.random.default_rng(0).integers(0, 255, (3, 40, 50)).astype(np.uint8)
    painted = np.zeros((40, 50), np.uint8)
    painted[:5], painted[20:] = 1, 2
    model = classify.PixelClassifier("original", n_trees=5).fit(image, painted, channel_axis=0)
    model.save("three.cl")
    thin = np.moveaxis(image[:, :3], 0, 2)[:, ::2].swapaxes(0, 1)
    write_image("thin.tif", thin)
    words = ["classify", "three.cl", "thin.tif", "--out", "out"]
    assert "--channel-axis" in refused(capsys, *words)
    assert main([*words, "--channel-axis", "2"]) == 0
    np.testing.assert_array_equal(tifffile.imread("out/thin_classes.tif"), model.predict(thin, channel_axis=2))


def test_object_classifiers_name_the_channels_they_miss(capsys, nuclei, image, labels, object_model):
    marked = samples.annotate_objects(nuclei, n_per_type=4)
    named = {"dna": nuclei.image, "actin": nuclei.image[::-1]}
    model = classify.ObjectClassifier(n_trees=10).fit(nuclei.labels, marked, named)
    model.save("two.cl")
    write_image("both.tif", np.stack(list(named.values()), axis=-1))
    words = ["--labels", labels, "--out", "out"]
    assert "channels dna, actin" in refused(capsys, "classify", "two.cl", image, *words)
    assert "trained on one channel" in refused(capsys, "classify", object_model, "both.tif", *words)
    wrong = ["--channel-axis", "0", *words]
    assert "--channel-axis" in refused(capsys, "classify", "two.cl", "both.tif", *wrong)
    assert main(["classify", "two.cl", "both.tif", "--channel-axis", "2", *words]) == 0
    expected = model.predict(nuclei.labels, named)
    np.testing.assert_array_equal(tifffile.imread("out/both_object_classes.tif"), expected)


@pytest.mark.parametrize("features", ["area pearson_corr_coeff", "area radial_cv=8", "intensity_max radial_fraction=3"])
def test_channels_of_pairs_and_of_numbered_measurements(nuclei, image, labels, features):
    marked = samples.annotate_objects(nuclei, n_per_type=4)
    named = {"my_dna": nuclei.image, "my_actin": np.random.default_rng(0).permuted(nuclei.image, axis=1)}
    pixels = nuclei.image if "fraction" in features else named
    model = classify.ObjectClassifier(features, n_trees=10).fit(nuclei.labels, marked, pixels)
    model.save("pairs.cl")
    write_image("both.tif", np.stack(list(named.values())))
    file = image if "fraction" in features else "both.tif"
    assert main(["classify", "pairs.cl", file, "--labels", labels, "--out", "out"]) == 0
    expected = model.predict(nuclei.labels, pixels)
    np.testing.assert_array_equal(tifffile.imread(f"out/{Path(file).stem}_object_classes.tif"), expected)


def test_pixel_and_object_results_go_into_one_folder(image, labels, pixel_model, object_model):
    assert main(["classify", pixel_model, image, "--out", "out"]) == 0
    pixels = Path("out/nuclei_classes.tif").read_bytes()
    assert main(["classify", object_model, image, "--labels", labels, "--out", "out"]) == 0
    assert Path("out/nuclei_classes.tif").read_bytes() == pixels
    written = {"nuclei_classes.tif", "nuclei_object_classes.csv", "nuclei_object_classes.tif", "bioloom-run.json"}
    assert {p.name for p in Path("out").iterdir()} == written


def test_classify_channels_as_in_the_training(nuclei):
    colours = np.stack([nuclei.image // 16, nuclei.image // 32, nuclei.image // 64], axis=-1).astype(np.uint8)
    painted = samples.strokes(nuclei.labels, n_pixels=200)
    model = classify.PixelClassifier("original gaussian_blur=1", n_trees=5).fit(colours, painted, channel_axis=-1)
    model.save("rgb.cl")
    tifffile.imwrite("rgb.tif", colours, photometric="rgb")
    assert main(["classify", "rgb.cl", "rgb.tif", "--out", "out"]) == 0
    np.testing.assert_array_equal(tifffile.imread("out/rgb_classes.tif"), model.predict(colours))


def test_classify_objects(nuclei, image, labels, object_model):
    words = ["classify", object_model, image, "--labels", labels, "--out", "out"]
    assert main(words) == 0
    model = classify.load_classifier(object_model)
    expected = model.predict(nuclei.labels, nuclei.image, spacing=(0.5, 0.5))
    np.testing.assert_array_equal(tifffile.imread("out/nuclei_object_classes.tif"), expected)
    table = pd.read_csv("out/nuclei_object_classes.csv")
    assert table["label"].tolist() == list(range(1, 17))
    assert table["probability"].between(0, 1).all()


def test_objects_beyond_the_training_are_doubted(capsys, nuclei, image, labels, object_model):
    write_image("bright.tif", nuclei.image.astype(np.uint16) * 257)
    words = ["classify", object_model, image, "bright.tif", "--labels", labels, "--out", "out"]
    assert main(words) == 0
    note, *more = capsys.readouterr().err.splitlines()
    assert note.startswith("bioloom: note: bright.tif: Doubtful: intensity_")
    assert "of all objects are beyond what the classifier was trained on" in note
    assert not more
    record = json.loads(Path("out/bioloom-run.json").read_text(encoding="utf-8"))
    assert ["note" in entry for entry in record["inputs"]] == [False, True]
    arrays = {"labels": "labels", "image": "image"}
    step = recipe.Step("types", "classify_objects", arrays, {"classifier": object_model})
    recipe.Recipe(("image", "labels"), (step,), ("types",)).save("types.yaml")
    words = ["run", "types.yaml", image, "bright.tif", "--input", f"labels={labels}", "--spacing", SPACING]
    for more in ([], ["--resume"]):
        assert main([*words, "--out", "run", "--jobs", "1", *more]) == 0
        said = capsys.readouterr()
        assert said.err.splitlines() == [note.replace("bright.tif: ", "bright.tif: Step 'types': ")]
        assert "1 doubtful" in said.out
        assert pd.read_csv("run/bioloom-report.csv")["note"].str.contains("Doubtful").eq(True).tolist() == [False, True]


def test_classify_objects_of_time_series_and_none_at_all(nuclei, object_model):
    write_image("movie.tif", np.stack([nuclei.image] * 2))
    write_image("movie_labels.tif", np.stack([nuclei.labels, 0 * nuclei.labels]))
    words = ["classify", object_model, "movie.tif", "--labels", "{stem}_labels.tif", "--spacing", SPACING]
    assert main([*words, "--frame-axis", "0", "--out", "out"]) == 0
    table = pd.read_csv("out/movie_object_classes.csv")
    assert table.columns.tolist() == ["frame", "label", "class", "probability", "uncertainty"]
    assert table["frame"].unique().tolist() == [0]
    first, second = tifffile.imread("out/movie_object_classes.tif")
    assert set(np.unique(first)) == {0, 1, 2}
    assert not second.any()
    write_image("empty.tif", nuclei.image)
    write_image("empty_labels.tif", 0 * nuclei.labels)
    words[2] = "empty.tif"
    assert main([*words, "--out", "out"]) == 0
    assert Path("out/empty_object_classes.csv").read_text().splitlines() == ["label,class,probability,uncertainty"]
    assert not tifffile.imread("out/empty_object_classes.tif").any()


def test_classify_refuses_with_one_line(capsys, nuclei, image, labels, pixel_model, object_model):
    Path("broken.cl").write_text(Path(pixel_model).read_text()[:3000])
    write_image("stack.tif", np.stack([nuclei.image] * 3))
    write_image("small.tif", nuclei.labels[:50])
    for model, *words, says in (
        ("missing.cl", "missing.cl"),
        ("broken.cl", "broken.cl"),
        (image, image),
        (pixel_model, "--objects", "2", "It has the classes 1, 7"),
        (pixel_model, "--labels", labels, "takes no labels"),
        (pixel_model, "--spacing", "1,2,3", "spacing"),
        (object_model, "--labels FILE"),
        (object_model, "--labels", labels, "--probabilities", "pixel classifiers"),
        (object_model, "--labels", labels, "--objects", "1", "pixel classifiers"),
        (object_model, "--labels", "missing.tif", "missing.tif"),
        (object_model, "--labels", "small.tif", "(50, 180)"),
    ):
        assert says in refused(capsys, "classify", model, image, *words, "--out", "out")
    line = refused(capsys, "classify", pixel_model, "stack.tif", "--out", "out")
    assert "1 channel in 2D" in line
    assert "--frame-axis N" in line


# ------------------------------------------------------------------------------------------------ demo
def test_demo_in_a_process_of_its_own():
    """As a user runs it: the progress, every file, and scores that are well above chance."""
    without = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    answer = bioloom_process("demo", "--headless", "--out", "results", env=without)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    lines = answer.stdout.splitlines()
    assert [line[:4] for line in lines[:9]] == [f"{i}/9 " for i in range(1, 10)]
    assert lines[-1] == f"The results are in {Path('results').resolve()}"
    wanted = ["classes.tif", "clusters.png", "features.csv", "image.tif", "labels.tif", "model.cl", "objects.tif"]
    assert sorted(p.name for p in Path("results").iterdir()) == [*wanted, "report.md"]
    rows = [
        line.split("|")[1:3]
        for line in Path("results/report.md").read_text(encoding="utf-8").splitlines()
        if "|" in line
    ]
    scores = {name.split(":")[-1].strip(): float(value) for name, value in rows if value.strip()[:1].isdecimal()}
    assert 0.8 < scores["F1 at IoU 0.5, before cleaning"] <= 1
    assert 0.75 < scores["mean IoU of the matched ones"] <= 1
    assert 0.75 < scores["IoU of the nuclei, without the painted pixels"] <= 1
    table, labels = pd.read_csv("results/features.csv"), tifffile.imread("results/labels.tif")
    assert table["label"].tolist() == np.unique(labels)[1:].tolist()
    assert set(table["class"]) == {1, 2} == set(table["KMEANS_CLUSTER"])
    # What it leaves can be used at once.
    assert main(["classify", "results/model.cl", "results/image.tif", "--out", "again"]) == 0
    again, classes = (tifffile.imread(f) for f in ("again/image_classes.tif", "results/classes.tif"))
    np.testing.assert_array_equal(again, classes)


def test_demo_refuses_a_folder_that_is_a_file_before_it_works(capsys, image):
    assert "is a file" in refused(capsys, "demo", "--headless", "--out", image)


@pytest.mark.skipif(os.name == "nt", reason="signals are other on Windows")
def test_ctrl_c_ends_with_130_and_no_traceback():
    command = [sys.executable, "-m", "bioloom.cli", "demo", "--headless", "--out", "results"]
    # A shell that runs the tests in the background has SIGINT ignored, and children inherit that.
    listening = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **listening) as process:
        assert process.stdout.readline().startswith("1/9")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert not Path("results").exists()
