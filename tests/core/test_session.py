"""What the panels ask for: objects classified, operations run or previewed, tables embedded and clustered."""

import time

import numpy as np
import pandas as pd
import pytest

from bioloom import device, operations, samples
from bioloom.errors import Cancelled, InputError
from bioloom.explore import cluster, embed
from bioloom.measure import measure
from bioloom.operations import get_operation
from bioloom.session.exploring import cluster_table, embed_table, plottable
from bioloom.session.image_stack import ImageStack
from bioloom.session.jobs import JobProgress, JobRunner
from bioloom.session.object_session import intensities
from bioloom.session.processing import preview, run_operation
from bioloom.session.worker_process import shared_worker


@pytest.fixture(scope="module")
def series():
    return samples.nuclei_timelapse(shape=(4, 128, 128), n_nuclei=9, seed=1)


@pytest.fixture(scope="module")
def deep():
    return samples.nuclei_3d(shape=(12, 72, 80), n_nuclei=3, seed=1)


# ---------------------------------------------------------------------------------------------------- objects
@pytest.fixture(scope="module")
def nuclei():
    return samples.nuclei_2d(shape=(288, 288), n_nuclei=40, seed=1)


def test_intensities_are_measured_in_none_one_or_several_channels(nuclei):
    assert intensities(None, nuclei.labels) is None
    one = ImageStack((nuclei.image,), ("DNA",), (1.0, 1.0), "pixel", None)
    assert intensities(one, nuclei.labels) is nuclei.image
    two = ImageStack((nuclei.image, nuclei.image + 1), ("DNA", "actin"), (1.0, 1.0), "pixel", None)
    table = measure(nuclei.labels, intensities(two, nuclei.labels), properties=["intensity_mean"])
    np.testing.assert_allclose(table["intensity_mean_actin"], table["intensity_mean_DNA"] + 1)
    with pytest.raises(InputError, match="The labels layer has the shape"):
        intensities(one, nuclei.labels[1:])


# ---------------------------------------------------------------------------------------------------- operations
SETTINGS = {"gaussian_blur": {"sigma": 2.0}, "voronoi_otsu_labeling": {"spot_sigma": 2.0, "outline_sigma": 1.0}}


@pytest.fixture(params=["numpy", pytest.param("opencl", marks=pytest.mark.opencl)])
def engine(request):
    if request.param == "opencl":
        request.getfixturevalue("opencl")
    else:
        device.select("numpy")
    return request.param


def same(result, operation, image, settings, engine):
    """Whether it is what the operation gives on that engine, and close to what it gives anywhere."""
    assert isinstance(result, np.ndarray)
    here = operation(image, **settings)
    there = here if engine == "numpy" else device.pull(operation(device.push(image), **settings))
    np.testing.assert_array_equal(result, there)
    if here.dtype.kind == "f":
        np.testing.assert_allclose(result, here, rtol=1e-3)
        assert (result != here).any() == (engine == "opencl"), "it was not computed on the chosen device"
    else:
        assert ((result > 0) == (here > 0)).mean() > 0.999


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_whole_stack_is_one_image(deep, engine, name):
    steps, operation = [], get_operation(name)
    settings = {**SETTINGS[name], "spacing": deep.spatial_spacing}
    result = run_operation(operation, {"image": deep.image}, settings, progress=lambda *step: steps.append(step))
    same(result, operation, deep.image, settings, engine)
    assert steps[0] == (0, 1)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_time_series_goes_frame_by_frame(series, engine, name):
    steps, operation = [], get_operation(name)
    result = run_operation(
        operation, {"image": series.image}, SETTINGS[name], has_time=True, progress=lambda *step: steps.append(step)
    )
    assert steps[-1] == (4, 4)
    for frame, image in zip(result, series.image, strict=True):
        same(frame, operation, image, SETTINGS[name], engine)


