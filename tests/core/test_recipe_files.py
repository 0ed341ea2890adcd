"""Recipes over files: every file gets its results or its reason, whatever stops the run."""

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile

from bioloom import cli
from bioloom.errors import Cancelled, InputError
from bioloom.files import open_image, read_image, write_image
from bioloom.recipe import Recipe, Step, find_files, run_files
from bioloom.recipe.catalogue import CATALOGUE
from bioloom.recipe.run_files import RECIPE_FILE, REPORT
from bioloom.tables import load_table

RECIPE = Recipe(
    ("image",),
    (
        Step("smooth", "gaussian_blur", {"image": "image"}, {"sigma": 1.0}),
        Step("nuclei", "voronoi_otsu_labeling", {"image": "smooth"}, {"spot_sigma": 1.0}),
        Step("table", "measure_objects", {"labels": "nuclei", "image": "image"}, {"features": "area,intensity_mean"}),
    ),
    ("nuclei", "table"),
    name="Nuclei",
)
BLUR = Recipe(("image",), (Step("smooth", "gaussian_blur", {"image": "image"}, {"sigma": 1.0}),), ("smooth",))


def cells(seed=0, shape=(32, 40)):
    """Return blurred spots on noise."""
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    spots = np.zeros(shape)
    spots[tuple(rng.integers(0, shape, (5, 2)).T)] = 20_000
    return (ndimage.gaussian_filter(spots, 2.5) + rng.poisson(100, shape)).astype(np.uint16)


@pytest.fixture
def folder(tmp_path):
    for number in range(6):
        write_image(tmp_path / "in" / f"w{number}.tif", cells(number))
    return tmp_path


