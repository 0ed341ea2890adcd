"""The simulated samples are what they claim: their ground truth is what other tests are judged by."""

import sys

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from skimage import data, feature, filters, measure, metrics, segmentation

from bioloom import samples
from bioloom.errors import InputError

STILLS = ["nuclei_2d", "nuclei_3d", "nuclei_two_channels"]


@pytest.fixture(scope="module")
def made():
    return {name: samples.make_sample(name) for name in samples.SAMPLES}


def neighbours(labels):
    """Pairs of different labels that share a side."""
    pairs = set()
    for axis in range(labels.ndim):
        a = np.moveaxis(labels, axis, 0)[:-1].ravel()
        b = np.moveaxis(labels, axis, 0)[1:].ravel()
        step = (a != b) & (a > 0) & (b > 0)
        pairs |= set(zip(np.minimum(a, b)[step].tolist(), np.maximum(a, b)[step].tolist(), strict=True))
    return pairs


def frames_of(sample):
    return list(sample.labels) if sample.frame_axis == 0 else [sample.labels]


def accuracy_of_best_threshold(values, is_type_2):
    return max(np.mean((values > t) == is_type_2) for t in values)


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_a_sample_describes_itself(made, name):
    sample = made[name]
    assert sample.name == name
    assert sample.image.dtype == np.uint16
    assert sample.labels.dtype == np.uint32
    assert len(sample.axes) == len(sample.spacing) == len(sample.units) == sample.image.ndim
    keep = [i for i, axis in enumerate(sample.axes) if axis != "c"]
    assert sample.labels.shape == tuple(sample.image.shape[i] for i in keep)
    for axis, unit, step in zip(sample.axes, sample.units, sample.spacing, strict=True):
        assert unit == {"t": "second", "c": "pixel"}.get(axis, "micrometer")
        assert step > 0
        if axis in "tc":
            assert step == 1
    assert len(sample.spatial_spacing) == sum(axis in "zyx" for axis in sample.axes)


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_a_seed_fixes_the_sample_and_another_changes_it(made, name):
    again, other = samples.make_sample(name), samples.make_sample(name, seed=1)
    np.testing.assert_array_equal(again.image, made[name].image)
    np.testing.assert_array_equal(again.labels, made[name].labels)
    pd.testing.assert_frame_equal(again.cell_types, made[name].cell_types)
    assert (other.image != made[name].image).mean() > 0.5
    assert other.seed == 1


@pytest.mark.parametrize("name", samples.SAMPLES)
@pytest.mark.parametrize("seed", [0, 3])
def test_labels_are_consecutive_and_each_is_one_region(name, seed):
    sample = samples.make_sample(name, seed)
    found = np.unique(sample.labels)
    np.testing.assert_array_equal(found, np.arange(len(found)))
    for frame in frames_of(sample):
        for label, box in enumerate(ndimage.find_objects(frame.astype(int)), start=1):
            if box is not None:
                assert ndimage.label(frame[box] == label)[1] == 1, label


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_the_table_lists_exactly_the_nuclei_in_the_labels(made, name):
    sample = made[name]
    table = sample.cell_types
    assert set(table["cell_type"]) == {1, 2}
    for index, frame in enumerate(frames_of(sample)):
        rows = table[table["frame"] == index] if "frame" in table else table
        assert sorted(rows["label"]) == np.unique(frame)[1:].tolist()
    per_label = table.groupby("label")["cell_type"].nunique()
    assert (per_label == 1).all()


def test_the_number_of_nuclei_is_the_one_asked_for():
    assert samples.nuclei_2d((200, 300), 17).labels.max() == 17
    assert samples.nuclei_3d((12, 96, 96), 5).labels.max() == 5
    assert samples.nuclei_two_channels((2, 128, 128), 6).labels.max() == 6
    assert samples.nuclei_2d((64, 64), 1).labels.max() == 1
    assert samples.nuclei_timelapse((3, 64, 64), 1).labels.max() == 1


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_a_real_share_of_nuclei_touch_but_not_all(made, name):
    frame = frames_of(made[name])[0]
    touching = {label for pair in neighbours(frame) for label in pair}
    share = len(touching) / (len(np.unique(frame)) - 1)
    assert 0.25 < share < 0.9