def test_an_array_that_may_be_left_out_may_be_none(series):
    watershed = get_operation("seeded_watershed")
    seeds = np.where(series.image > 1.3 * series.image.mean(), series.labels, 0)
    mask = series.labels > 0
    for arrays in ({"image": series.image, "seeds": seeds, "mask": None}, {"image": series.image, "seeds": seeds}):
        whole = run_operation(watershed, arrays, {"compactness": 0.0}, has_time=True)
        assert whole.all()
        plane = preview(watershed, arrays, {"compactness": 0.0}, (2,), has_time=True)
        np.testing.assert_array_equal(plane.data, whole[2])
    inside = run_operation(watershed, {"image": series.image, "seeds": seeds, "mask": mask}, {}, has_time=True)
    assert not inside[~mask].any()
    with pytest.raises(InputError, match="seeded_watershed needs seeds"):
        run_operation(watershed, {"image": series.image[0], "seeds": None}, {})


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_preview_is_the_plane_in_view_of_the_result(deep, engine, name):
    operation = get_operation(name)
    settings = {**SETTINGS[name], "spacing": (0.9, 0.5, 0.3)}
    shown = preview(operation, {"image": deep.image}, settings, (5,))
    assert shown.exact
    np.testing.assert_allclose(shown.data, operation.compute(deep.image, **settings)[5], rtol=1e-5)
    long = np.stack([deep.image, deep.image[::-1]])
    later = preview(operation, {"image": long}, settings, (1, 5), has_time=True)
    np.testing.assert_allclose(
        later.data, preview(operation, {"image": deep.image[::-1]}, settings, (5,)).data, rtol=1e-5
    )


def test_operations_take_lazy_arrays(series):
    da = pytest.importorskip("dask.array")
    lazy = da.from_array(series.image, chunks=(1, 64, 64))
    blur = get_operation("gaussian_blur")
    result = run_operation(blur, {"image": lazy}, {"sigma": 1.0}, has_time=True)
    assert isinstance(result, np.ndarray)
    np.testing.assert_array_equal(result[3], operations.gaussian_blur(series.image[3], sigma=1.0))
    np.testing.assert_array_equal(preview(blur, {"image": lazy}, {"sigma": 1.0}, (3,), has_time=True).data, result[3])


def test_an_operation_over_time_can_be_cancelled(series):
    def stop(done, total):
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_operation(get_operation("median"), {"image": series.image}, {}, has_time=True, progress=stop)


# ---------------------------------------------------------------------------------------------------- exploring
COLUMNS = ["area", "eccentricity", "intensity_mean", "intensity_std"]


@pytest.fixture(scope="module", autouse=True)
def _worker():
    """Embeddings run in the worker process of the application, which ends with these tests."""
    yield
    shared_worker().close()


@pytest.fixture(scope="module")
def table(nuclei):
    measured = measure(nuclei.labels, nuclei.image, nuclei.spacing, properties=COLUMNS)
    measured.insert(0, "index", measured["label"])
    return measured


def going(steps=None):
    return JobProgress((lambda done, total: None) if steps is None else (lambda *step: steps.append(step)), bool)


def test_columns_to_plot_are_the_numbers_without_napari_s_index(table):
    with_others = table.assign(note="x", flag=True, when=pd.Timestamp(0))
    assert plottable(with_others) == ["label", *table.columns.drop(["index", "label"]), "flag"]


def test_an_embedding_names_its_columns_and_says_what_was_done(table):
    steps = []
    new, names, note, _ = embed_table(table, COLUMNS, "pca", n_neighbors=15, seed=0, progress=going(steps))
    expected = embed(table, COLUMNS, "pca")
    assert list(new.columns) == ["label", *names] == ["label", "PCA-0", "PCA-1"]
    np.testing.assert_array_equal(new["label"], table["label"])
    np.testing.assert_allclose(new[names], expected.coordinates)
    shares = ", ".join(f"{100 * share:.0f} %" for share in expected.explained_variance_ratio)
    assert note == f"PCA of 4 columns, seed 0. Explained variance: {shares}."
    assert steps[-1] == (1, 1)