def results_of(folder):
    """Return the bytes of every result, by its name."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix in (".tif", ".csv") and p.name != REPORT}


def run_cli(*words):
    return cli.main([str(word) for word in words])


# ------------------------------------------------------------------------------------------------ runs
@pytest.mark.parametrize("jobs", [1, 2])
def test_every_file_gets_what_the_recipe_gives(folder, jobs):
    told, ticks = [], []
    result = run_files(
        RECIPE, find_files([folder / "in"]), folder / "out", jobs=jobs,
        on_file=told.append, progress=lambda done, total: ticks.append((done, total)),
    )  # fmt: skip
    assert result.failures == []
    assert [file.path.name for file in result.files] == [f"w{n}.tif" for n in range(6)]
    assert len(told) == 6
    assert ticks[-1] == (600, 600)
    for number in range(6):
        expected = RECIPE.run({"image": cells(number)})
        np.testing.assert_array_equal(read_image(folder / "out" / f"w{number}_nuclei.tif"), expected["nuclei"])
        np.testing.assert_allclose(load_table(folder / "out" / f"w{number}_table.csv"), expected["table"])
    again = Recipe.load(folder / "out" / RECIPE_FILE)
    assert dataclasses.replace(again, versions={}) == RECIPE.checked()
    record = json.loads((folder / "out" / "bioloom-run.json").read_text())
    assert record["command"] == "run"
    assert len(record["outputs"]) == 13


def test_corrections_by_hand_stay_with_the_image_that_they_were_made_on(folder, capsys):
    runs = [[row, 2, 6] for row in range(2, 8)]
    corrected = Recipe(
        ("w0",),
        (
            Step("nuclei", "voronoi_otsu_labeling", {"image": "w0"}, {"spot_sigma": 1.0}),
            Step("better", "correct_labels", {"labels": "nuclei"}, {"corrections": [{"kind": "draw", "runs": runs}]}),
        ),
        ("better",),
    )
    plain = Recipe(corrected.inputs, corrected.steps[:1], ("nuclei",)).run({"w0": cells(1)})["nuclei"]
    assert (corrected.run({"w0": cells(1)})["better"] != plain).any()
    corrected.save(folder / "corrected.yaml")
    assert run_cli("run", folder / "corrected.yaml", folder / "in" / "w1.tif", "--out", folder / "out") == 0
    np.testing.assert_array_equal(read_image(folder / "out" / "w1_better.tif"), plain)
    assert "Corrections by hand are left out" in capsys.readouterr().err


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_file_that_fails_stops_no_other_and_is_in_the_report(folder, jobs):
    (folder / "in" / "w2.tif").write_bytes(b"no image")
    write_image(folder / "in" / "w3.tif", np.zeros((3, 3, 3, 3, 3), np.uint8))
    result = run_files(RECIPE, [*find_files([folder / "in"]), folder / "gone.tif"], folder / "out", jobs=jobs)
    assert [file.path.name for file in result.failures] == ["w2.tif", "w3.tif", "gone.tif"]
    assert "Cannot read" in result.failures[0].error
    assert result.failures[1].error.startswith("Step 'smooth':")
    assert "4 of 7 files processed, 3 failed" in result.describe()
    with (folder / "out" / REPORT).open(newline="") as file:
        rows = {row["file"].rpartition("/")[2]: row for row in csv.DictReader(file)}
    assert rows["w1.tif"]["status"] == "done"
    assert rows["w1.tif"]["file"] == "in/w1.tif"
    assert rows["w1.tif"]["path"] == str(folder / "in" / "w1.tif")
    assert rows["w1.tif"]["outputs"] == "w1_nuclei.tif; w1_table.csv"
    assert rows["gone.tif"]["status"] == "failed"
    assert "There is no file" in rows["gone.tif"]["error"]
    assert not list((folder / "out").glob("w2*"))


def test_a_run_can_be_cancelled_and_go_on(folder):
    finished = []

    def stop(file):
        finished.append(file)
        if len(finished) == 3:
            raise Cancelled

    files = find_files([folder / "in"])
    with pytest.raises(Cancelled):
        run_files(RECIPE, files, folder / "out", jobs=2, on_file=stop)
    result = run_files(RECIPE, files, folder / "out", resume=True)
    assert sum(bool(file.kept) for file in result.files) >= 3
    run_files(RECIPE, files, folder / "whole")
    assert "table-all.csv" in results_of(folder / "whole")
    assert results_of(folder / "out") == results_of(folder / "whole")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")
def test_a_run_of_200_files_that_is_killed_goes_on_and_ends_equal(tmp_path):
    for number in range(200):
        write_image(tmp_path / "in" / f"w{number:03}.tif", cells(number, (24, 24)))
    RECIPE.save(tmp_path / "recipe.yaml")
    words = ["run", str(tmp_path / "recipe.yaml"), str(tmp_path / "in"), "--jobs", "2", "--out"]
    code = f"import sys; sys.path[:] = {sys.path}; from bioloom.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words, str(tmp_path / "out")], stdout=subprocess.DEVNULL, start_new_session=True
    )
    journal = tmp_path / "out" / "bioloom-files.jsonl"
    deadline = time.monotonic() + 120
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 60):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = len(journal.read_bytes().splitlines())
    assert 60 <= before < 200
    # Its processes end by themselves when nobody reads their answers any more.
    deadline = time.monotonic() + 30
    while True:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        assert time.monotonic() < deadline, "a process was left behind"
        time.sleep(0.05)
    # As if it was killed in the midst of a line, and of a file.
    with journal.open("a") as file:
        file.write('{"input": "')
    (tmp_path / "out" / ".w199_nuclei-abcd1234.tif").write_bytes(b"half")
    (tmp_path / "out" / ".table-all-abcd1234.csv").write_bytes(b"half")

    assert run_cli(*words, tmp_path / "out", "--resume") == 0
    with (tmp_path / "out" / REPORT).open(newline="") as file:
        states = [row["status"] for row in csv.DictReader(file)]
    assert len(states) == 200
    assert states.count("kept") >= before - 1
    assert states.count("done") == 200 - states.count("kept") > 0
    run_files(RECIPE, find_files([tmp_path / "in"]), tmp_path / "whole")
    assert results_of(tmp_path / "out") == results_of(tmp_path / "whole")
    assert load_table(tmp_path / "out" / "table-all.csv")["file"].nunique() == 200
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.skipif(not hasattr(os, "kill"), reason="signals of POSIX systems")
def test_a_process_that_dies_takes_only_its_file_with_it(folder, monkeypatch):
    (folder / "site").mkdir()
    # Stands for a crash in a library: the process ends in the midst of one file.
    (folder / "site" / "crashing.py").write_text(
        "import os, bioloom.recipe._one_file as m\nfrom bioloom.errors import tell_doubt\n"
        "work = m.process_file\n"
        "def process_file(recipe, path, *rest):\n"
        "    if path.name == 'w3.tif': os.kill(os.getpid(), 9)\n"
        "    if path.name == 'w2.tif': tell_doubt('Rather dark.')\n"
        "    return work(recipe, path, *rest)\n"
        "m.process_file = process_file\n"
    )
    from bioloom.recipe import _pool

    start = subprocess.Popen

    def crashing(command, **options):
        command[2] = command[2].replace(
            "; from bioloom", f"; sys.path.append({str(folder / 'site')!r}); import crashing; from bioloom"
        )
        return start(command, **options)

    monkeypatch.setattr(_pool.subprocess, "Popen", crashing)
    result = run_files(RECIPE, find_files([folder / "in"]), folder / "out", jobs=2)
    assert [file.path.name for file in result.failures] == ["w3.tif"]
    assert "process that computed it ended" in result.failures[0].error
    assert len(result.outputs) == 10
    assert [(file.path.name, file.note) for file in result.doubtful] == [("w2.tif", "Rather dark.")]
    assert result.describe().splitlines()[0] == "5 of 6 files processed, 1 failed, 1 doubtful"
    assert result.describe().endswith("w2.tif: Rather dark.")


# ------------------------------------------------------------------------------------------------ resume
def states(result):
    return "".join("f" if file.error else "k" if file.kept else "d" for file in result.files)


def test_only_what_would_be_the_same_is_kept(folder, tmp_path):
    files = find_files([folder / "in"])
    run = lambda recipe=RECIPE, **options: states(run_files(recipe, files, folder / "out", resume=True, **options))  # noqa: E731
    assert run() == "dddddd"
    assert run() == "kkkkkk"
    assert run(dataclasses.replace(RECIPE, name="Other", description="…")) == "kkkkkk"
    (folder / "out" / "w1_table.csv").unlink()
    (folder / "out" / "w4_nuclei.tif").write_bytes(b"")
    assert run() == "kdkkdk"
    write_image(folder / "in" / "w0.tif", cells(77))
    assert run() == "dkkkkk"
    steps = (dataclasses.replace(RECIPE.steps[0], settings={"sigma": 2.0}), *RECIPE.steps[1:])
    assert run(dataclasses.replace(RECIPE, steps=steps)) == "dddddd"
    assert run(spacing=(0.5, 0.5)) == "dddddd"
    assert states(run_files(RECIPE, files, folder / "out")) == "dddddd"


def test_another_classifier_under_the_same_name_is_another_recipe(folder):
    from bioloom.classify import PixelClassifier

    image = cells()
    recipe = Recipe(
        ("image",), (Step("c", "classify_pixels", {"image": "image"}, {"classifier": str(folder / "p.cl")}),), ("c",)
    )
    files = find_files([folder / "in"])[:2]
    for seed, expected in ((0, "dd"), (0, "kk"), (1, "dd")):
        classifier = PixelClassifier("original gaussian_blur=1", n_trees=3, seed=seed)
        classifier.fit(image, 1 + (image > np.median(image)))
        classifier.save(folder / "p.cl")
        assert states(run_files(recipe, files, folder / "out", resume=True)) == expected


# ------------------------------------------------------------------------------------------------ one table of all
@pytest.mark.parametrize("suffix", ["csv", "parquet", pytest.param("h5ad", marks=pytest.mark.filterwarnings("ignore"))])
def test_one_table_holds_the_rows_of_all_images(tmp_path, suffix):
    pytest.importorskip({"csv": "pandas", "parquet": "pyarrow", "h5ad": "anndata"}[suffix])
    # A time series, an image without objects, and one that cannot be read.
    write_image(tmp_path / "in" / "b.tif", np.stack([cells(1), cells(2)]), axes="TYX")
    write_image(tmp_path / "in" / "day2" / "a.tif", cells(3))
    write_image(tmp_path / "in" / "empty.tif", np.zeros((12, 12), np.uint16))
    (tmp_path / "in" / "broken.tif").write_bytes(b"")
    files = [tmp_path / "in" / name for name in ("b.tif", "broken.tif", "empty.tif", "day2/a.tif")]
    out = tmp_path / "out"
    result = run_files(RECIPE, files, out, table_format=suffix)
    assert [file.path.name for file in result.failures] == ["broken.tif"]
    assert result.tables == (out / f"table-all.{suffix}",)
    assert result.tables[0].name in json.loads((out / "bioloom-run.json").read_text())["outputs"]
    table = load_table(result.tables[0])
    assert list(table.columns) == ["file", "frame", "label", "area", "intensity_mean"]
    series, single = load_table(out / f"b_table.{suffix}"), load_table(out / f"a_table.{suffix}")
    assert table["file"].tolist() == ["b.tif"] * len(series) + ["day2/a.tif"] * len(single)
    assert table["label"].tolist() == [*series["label"], *single["label"]]
    assert table["area"].tolist() == [*series["area"], *single["area"]]
    assert table["frame"][: len(series)].tolist() == series["frame"].tolist()
    assert table["frame"][len(series) :].isna().all()
    if suffix == "csv":
        assert (out / "table-all.csv").read_text().splitlines()[1].startswith("b.tif,0,1,")
    else:
        assert table["frame"].dtype == "Int64"
        assert table["label"].dtype.kind in "iu"
    if suffix == "h5ad":
        import anndata

        names = anndata.read_h5ad(result.tables[0]).obs_names
        assert names.is_unique
        assert names[0] == "b.tif-0-1"
    assert sum(path.name.startswith("table-all") for path in out.iterdir()) == 1


def test_the_table_of_all_images_is_that_of_the_last_run_and_of_no_run_that_was_stopped(folder):
    # The table of in.tif is called in_table.csv, as another output is.
    recipe = dataclasses.replace(
        RECIPE,
        steps=(*RECIPE.steps, dataclasses.replace(RECIPE.steps[2], id="in_table")),
        outputs=("table", "in_table"),
    )
    write_image(folder / "in" / "in.tif", cells(9))
    files = find_files([folder / "in"])
    result = run_files(recipe, files, folder / "out")
    assert [path.name for path in result.tables] == ["table-all.csv", "in_table-all.csv"]
    assert len({path.name for path in (*result.outputs, *result.tables)}) == 2 * 7 + 2
    before = load_table(folder / "out" / "table-all.csv")
    assert before["file"].unique().tolist() == [path.name for path in files]

    def stop(file):
        raise Cancelled

    with pytest.raises(Cancelled):
        run_files(recipe, files[:2], folder / "out", on_file=stop)
    assert not (folder / "out" / "table-all.csv").exists()
    result = run_files(recipe, files[2:0:-1], folder / "out", resume=True)
    assert load_table(result.tables[0])["file"].unique().tolist() == [files[2].name, files[1].name]
    (folder / "gone").mkdir()
    assert run_files(recipe, [folder / "gone" / "x.tif"], folder / "out").tables == ()
    assert not (folder / "out" / "table-all.csv").exists()


def test_a_table_of_all_images_that_cannot_be_replaced_is_told_of_before_anything_is_computed(folder):
    (folder / "out" / "table-all.csv").mkdir(parents=True)
    with pytest.raises(InputError, match=r"Cannot replace .*table-all\.csv"):
        run_files(RECIPE, find_files([folder / "in"]), folder / "out")
    assert os.listdir(folder / "out") == ["table-all.csv"]


# ------------------------------------------------------------------------------------------------ what files tell
def test_pixel_sizes_of_files_are_used_and_told(tmp_path):
    recipe = dataclasses.replace(BLUR, unit="micrometer")
    image = cells()
    write_image(tmp_path / "fine.tif", image, axes="YX", spacing=(0.5, 0.25))
    write_image(tmp_path / "nano.tif", image, axes="YX", spacing=(500, 250), unit="nanometer")
    write_image(tmp_path / "zarr.zarr", image, axes="YX", spacing=(0.5, 0.25))
    tifffile.imwrite(
        tmp_path / "imagej.tif", image, imagej=True, resolution=(4, 2), metadata={"unit": "um", "axes": "YX"}
    )
    write_image(tmp_path / "unknown.tif", image)
    result = run_files(recipe, find_files([tmp_path]), tmp_path / "out")
    assert [f.path.name for f in result.failures] == ["unknown.tif"]
    assert "does not tell the size of its pixels" in result.failures[0].error
    expected = recipe.run({"image": image}, spacing=(0.5, 0.25))["smooth"]
    for stem in ("fine", "nano", "zarr", "imagej"):
        file = open_image(tmp_path / "out" / f"{stem}_smooth.tif")
        np.testing.assert_allclose(file.pixels, expected, rtol=1e-5)
        assert file.axes == "YX"
        assert file.spacing() == pytest.approx((0.5, 0.25))
    result = run_files(recipe, [tmp_path / "unknown.tif"], tmp_path / "out", spacing=(0.5, 0.25))
    np.testing.assert_allclose(read_image(result.outputs[0]), expected, rtol=1e-5)


def test_a_recipe_in_pixels_counts_in_the_finest_side_of_a_pixel(tmp_path, monkeypatch):
    stack = np.random.default_rng(0).integers(0, 999, (6, 20, 24)).astype(np.uint16)
    write_image(tmp_path / "ome.ome.tif", stack, axes="ZYX", spacing=(2, 0.5, 0.5))
    write_image(tmp_path / "zarr.zarr", stack, axes="ZYX", spacing=(2, 0.5, 0.5))
    tifffile.imwrite(
        tmp_path / "imagej.tif", stack, imagej=True, resolution=(2, 2),
        metadata={"unit": "um", "spacing": 2.0, "axes": "ZYX"},
    )  # fmt: skip
    write_image(tmp_path / "unknown.tif", stack)
    files = find_files([tmp_path])
    deep = BLUR.run({"image": stack}, spacing=(4, 1, 1))["smooth"]
    even = BLUR.run({"image": stack})["smooth"]
    result = run_files(BLUR, files, tmp_path / "out")
    assert not result.failures
    for file in result.files:
        (output,) = file.outputs
        unknown = file.path.name == "unknown.tif"
        np.testing.assert_allclose(read_image(output), even if unknown else deep, rtol=1e-5)
        assert open_image(output).spacing() == (None if unknown else pytest.approx((2, 0.5, 0.5)))
    for output in run_files(BLUR, files, tmp_path / "forced", spacing=(1, 1, 1)).outputs:
        np.testing.assert_allclose(read_image(output), even, rtol=1e-5)
    # What a file calls depth may be time.
    (output,) = run_files(BLUR, [tmp_path / "imagej.tif"], tmp_path / "time", frame_axis=0).outputs
    np.testing.assert_allclose(read_image(output)[3], BLUR.run({"image": stack[3]})["smooth"], rtol=1e-5)
    # A script does the same.
    script = {"__name__": "script", "__doc__": ""}
    exec(BLUR.to_script({"image": tmp_path / "ome.ome.tif"}, out=tmp_path), script)
    monkeypatch.setattr("sys.argv", ["script.py"])
    script["main"]()
    np.testing.assert_allclose(read_image(tmp_path / "smooth.tif"), deep, rtol=1e-5)


def test_time_is_found_and_sizes_follow_a_projection(tmp_path):
    rng = np.random.default_rng(0)
    series = rng.integers(0, 99, (2, 3, 12, 14)).astype(np.uint16)
    write_image(tmp_path / "a.ome.tif", series, axes="TZYX", spacing=(2, 0.5, 0.25))
    recipe = Recipe(("image",), (Step("flat", "maximum_projection", {"image": "image"}),), ("flat",))
    for number, suffix in enumerate(("tif", "zarr")):
        result = run_files(recipe, [tmp_path / "a.ome.tif"], tmp_path / f"out{number}", file_format=suffix)
        file = open_image(result.outputs[0])
        np.testing.assert_array_equal(file.pixels, series.max(1))
        assert file.axes == "TYX"
        assert file.spacing() == (0.5, 0.25)


def test_colours_are_not_taken_for_depth(tmp_path):
    colours = np.stack([cells()] * 3, -1).astype(np.uint8)
    tifffile.imwrite(tmp_path / "rgb.tif", colours, photometric="rgb")
    tifffile.imwrite(tmp_path / "grey.tif", colours, photometric="minisblack")
    first, second = run_files(BLUR, find_files([tmp_path]), tmp_path / "out").files
    assert "seems to be a colour image" in first.error
    assert "has 3 channels" in second.error
    result = run_files(BLUR, [tmp_path / "rgb.tif"], tmp_path / "out", inputs={"image": "#1"})
    expected = BLUR.run({"image": colours[..., 1]})["smooth"]
    np.testing.assert_array_equal(read_image(result.outputs[0]), expected)


def test_channels_and_companions(tmp_path):
    rng = np.random.default_rng(0)
    both = rng.random((2, 12, 14)).astype(np.float32)
    recipe = Recipe(("a", "b"), (Step("sum", "subtract", {"image": "a", "other": "b"}),), ("sum",))
    write_image(tmp_path / "in" / "x.tif", both, axes="CYX")
    write_image(tmp_path / "in" / "plain.npy.tif", both)
    write_image(tmp_path / "more" / "x_b.tif", both[1])

    def run(name="x.tif", **options):
        result = run_files(recipe, [tmp_path / "in" / name], tmp_path / "out", **options)
        if result.failures:
            raise InputError(result.failures[0].error)
        return read_image(result.outputs[0])

    np.testing.assert_allclose(run(), both[0] - both[1], rtol=1e-6)
    np.testing.assert_allclose(run(inputs={"a": "#1", "b": "#0"}), both[1] - both[0], rtol=1e-6)
    write_image(tmp_path / "in" / "y.tif", both[0])
    write_image(tmp_path / "more" / "y_b.tif", both[1])
    np.testing.assert_allclose(
        run("y.tif", inputs={"b": tmp_path / "more" / "{stem}_b.tif"}), both[0] - both[1], rtol=1e-6
    )
    np.testing.assert_allclose(run("plain.npy.tif", channel_axis=0), both[0] - both[1], rtol=1e-6)
    with pytest.raises(InputError, match=r"Say where b come from: --input b=PATTERN"):
        run("y.tif")
    with pytest.raises(InputError, match="the channels are #0 to #1"):
        run(inputs={"a": "#0", "b": "#2"})
    with pytest.raises(InputError, match="has no input 'c'"):
        run(inputs={"c": "#0"})
    result = run_files(BLUR, [tmp_path / "in" / "x.tif"], tmp_path / "out")
    assert "2 channels" in result.failures[0].error
    assert "--input image=#0" in result.failures[0].error


@pytest.mark.parametrize("suffix", ["tif", "zarr", "png"])
def test_all_formats_go_in_and_out(tmp_path, suffix):
    image = cells().astype(np.uint16)
    write_image(tmp_path / f"a.{suffix}", image)
    recipe = Recipe(("image",), (Step("big", "maximum_filter", {"image": "image"}, {}),), ("big",))
    files = find_files([tmp_path]) if suffix == "zarr" else [tmp_path / f"a.{suffix}"]
    result = run_files(recipe, files, tmp_path / "out", file_format=suffix)
    assert result.failures == []
    assert result.outputs == [tmp_path / "out" / f"a_big.{suffix}"]
    np.testing.assert_array_equal(read_image(result.outputs[0]), recipe.run({"image": image})["big"])
    assert states(run_files(recipe, files, tmp_path / "out", file_format=suffix, resume=True)) == "k"


def test_a_surface_is_written_too(tmp_path):
    labels = np.zeros((8, 12, 12), np.uint8)
    labels[2:6, 3:9, 3:9] = 1
    write_image(tmp_path / "a.tif", labels)
    recipe = Recipe(("labels",), (Step("mesh", "labels_to_surface", {"labels": "labels"}),), ("mesh",))
    result = run_files(recipe, [tmp_path / "a.tif"], tmp_path / "out")
    assert result.failures == []
    assert (tmp_path / "out" / "a_mesh.ply").read_bytes().startswith(b"ply")


# ------------------------------------------------------------------------------------------------ blocks
def test_blocks_give_the_same_pixels(tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 999, (600, 1100)).astype(np.uint16)
    write_image(tmp_path / "a.zarr", image, axes="YX", spacing=(0.5, 0.5))
    write_image(tmp_path / "b.tif", image, axes="YX", spacing=(0.5, 0.5))
    recipe = Recipe(
        ("image",),
        (
            Step("flat", "top_hat", {"image": "image"}, {"radius": 3}),
            Step("smooth", "gaussian_blur", {"image": "flat"}, {"sigma": 2}),
            Step("mask", "greater", {"image": "smooth"}, {"constant": 300}),
        ),
        ("smooth", "mask"),
        unit="micrometer",
    )
    expected = recipe.run({"image": image}, spacing=(0.5, 0.5))
    result = run_files(recipe, [tmp_path / "a.zarr", tmp_path / "b.tif"], tmp_path / "out", blocks=True)
    assert result.failures == []
    for stem in "ab":
        file = open_image(tmp_path / "out" / f"{stem}_smooth.zarr")
        np.testing.assert_allclose(file.pixels, expected["smooth"], rtol=1e-5)
        assert file.spacing() == (0.5, 0.5)
        np.testing.assert_array_equal(read_image(tmp_path / "out" / f"{stem}_mask.zarr"), expected["mask"])


def _takes_one_image(operation):
    required = [p.name for p in operation.parameters.values() if p.required]
    return operation.gives_pixels and required == ["image"]


def test_a_step_that_needs_the_whole_image_is_refused_with_blocks(tmp_path):
    write_image(tmp_path / "a.tif", cells())
    whole = next(o.name for o in CATALOGUE.values() if not o.works_on_blocks and _takes_one_image(o))
    recipe = Recipe(("image",), (Step("made", whole, {"image": "image"}),), ("made",))
    result = run_files(recipe, [tmp_path / "a.tif"], tmp_path / "out", blocks=True)
    assert f"Step 'made': {whole} needs the whole image at once" in result.failures[0].error


def test_a_time_series_in_blocks(tmp_path):
    series = np.stack([cells(1), cells(2)])
    write_image(tmp_path / "a.zarr", series, axes="TYX")
    result = run_files(BLUR, [tmp_path / "a.zarr"], tmp_path / "out", blocks=True)
    assert result.failures == []
    np.testing.assert_allclose(
        read_image(result.outputs[0]), BLUR.run({"image": series}, frame_axis=0)["smooth"], rtol=1e-5
    )


# ------------------------------------------------------------------------------------------------ refusals
def test_a_run_that_cannot_go_well_does_not_begin(folder):
    files = find_files([folder / "in"])
    for message, options in (
        ("format is 'jpg'", {"file_format": "jpg"}),
        ("number of jobs is 0", {"jobs": 0}),
    ):
        with pytest.raises(InputError, match=message):
            run_files(RECIPE, files, folder / "out", **options)
    with pytest.raises(InputError, match="No input file"):
        run_files(RECIPE, [], folder / "out")
    with pytest.raises(InputError, match="among the images"):
        run_files(RECIPE, files, folder / "in")
    write_image(folder / "more" / "w0.tif", cells())
    with pytest.raises(InputError, match="would both give"):
        run_files(RECIPE, [*files, folder / "more" / "w0.tif"], folder / "out")
    assert sorted(os.listdir(folder)) == ["in", "more"]


# ------------------------------------------------------------------------------------------------ command line
def test_the_command_line_runs_checks_and_exports(folder, capsys):
    RECIPE.save(folder / "recipe.yaml")
    assert (
        run_cli("run", folder / "recipe.yaml", folder / "in" / "w[01].tif", "--out", folder / "out", "--jobs", 1) == 0
    )
    printed = capsys.readouterr().out
    assert "2 of 2 files processed" in printed
    assert f"The table of all images is {folder / 'out' / 'table-all.csv'}" in printed
    np.testing.assert_array_equal(
        read_image(folder / "out" / "w1_nuclei.tif"), RECIPE.run({"image": cells(1)})["nuclei"]
    )
    (folder / "in" / "w0.tif").write_bytes(b"")
    assert run_cli("run", folder / "recipe.yaml", folder / "in" / "w[01].tif", "--out", folder / "out", "--resume") == 2
    printed = capsys.readouterr()
    assert "1 had results already" in printed.out
    assert "w0.tif" in printed.err

    assert run_cli("recipe", "check", folder / "recipe.yaml") == 0
    assert "voronoi_otsu_labeling" in capsys.readouterr().out
    assert run_cli("recipe", "script", folder / "recipe.yaml", "--out", folder / "r.py", "--input", "image=x.tif") == 0
    compile((folder / "r.py").read_text(), "r.py", "exec")
    capsys.readouterr()
    assert run_cli("recipe", "notebook", folder / "recipe.yaml") == 0
    assert json.loads(capsys.readouterr().out)["nbformat"] == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["recipe"], "check, script or notebook"),
        (["recipe", "check", "gone.yaml"], "There is no recipe gone.yaml"),
        (["run", "gone.yaml", "a.tif", "--out", "out"], "There is no recipe gone.yaml"),
        (["run", "r.yaml", "a.tif", "--out", "out", "--input", "image"], "Give NAME=SOURCE"),
        (["run", "r.yaml", "a.tif", "--out", "out", "--spacing", "1,x"], "The spacing is '1,x'"),
        (["recipe", "script", "r.yaml", "--input", "x=1"], "no input 'x'"),
        (["recipe", "script", "r.yaml", "--out", "r.txt"], "ending in .py"),
        (["recipe", "check", "bad.yaml"], "bad.yaml: Step 's': There is no operation 'x'"),
    ],
)
def test_the_command_line_says_what_is_wrong_in_one_line(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    RECIPE.save("r.yaml")
    (tmp_path / "bad.yaml").write_text("inputs: [a]\nsteps: [{id: s, operation: x, inputs: {image: a}}]\noutputs: [s]")
    assert run_cli(*words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