@pytest.mark.parametrize("seed", range(4))
def test_types_differ_in_shape_texture_and_brightness(seed):
    sample = samples.nuclei_2d(seed=seed)
    measured = measure.regionprops_table(
        sample.labels.astype(int), sample.image, properties=("eccentricity", "intensity_mean", "intensity_std")
    )
    is_type_2 = sample.cell_types["cell_type"].to_numpy() == 2
    assert 0.3 < is_type_2.mean() < 0.5
    assert accuracy_of_best_threshold(measured["eccentricity"], is_type_2) > 0.9
    assert accuracy_of_best_threshold(measured["intensity_std"], is_type_2) > 0.9
    # Uneven illumination and the spread of brightness make the mean alone a weaker, but real, sign.
    assert accuracy_of_best_threshold(measured["intensity_mean"], is_type_2) > 0.8


def test_true_size_and_brightness_are_those_of_the_image():
    sample = samples.nuclei_2d((1024, 1024), 300, seed=2)
    measured = measure.regionprops_table(sample.labels.astype(int), sample.image, properties=("area", "intensity_mean"))
    table = sample.cell_types
    radius = np.sqrt(measured["area"] / np.pi)
    assert np.corrcoef(radius, table["size"])[0, 1] > 0.8
    assert np.corrcoef(measured["intensity_mean"], table["brightness"])[0, 1] > 0.7
    assert np.median(radius) * sample.spacing[0] == pytest.approx(5.5, rel=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_most_nuclei_are_found_by_voronoi_otsu_labelling(seed):
    sample = samples.nuclei_2d(seed=seed)
    smooth = ndimage.gaussian_filter(sample.image.astype(float), 5)
    outline = ndimage.gaussian_filter(sample.image.astype(float), 1)
    mask = outline > filters.threshold_otsu(outline)
    peaks = feature.peak_local_max(smooth, exclude_border=False, labels=mask.astype(int))
    seeds = np.zeros(mask.shape, int)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    found = segmentation.watershed(-smooth, seeds, mask=mask)
    overlap = np.asarray(metrics.contingency_table(sample.labels.astype(int), found).todense())
    union = overlap.sum(1, keepdims=True) + overlap.sum(0, keepdims=True) - overlap
    hits = int(((overlap / union)[1:, 1:] > 0.5).sum())
    assert 0.7 * 120 < hits < 120


def test_the_image_has_a_background_blur_and_noise(made):
    sample = made["nuclei_2d"]
    image = sample.image.astype(float)
    far = ndimage.distance_transform_edt(sample.labels == 0) > 20
    inside = ndimage.minimum_filter(sample.labels > 0, 5)
    assert image[far].std() > 5
    assert np.median(image[inside]) > 3 * np.median(image[far])
    # Blur: just outside a nucleus it is brighter than far from it.
    rim = ndimage.binary_dilation(sample.labels > 0) & (sample.labels == 0)
    assert np.median(image[rim]) > 1.3 * np.median(image[far])
    # Uneven illumination: the background of the darkest tile is well below that of the brightest.
    tiles = [
        image[y : y + 128, x : x + 128][far[y : y + 128, x : x + 128]]
        for y in range(0, 512, 128)
        for x in range(0, 512, 128)
    ]
    levels = [np.median(tile) - 100 for tile in tiles if tile.size > 500]
    assert min(levels) < 0.85 * max(levels)


def test_labels_keep_their_cell_over_time_and_divisions_make_new_ones(made):
    sample = made["nuclei_timelapse"]
    parents = sample.parents.set_index("label")["parent"]
    assert parents.index.tolist() == list(range(1, int(sample.labels.max()) + 1))
    assert (parents[:28] == 0).all()
    daughters = parents[parents > 0]
    assert daughters.value_counts().eq(2).all()
    assert daughters.nunique() == 4
    seen = sample.cell_types.groupby("label")["frame"].agg(["min", "max", "count"])
    assert (seen["count"] == seen["max"] - seen["min"] + 1).all()
    types = sample.cell_types.drop_duplicates("label").set_index("label")["cell_type"]
    for daughter, mother in daughters.items():
        assert seen.loc[mother, "max"] + 1 == seen.loc[daughter, "min"]
        assert types[daughter] == types[mother]
    undivided = seen[~seen.index.isin(daughters)]
    assert (undivided["max"] == len(sample.image) - 1).all()


@pytest.mark.parametrize("seed", range(3))
def test_cells_move_but_overlap_with_themselves_from_frame_to_frame(seed):
    sample = samples.nuclei_timelapse(seed=seed)
    parents = sample.parents.set_index("label")["parent"]
    for before, after in zip(sample.labels[:-1], sample.labels[1:], strict=True):
        assert (before != after).any()
        for label in np.setdiff1d(np.unique(after), [0]):
            now = after == label
            if (before == label).any():
                assert (now & (before == label)).sum() > 0.4 * now.sum(), label
            else:
                assert (now & (before == parents[label])).any(), label


def test_divisions_can_be_chosen():
    none = samples.nuclei_timelapse((4, 128, 128), 6, n_divisions=0)
    assert (none.parents["parent"] == 0).all()
    every = samples.nuclei_timelapse((4, 128, 128), 4, n_divisions=4)
    assert sorted(every.parents["parent"]) == [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_the_stack_is_anisotropic_and_blurred_along_z():
    sample = samples.nuclei_3d((24, 96, 96), 3, seed=4)
    assert sample.spacing == (0.9, 0.3, 0.3)
    # In physical units nuclei are about as thick as wide, in pixels much flatter.
    extents = np.array(
        [[s.stop - s.start for s in box] for box in ndimage.find_objects(sample.labels.astype(int)) if box]
    )
    assert np.median(extents[:, 0] / extents[:, 2]) < 0.5
    assert 0.4 < np.median(extents[:, 0] * 0.9 / (extents[:, 2] * 0.3)) < 1.5
    volume = np.bincount(sample.labels.ravel())[1:] * np.prod(sample.spacing)
    # A sphere of the mean radius of 4.2 micrometer has 310 cubic micrometer; nuclei are flat and may be cut.
    assert 100 < np.median(volume) < 500


def test_only_type_2_expresses_the_marker(made):
    sample = made["nuclei_two_channels"]
    ring = segmentation.expand_labels(sample.labels.astype(int), 6)
    ring[sample.labels > 0] = 0
    present = np.unique(ring)[1:]
    marker = ndimage.mean(sample.image[1], ring, present)
    types = sample.cell_types.set_index("label")["cell_type"][present].to_numpy()
    assert accuracy_of_best_threshold(marker, types == 2) > 0.9
    assert np.median(marker[types == 2]) > 2 * np.median(marker[types == 1])


@pytest.mark.parametrize("name", ["nuclei_2d", "nuclei_3d", "nuclei_timelapse"])
@pytest.mark.parametrize("n_pixels", [2, 101, 400])
def test_strokes_have_the_asked_size_and_the_right_classes(made, name, n_pixels):
    labels = made[name].labels
    drawn = samples.strokes(labels, n_pixels=n_pixels, seed=2)
    assert drawn.dtype == np.uint8
    assert drawn.shape == labels.shape
    assert np.bincount(drawn.ravel(), minlength=3)[1:].tolist() == [n_pixels // 2, n_pixels - n_pixels // 2]
    assert (labels[drawn == 2] > 0).all()
    # Background is drawn on background, or where an object touches another one.
    stack, marks = (labels, drawn) if labels.ndim == 3 else (labels[None], drawn[None])
    cross = ndimage.generate_binary_structure(2, 1)[None]
    largest = ndimage.maximum_filter(stack, footprint=cross)
    smallest = ndimage.minimum_filter(np.where(stack == 0, np.uint32(2**32 - 1), stack), footprint=cross)
    in_objects = (marks == 1) & (stack > 0)
    assert (largest[in_objects] != smallest[in_objects]).all()
    assert 0 < in_objects.sum() <= max(n_pixels // 8, 1)


def test_strokes_are_connected_lines_in_few_planes(made):
    drawn = samples.strokes(made["nuclei_2d"].labels, seed=1)
    sizes = np.bincount(ndimage.label(drawn > 0, np.ones((3, 3)))[0].ravel())[1:]
    assert np.median(sizes) > 8
    stack = samples.strokes(made["nuclei_3d"].labels, seed=1)
    assert 1 <= (stack > 0).any(axis=(1, 2)).sum() <= 5


def test_strokes_follow_the_seed_and_leave_the_labels_alone(made):
    labels = made["nuclei_2d"].labels.copy()
    first, again, other = (samples.strokes(labels, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    np.testing.assert_array_equal(labels, made["nuclei_2d"].labels)


def test_strokes_fill_a_tiny_image_and_work_without_touching_objects():
    labels = np.zeros((6, 6), np.int64)
    labels[:3] = 70_000_000
    drawn = samples.strokes(labels, n_pixels=36)
    np.testing.assert_array_equal(drawn, np.where(labels > 0, 2, 1))
    np.testing.assert_array_equal(samples.strokes(labels > 0, n_pixels=36), drawn)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (np.zeros((8, 8)), {}, "integers"),
        (np.zeros(8, int), {}, "2D or 3D"),
        (np.zeros((8, 8), int), {"n_pixels": 4}, "objects"),
        (np.ones((8, 8), int), {"n_pixels": 4}, "background"),
        (np.eye(8, dtype=int), {"n_pixels": 1}, "number of pixels"),
        (np.eye(8, dtype=int), {"n_pixels": 2.5}, "whole number"),
    ],
)
def test_strokes_say_what_is_wrong(labels, options, message):
    with pytest.raises(InputError, match=message):
        samples.strokes(labels, **options)


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_annotated_objects_carry_their_type(made, name):
    sample = made[name]
    annotation = samples.annotate_objects(sample, n_per_type=3, seed=1)
    assert annotation.shape == sample.labels.shape
    assert annotation.dtype == np.uint8
    assert not annotation[sample.labels == 0].any()
    for cell_type in (1, 2):
        chosen = set()
        for index, (marks, frame) in enumerate(
            zip(annotation, sample.labels, strict=True) if sample.frame_axis == 0 else [(annotation, sample.labels)]
        ):
            for label in np.unique(frame[marks == cell_type]):
                assert (marks[frame == label] == cell_type).all()
                chosen.add((index, int(label)))
        assert len(chosen) == 3
        table = sample.cell_types.set_index("label")["cell_type"]
        assert all((table[[label]] == cell_type).all() for _, label in chosen)


def test_more_annotated_objects_than_there_are_is_an_error():
    sample = samples.nuclei_2d((128, 128), 5)
    with pytest.raises(InputError, match="has 3"):
        samples.annotate_objects(sample, n_per_type=4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: samples.make_sample("nuclei_4d"), "nuclei_2d, nuclei_timelapse"),
        (lambda: samples.nuclei_2d((64, 64, 64)), "2 entries"),
        (lambda: samples.nuclei_2d(64), "2 entries"),
        (lambda: samples.nuclei_2d((16, 64)), "along y must be 32"),
        (lambda: samples.nuclei_2d((64, 64.5)), "whole number"),
        (lambda: samples.nuclei_2d((64, 64), 0), "number of nuclei"),
        (lambda: samples.nuclei_2d((64, 64), 500), "do not fit"),
        (lambda: samples.nuclei_2d(seed=-1), "seed"),
        (lambda: samples.nuclei_3d((1, 64, 64)), "along z"),
        (lambda: samples.nuclei_two_channels((3, 64, 64)), "2 channels"),
        (lambda: samples.nuclei_timelapse((1, 64, 64), 3, n_divisions=1), "0 are possible"),
        (lambda: samples.nuclei_timelapse((3, 64, 64), 3, n_divisions=4), "3 are possible"),
    ],
)
def test_bad_input_is_explained(make, message):
    with pytest.raises(InputError, match=message):
        make()


def check_layers(layers):
    for values, options, kind in layers:
        ndim = values.ndim - bool(options.get("rgb"))
        assert kind in ("image", "labels")
        assert len(options["scale"]) == len(options["units"]) == len(options["axis_labels"]) == ndim
        assert isinstance(options["metadata"], dict)
    names = [options["name"] for _, options, _ in layers]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("provider", "axes", "units", "n_images"),
    [
        (samples.open_nuclei_2d, "yx", "mm", 1),
        (samples.open_nuclei_timelapse, "tyx", "smm", 1),
        (samples.open_nuclei_3d, "zyx", "mmm", 1),
        (samples.open_nuclei_two_channels, "yx", "mm", 2),
    ],
)
def test_simulated_samples_open_as_images_with_a_hidden_ground_truth(provider, axes, units, n_images):
    layers = provider()
    check_layers(layers)
    assert [kind for _, _, kind in layers] == ["image"] * n_images + ["labels"]
    assert layers[-1][1]["visible"] is False
    for values, options, _ in layers:
        assert options["axis_labels"] == tuple(axes)
        assert options["units"] == tuple({"m": "micrometer", "s": "second"}[unit] for unit in units)
        assert values.shape == layers[0][0].shape
    if n_images == 2:
        assert len({options["colormap"] for _, options, _ in layers[:2]}) == 2


def test_samples_that_come_with_scikit_image_open():
    cell = samples.open_cell()
    check_layers(cell)
    assert cell[0][1]["scale"] == (0.107, 0.107)
    tissue = samples.open_immunohistochemistry()
    check_layers(tissue)
    assert tissue[0][1]["rgb"] is True


@pytest.mark.parametrize(
    ("provider", "name", "shape", "axes", "n_layers"),
    [
        (samples.open_human_mitosis, "human_mitosis", (32, 33), "yx", 1),
        (samples.open_cells3d, "cells3d", (6, 2, 32, 33), "zyx", 2),
        (samples.open_kidney, "kidney", (6, 32, 33, 3), "zyx", 3),
        (samples.open_protein_transport, "protein_transport", (6, 2, 32, 33), "tyx", 2),
    ],
)
def test_downloaded_samples_are_split_into_channels(monkeypatch, provider, name, shape, axes, n_layers):
    # Stands for the download: same order of axes, channel i has the value i.
    values = np.zeros(shape, np.uint16)
    if n_layers > 1:
        channel = shape.index(n_layers) if n_layers in shape else -1
        values += np.arange(n_layers, dtype=np.uint16).reshape([-1 if i == channel else 1 for i in range(len(shape))])
    monkeypatch.setattr(data, name, lambda: values)
    layers = provider()
    check_layers(layers)
    assert [int(layer.max()) for layer, _, _ in layers] == list(range(n_layers))
    assert all(layer.shape == (6, 32, 33)[-len(axes) :] for layer, _, _ in layers)
    assert all(options["axis_labels"] == tuple(axes) for _, options, _ in layers)
    if name == "cells3d":
        assert layers[0][1]["scale"] == (0.29, 0.26, 0.26)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModuleNotFoundError("requires pooch"), "pip install pooch"),
        (ConnectionError("offline"), "internet connection"),
        (ValueError("hash of downloaded file does not match"), "could not be downloaded"),
    ],
)
def test_a_failed_download_says_what_to_do(monkeypatch, error, message):
    def fail():
        raise error

    monkeypatch.setattr(data, "cells3d", fail)
    with pytest.raises(InputError, match=message):
        samples.open_cells3d()


def test_samples_need_no_napari_or_pandas_to_be_imported():
    import subprocess

    code = (
        "import sys, bioloom.samples; print([m for m in ('napari', 'qtpy', 'pandas', 'skimage') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