def test_clusters_are_numbered_and_counted(table):
    new, name, note, _ = cluster_table(table, COLUMNS, n_clusters=3, seed=2, progress=going())
    expected = cluster(table, COLUMNS, n_clusters=3, seed=2)
    assert list(new.columns) == ["label", name] == ["label", "KMEANS_CLUSTER"]
    np.testing.assert_array_equal(new[name], expected.labels)
    counts = np.bincount(new[name])[1:]
    assert note == f"k-means of 4 columns, seed 2: clusters of {', '.join(map(str, counts))} objects."


@pytest.mark.parametrize(("n_missing", "told"), [(1, " 1 object with"), (3, " 3 objects with")])
def test_rows_with_missing_values_are_left_out_and_reported(table, n_missing, told):
    holes = table.copy()
    holes.loc[holes.index[:n_missing], "intensity_mean"] = np.nan
    embedded, names, note, _ = embed_table(holes, COLUMNS, "pca", n_neighbors=15, seed=0, progress=going())
    assert embedded[names[0]].isna().tolist() == [True] * n_missing + [False] * (len(table) - n_missing)
    assert note.endswith(f"{told} missing values left out.")
    clustered, name, note, _ = cluster_table(holes, COLUMNS, n_clusters=2, seed=0, progress=going())
    assert (clustered[name] == 0).tolist() == embedded[names[0]].isna().tolist()
    assert note.endswith(f"{told} missing values left out.")


def test_rows_of_a_time_series_keep_frame_and_label(series):
    measured = measure(series.labels, series.image, frame_axis=0, properties=COLUMNS).sample(frac=1, random_state=3)
    embedded, names, *_ = embed_table(measured, COLUMNS, "pca", n_neighbors=15, seed=0, progress=going())
    assert list(embedded.columns) == ["frame", "label", *names]
    pd.testing.assert_frame_equal(embedded[["frame", "label"]], measured[["frame", "label"]])
    np.testing.assert_allclose(embedded[names], embed(measured, COLUMNS, "pca").coordinates)
    clustered, *_ = cluster_table(measured, COLUMNS, n_clusters=2, seed=0, progress=going())
    pd.testing.assert_frame_equal(clustered[["frame", "label"]], measured[["frame", "label"]])


def test_a_running_embedding_is_cancelled_within_two_seconds(table):
    many = pd.concat([table] * 400, ignore_index=True)
    many[COLUMNS] += np.random.default_rng(0).normal(0, 0.1, (len(many), len(COLUMNS)))
    runner, results, failures = JobRunner(), [], []
    runner.failed.connect(lambda name, error: failures.append(error))
    runner.start(
        "Embedding",
        lambda progress: embed_table(many, COLUMNS, "umap", n_neighbors=15, seed=0, progress=progress),
        results.append,
    )
    deadline = time.monotonic() + 30
    while shared_worker().pid is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(1)
    assert runner.busy
    runner.cancel()
    assert runner.wait(2)
    assert (results, failures) == ([], [])
    # The next computation has a process again.
    runner.start(
        "Embedding",
        lambda progress: embed_table(table, COLUMNS, "pca", n_neighbors=15, seed=0, progress=progress)[1],
        results.append,
    )
    assert runner.wait(30)
    assert (results, failures) == ([["PCA-0", "PCA-1"]], [])


def test_what_keeps_a_table_from_being_explored_is_said(table):
    with pytest.raises(InputError, match="No column is checked"):
        embed_table(table, [], "pca", n_neighbors=15, seed=0, progress=going())
    with pytest.raises(InputError, match="No column is checked"):
        cluster_table(table, [], n_clusters=2, seed=0, progress=going())
    with pytest.raises(InputError, match="no column named 'size'"):
        embed_table(table, ["size"], "pca", n_neighbors=15, seed=0, progress=going())
    with pytest.raises(InputError, match=f"must be 1 to {len(table)}"):
        cluster_table(table, COLUMNS, n_clusters=1000, seed=0, progress=going())
