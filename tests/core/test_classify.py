"""Classifiers learn from strokes and clicks, give the same answer however they are asked, and survive a file."""

import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from skimage import filters

from bioloom import device, samples
from bioloom.classify import ObjectClassifier, PixelClassifier, load_classifier, objects_of_class
from bioloom.classify.feature_blocks import in_threads
from bioloom.classify.forest import find_edges, to_bins
from bioloom.classify.model_file import to_text
from bioloom.classify.objects import annotated_classes
from bioloom.errors import Cancelled, InputError, ModelFileError
from bioloom.measure import measure

APOC = Path(__file__).parents[3] / "shared" / "data" / "apoc"
needs_apoc_files = pytest.mark.skipif(not APOC.is_dir(), reason="the files that APOC wrote are not here")


@pytest.fixture(scope="module")
def nuclei():
    sample = samples.nuclei_2d(shape=(256, 300), n_nuclei=30, seed=1)
    return sample, samples.strokes(sample.labels, n_pixels=300, seed=0)


@pytest.fixture(scope="module")
def trained(nuclei):
    sample, annotation = nuclei
    return PixelClassifier(n_trees=30).fit(sample.image, annotation)


# ------------------------------------------------------------------------------------------------ bins
def test_bins_of_edges():
    edges = find_edges(np.array([3.0, 1.0, np.nan, 2.0, np.inf, 2.0]))
    np.testing.assert_array_equal(edges, [1.5, 2.5])
    np.testing.assert_array_equal(to_bins(np.array([1.0, 1.5, 2.0, 2.5, 9.0, np.nan]), edges), [0, 1, 1, 2, 2, 0])
    assert len(find_edges(np.random.default_rng(0).normal(size=10_000))) == 255
    assert find_edges(np.full(9, 4.0)).size == 0


def test_edges_between_the_largest_numbers_are_finite():
    biggest = np.finfo(np.float32).max
    values = np.array([-biggest, biggest, 0.9 * biggest], np.float32)
    edges = find_edges(values)
    assert np.isfinite(edges).all()
    np.testing.assert_array_equal(to_bins(values, edges), [0, 2, 1])


@pytest.mark.parametrize("edges", [[0, np.inf], [-np.inf, 0, 1], [np.nan], [0, np.nan, 1], [2, 1], [1, 1]])
def test_edges_that_are_not_finite_or_do_not_increase_are_refused(edges):
    with pytest.raises(InputError, match=r"finite.*increase"):
        to_bins(np.arange(4.0), np.array(edges, np.float32))


# ------------------------------------------------------------------------------------------------ pixels
def test_strokes_are_enough_to_find_nuclei(nuclei, trained):
    sample, _ = nuclei
    predicted = trained.predict(sample.image)
    assert predicted.shape == sample.image.shape
    assert set(np.unique(predicted)) == {1, 2}
    truth, found = sample.labels > 0, predicted == 2
    assert (truth & found).sum() / (truth | found).sum() > 0.8
    objects = objects_of_class(predicted, 2)
    assert 10 < objects.max() < 80
    proba = trained.predict_proba(sample.image)
    np.testing.assert_allclose(proba.sum(0), 1, atol=1e-5)
    np.testing.assert_array_equal(trained.classes_[proba.argmax(0)], predicted)
    assert trained.feature_importances_.sum() == pytest.approx(1)
    assert len(trained.feature_names_) == len(trained.feature_importances_)


def test_the_same_seed_gives_the_same_classifier(nuclei):
    sample, annotation = nuclei
    results = [
        PixelClassifier(n_trees=5, seed=s).fit(sample.image, annotation).predict_proba(sample.image) for s in (7, 7, 8)
    ]
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()


def test_class_ids_stay_the_users_own(nuclei):
    sample, annotation = nuclei
    ids = np.array([0, 5, 300])[annotation]
    classifier = PixelClassifier(n_trees=5).fit(sample.image, ids)
    assert classifier.classes_.tolist() == [5, 300]
    assert set(np.unique(classifier.predict(sample.image))) == {5, 300}


def test_bins_kept_between_trainings_change_nothing(nuclei):
    sample, annotation = nuclei
    classifier = PixelClassifier(n_trees=10)
    cached = classifier.feature_blocks(sample.image, None, None, budget=1 << 28)
    fresh = classifier.feature_blocks(sample.image, None, None)
    classifier.fit_blocks([cached], [annotation], edges=cached.edges)
    first = {str(b): v for b, v in classifier.votes_by_block(cached)}
    for source in (cached, fresh):
        for block, votes in classifier.votes_by_block(source):
            np.testing.assert_array_equal(votes, first[str(block)])


@pytest.mark.parametrize("n_images", [1, 2])
@pytest.mark.parametrize("axis", [0, -1])
def test_channels(nuclei, axis, n_images):
    sample = samples.nuclei_two_channels(shape=(2, 200, 220), n_nuclei=20, seed=0)
    annotation = samples.strokes(sample.labels, n_pixels=200)
    image = np.moveaxis(sample.image, 0, axis)
    classifier = PixelClassifier("original gaussian_blur=2", n_trees=10)
    classifier.fit([image] * n_images, [annotation] * n_images, channel_axis=axis)
    assert len(classifier.feature_names_) == 4
    assert classifier.predict(image).shape == (200, 220)
    with pytest.raises(InputError, match=r"2 channel.*1 channel"):
        classifier.predict(sample.image[:1], channel_axis=0)


def test_rgb_and_stacks(nuclei):
    sample, annotation = nuclei
    rgb = np.stack([sample.image >> 4] * 3, axis=-1).astype(np.uint8)
    assert (
        PixelClassifier("quick", n_trees=5).fit(rgb, annotation, channel_axis=-1).predict(rgb).shape == annotation.shape
    )
    stack = samples.nuclei_3d(shape=(12, 96, 96), n_nuclei=6, seed=0)
    strokes = samples.strokes(stack.labels, n_pixels=400)
    in_units = PixelClassifier("original gaussian_blur=0.6", n_trees=20).fit(
        stack.image, strokes, spacing=stack.spacing
    )
    found = in_units.predict(stack.image) == 2
    truth = stack.labels > 0
    assert (truth & found).sum() / (truth | found).sum() > 0.6
    with pytest.raises(InputError, match="3D"):
        in_units.predict(stack.image[0])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_dtypes_of_images_and_annotations(nuclei, dtype):
    sample, annotation = nuclei
    image = (sample.image // 64).astype(dtype)
    assert PixelClassifier("quick", n_trees=5).fit(image, annotation.astype(np.int64)).predict(image).any()


def test_one_pixel_image_is_predicted(trained):
    assert trained.predict(np.array([[400]], np.uint16)).shape == (1, 1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda im, an: (im, an[:-1]), r"annotation has the shape \(255, 300\), but the image \(256, 300\)"),
        (lambda im, an: (im, an * 0), "nothing is annotated.*at least two classes"),
        (lambda im, an: (im, (an == 1) * 3), "only class 3"),
        (lambda im, an: (im, an - 1.0), "negative"),
        (lambda im, an: (im, an + 0.5), "fractions"),
        (lambda im, an: (np.where(im > 900, np.nan, im), an), "NaN"),
        (lambda im, an: (im[None, None], an), "list of frames"),
        (lambda im, an: (im[:0], an[:0]), "no pixels"),
        (lambda im, an: ([im, im], [an]), "2 images were given with 1 annotation"),
        (lambda im, an: (im.astype(complex), an), "complex"),
    ],
)
def test_bad_training_data_is_refused_with_the_way_out(nuclei, change, says):
    sample, annotation = nuclei
    with pytest.raises(InputError, match=says):
        PixelClassifier(n_trees=5).fit(*change(sample.image, annotation.astype(np.int64)))


def test_untrained_and_wrong_settings(nuclei):
    with pytest.raises(InputError, match="not trained"):
        PixelClassifier().predict(nuclei[0].image)
    with pytest.raises(InputError, match="n_trees is 0"):
        PixelClassifier(n_trees=0)
    with pytest.raises(InputError, match="max_depth is 'deep'"):
        PixelClassifier(max_depth="deep")


def test_cancelling_stops_a_prediction_and_leaves_the_classifier(nuclei, trained):
    def stop(done, total):
        raise Cancelled

    before = trained.predict(nuclei[0].image)
    with pytest.raises(Cancelled):
        trained.predict(np.tile(nuclei[0].image, (4, 4)), progress=stop)
    np.testing.assert_array_equal(trained.predict(nuclei[0].image), before)


class _Result:
    """Counts how many results are in memory."""

    alive = 0

    def __init__(self) -> None:
        type(self).alive += 1

    def __del__(self) -> None:
        type(self).alive -= 1


def test_results_of_blocks_do_not_pile_up():
    blocks = [(slice(i, i + 1),) for i in range(40 * device.n_cores())]
    most, seen, told = 0, [], []
    for block, _ in in_threads(lambda _: _Result(), blocks, lambda *numbers: told.append(numbers)):
        time.sleep(0.001)
        seen.append(block)
        most = max(most, _Result.alive)
    assert sorted(b[0].start for b in seen) == list(range(len(blocks)))
    assert told == [(i + 1, len(blocks)) for i in range(len(blocks))]
    assert most <= 2 * device.n_cores() + 2


def test_blocks_that_have_not_begun_are_stopped_by_an_exception():
    blocks = [(slice(i, i + 1),) for i in range(40 * device.n_cores())]
    begun = []

    def slow(block):
        begun.append(block)
        time.sleep(0.01)
        if block[0].start == 1:
            raise InputError("bad block")

    with pytest.raises(InputError, match="bad block"):
        list(in_threads(slow, blocks))
    time.sleep(0.05)
    assert len(begun) < len(blocks) // 2
    assert list(in_threads(slow, [])) == []


# ------------------------------------------------------------------------------------------------ objects
@pytest.fixture(scope="module")
def cells():
    sample = samples.nuclei_2d(shape=(400, 400), n_nuclei=70, seed=2)
    return sample, samples.annotate_objects(sample, n_per_type=8, seed=0)


def test_a_few_annotated_objects_separate_two_cell_types(cells):
    sample, annotation = cells
    classifier = ObjectClassifier(n_trees=50).fit(sample.labels, annotation, sample.image)
    predicted = classifier.predict(sample.labels, sample.image)
    assert predicted.shape == sample.labels.shape
    assert ((predicted > 0) == (sample.labels > 0)).all()
    table = classifier.predict_objects(sample.labels, sample.image)
    truth = sample.cell_types.set_index("label")["cell_type"]
    assert (table.set_index("label")["class"] == truth).mean() > 0.9
    assert table["probability"].between(0.4, 1).all()


def test_objects_with_gaps_big_ids_and_frames(cells):
    sample, annotation = cells
    lut = np.random.default_rng(0).choice(4_000_000_000, sample.labels.max() + 1, replace=False).astype(np.uint32)
    lut[0] = 0
    renamed = lut[sample.labels]
    plain = (
        ObjectClassifier(n_trees=20).fit(sample.labels, annotation, sample.image).predict(sample.labels, sample.image)
    )
    other = ObjectClassifier(n_trees=20).fit(renamed, annotation, sample.image).predict(renamed, sample.image)
    assert (plain == other).mean() > 0.98
    frames = [np.stack([a, a]) for a in (sample.labels, annotation, sample.image)]
    movie = ObjectClassifier(n_trees=20).fit(*frames, frame_axis=0)
    table = movie.predict_objects(frames[0], frames[2], frame_axis=0)
    assert table.groupby("frame").size().tolist() == [sample.labels.max()] * 2
    np.testing.assert_array_equal(*movie.predict(frames[0], frames[2], frame_axis=0))


def test_an_object_has_the_highest_class_painted_in_it(cells):
    labels = np.array([[1, 1, 0, 7, 7, 9]])
    table = measure(labels, properties=["area"])
    np.testing.assert_array_equal(annotated_classes(labels, np.array([[2, 1, 3, 0, 1, 0]]), table), [2, 1, 0])


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (lambda a: a * 0, "no object is annotated"),
        (lambda a: (a == 1).astype(int), "only class 1"),
        (lambda a: a[:5], "shape"),
    ],
)
def test_bad_object_annotations_are_refused(cells, annotation, says):
    sample, painted = cells
    with pytest.raises(InputError, match=says):
        ObjectClassifier().fit(sample.labels, annotation(painted), sample.image)


def test_a_classifier_that_needs_intensities_says_so(cells):
    sample, annotation = cells
    classifier = ObjectClassifier(n_trees=5).fit(sample.labels, annotation, sample.image)
    with pytest.raises(InputError, match="intensity_mean"):
        classifier.predict(sample.labels)


def test_named_features_and_channels(cells):
    sample, annotation = cells
    channels = {"dna": sample.image, "other": filters.gaussian(sample.image, 2)}
    classifier = ObjectClassifier(["area", "intensity_mean"], n_trees=5).fit(sample.labels, annotation, channels)
    assert classifier.feature_names_ == ["area", "intensity_mean_dna", "intensity_mean_other"]


@pytest.fixture(scope="module")
def table(cells):
    sample, annotation = cells
    image = {"my dna": sample.image, "other": sample.image[::-1]}
    measured = measure(sample.labels, image, properties=["area", "centroid", "centroid_weighted", "intensity_mean"])
    return measured.assign(well="A1", remark=None), annotated_classes(sample.labels, annotation, measured)


@pytest.mark.parametrize(
    ("features", "columns"),
    [
        (["intensity_mean"], ["intensity_mean_my dna", "intensity_mean_other"]),
        (["intensity_mean_other", "area"], ["intensity_mean_other", "area"]),
        (["centroid"], ["centroid-0", "centroid-1"]),
        (["centroid-1", "centroid"], ["centroid-1", "centroid-0"]),
    ],
)
def test_a_table_is_learnt_from_the_named_columns_only(table, features, columns):
    rows, classes = table
    classifier = ObjectClassifier(features, n_trees=5)
    assert classifier.fit_table(rows, classes).feature_names_ == columns
    changed = rows.assign(**{c: 0 for c in rows.columns if c not in columns})
    pd.testing.assert_frame_equal(classifier.predict_table(changed), classifier.predict_table(rows))


def test_a_table_without_named_columns_is_learnt_from_its_numbers(table):
    rows, classes = table
    rows = rows.assign(grown=pd.array([None, *range(len(rows) - 1)], dtype="Int64"))
    classifier = ObjectClassifier(n_trees=5).fit_table(rows, classes)
    assert classifier.feature_names_ == [c for c in rows.columns if c not in ("label", "well", "remark")]
    assert len(classifier.predict_table(rows)) == len(rows)
    with pytest.raises(InputError, match="area of the table hold no numbers"):
        classifier.predict_table(rows.assign(area="large"))


@pytest.mark.parametrize(
    ("features", "says"),
    [
        (["area", "solidity"], "no column solidity"),
        (["intensity"], "no column intensity"),
        (["area", "well"], "well of the table hold no numbers"),
    ],
)
def test_a_table_that_lacks_a_feature_is_refused(table, features, says):
    with pytest.raises(InputError, match=says):
        ObjectClassifier(features).fit_table(*table)
    with pytest.raises(InputError, match="no measurement to train on"):
        ObjectClassifier().fit_table(table[0][["label", "well"]], table[1])


# ------------------------------------------------------------------------------------------------ files
def test_pixel_classifier_survives_a_file(nuclei, trained, tmp_path):
    trained.save(tmp_path / "model.cl")
    loaded = load_classifier(tmp_path / "model.cl")
    assert isinstance(loaded, PixelClassifier)
    assert loaded.classes_.tolist() == trained.classes_.tolist()
    np.testing.assert_array_equal(loaded.predict(nuclei[0].image), trained.predict(nuclei[0].image))
    np.testing.assert_allclose(loaded.predict_proba(nuclei[0].image), trained.predict_proba(nuclei[0].image), atol=1e-6)
    np.testing.assert_allclose(loaded.feature_importances_, trained.feature_importances_)
    assert [p.name for p in tmp_path.iterdir()] == ["model.cl"]


def test_sigmas_are_written_in_pixels_and_come_back_in_units(nuclei, tmp_path):
    sample, annotation = nuclei
    spacing = (0.3, 0.3)
    classifier = PixelClassifier("original gaussian_blur=0.6", n_trees=5).fit(sample.image, annotation, spacing=spacing)
    classifier.save(tmp_path / "model.cl")
    assert "feature_specification = original gaussian_blur=2\n" in (tmp_path / "model.cl").read_text()
    loaded = load_classifier(tmp_path / "model.cl")
    assert loaded.spacing == spacing
    assert str(loaded.features) == str(classifier.features)
    np.testing.assert_array_equal(loaded.predict(sample.image), classifier.predict(sample.image))


def test_object_classifier_survives_a_file(cells, tmp_path):
    sample, annotation = cells
    classifier = ObjectClassifier(n_trees=20).fit(sample.labels, np.array([0, 4, 9])[annotation], sample.image)
    classifier.save(tmp_path / "objects.cl")
    loaded = load_classifier(tmp_path / "objects.cl")
    assert loaded.classes_.tolist() == [4, 9]
    np.testing.assert_array_equal(
        loaded.predict(sample.labels, sample.image), classifier.predict(sample.labels, sample.image)
    )


@pytest.mark.parametrize("channel", ["my DAPI", "a*/b", "x\ny = 3", "é µ", '"quoted"'])
def test_object_classifiers_of_channels_with_any_name_survive_a_file(cells, tmp_path, channel):
    sample, annotation = cells
    image = {channel: sample.image, "other": sample.image[::-1]}
    classifier = ObjectClassifier(["area", "intensity_mean", "intensity_max"], n_trees=5)
    classifier.fit(sample.labels, annotation, image).save(tmp_path / "objects.cl")
    loaded = load_classifier(tmp_path / "objects.cl")
    assert loaded.feature_names_ == classifier.feature_names_
    assert (tmp_path / "objects.cl").read_text(encoding="utf-8").count("*/") == 1
    np.testing.assert_array_equal(loaded.predict(sample.labels, image), classifier.predict(sample.labels, image))


@pytest.mark.parametrize("n_annotated", [1, 2])
def test_trees_of_a_single_leaf_survive_a_file(cells, tmp_path, n_annotated):
    sample, _ = cells
    annotation = np.zeros_like(sample.labels)
    for label in range(1, 2 * n_annotated + 1):
        annotation[sample.labels == label] = 1 + label % 2
    classifier = ObjectClassifier(n_trees=300, seed=1).fit(sample.labels, annotation, sample.image)
    forest = classifier.forest
    assert np.count_nonzero(forest.feature[forest.roots] < 0) > 10
    classifier.save(tmp_path / "objects.cl")
    loaded = load_classifier(tmp_path / "objects.cl")
    assert len(loaded.forest.roots) == 300
    expected = classifier.predict_objects(sample.labels, sample.image)
    found = loaded.predict_objects(sample.labels, sample.image)
    np.testing.assert_array_equal(found["class"], expected["class"])
    np.testing.assert_allclose(found["probability"], expected["probability"], rtol=1e-6)


def test_trees_of_a_single_leaf_without_votes_of_zero_are_told_apart_by_their_number(cells, tmp_path):
    """As APOC writes them: nothing stands between the vote of one tree and that of the next."""
    sample, annotation = cells
    classifier = ObjectClassifier(n_trees=2, max_depth=1).fit(sample.labels, annotation, sample.image)
    text = to_text(classifier).replace("num_trees = 2", "num_trees = 7")
    text = text.replace(" float max_s", "s0+=1.0;\ns1+=1.0;\ns0+=1.0;\ns1+=1.0;\ns1+=1.0;\n float max_s", 1)
    (tmp_path / "objects.cl").write_text(text)
    loaded = load_classifier(tmp_path / "objects.cl")
    table = classifier.measure(sample.labels, sample.image)
    bins = np.zeros((loaded.forest.n_features, 1), np.uint8)
    votes = loaded.forest.votes(bins)
    np.testing.assert_allclose(votes - classifier.forest.votes(bins), [[2], [3]])
    assert len(loaded.predict_table(table)) == len(table)
    (tmp_path / "objects.cl").write_text(text.replace("num_trees = 7", "num_trees = 8"))
    with pytest.raises(ModelFileError, match="8 trees"):
        load_classifier(tmp_path / "objects.cl")


@needs_apoc_files
@pytest.mark.parametrize("name", ["pixel_2class", "pixel_3class_deep"])
def test_files_of_apoc_predict_as_apoc_did(name):
    import tifffile

    image = tifffile.imread(APOC / "blobs.tif")
    expected = tifffile.imread(APOC / "models" / f"{name}_prediction.tif")
    assert (load_classifier(APOC / "models" / f"{name}.cl").predict(image) == expected).mean() > 0.9998


def _damage(text, how):
    return {
        "empty": "",
        "other text": "hello\n" * 10,
        "cut off": text[: len(text) // 2],
        "code": text.replace("if(i0<", 'system("true");\nif(i0<', 1),
        "unknown feature": text.replace("gaussian_blur=1", "evil_blur=1"),
        "feature out of range": text.replace("if(i0<", "if(i99<", 1),
        "class out of range": text.replace("s1+=", "s7+=", 1),
        "huge counts": text.replace("num_features = ", "num_features = 99999999"),
        "too few trees": text.replace("num_trees = 30", "num_trees = 31"),
        "no class": text.replace("classifier_class_name", "name"),
        "other class": text.replace("= PixelClassifier", "= SuperClassifier"),
        "bad ids": text.replace("class_ids = [1, 2]", "class_ids = [1, 1]"),
        "json": text.replace("class_ids = [1, 2]", 'class_ids = {"a": 1}'),
        "infinite threshold": re.sub(r"if\(i0<[^)]*\)", "if(i0<inf)", text, count=1),
        "huge threshold": re.sub(r"if\(i0<[^)]*\)", "if(i0<1e39)", text, count=1),
        "negative huge threshold": re.sub(r"if\(i0<[^)]*\)", "if(i0<-1e39)", text, count=1),
        "many classes": text.replace("num_classes = 2", "num_classes = 1001")
        .replace(" float s1=0;", " float s1=0;\n float s1000=0;")
        .replace("class_ids", "ids"),
        "deep": text.replace(" float max_s", "if(i0<1.0){\n" * 100_000 + " float max_s", 1),
    }[how]


@pytest.mark.parametrize(
    "how",
    ["empty", "other text", "cut off", "code", "unknown feature", "feature out of range", "class out of range",
     "huge counts",
     "too few trees", "no class", "other class", "bad ids", "json", "deep", "infinite threshold", "huge threshold",
     "negative huge threshold", "many classes"],
)  # fmt: skip
def test_broken_and_hostile_files_are_refused(trained, tmp_path, how):
    trained.save(tmp_path / "model.cl")
    text = (tmp_path / "model.cl").read_text()
    damaged = _damage(text, how)
    assert damaged != text
    (tmp_path / "model.cl").write_text(damaged)
    with pytest.raises(ModelFileError, match=r"model\.cl"):
        load_classifier(tmp_path / "model.cl")


def test_a_small_file_cannot_ask_for_much_memory(trained, tmp_path):
    text = to_text(trained)
    text = text.replace("num_classes = 2", "num_classes = 1000").replace(" float s1=0;", " float s1=0;\n float s999=0;")
    text = text.replace(" float max_s", "s0+=1.0;\n" * 60_000 + " float max_s", 1)
    (tmp_path / "model.cl").write_text(text)
    with pytest.raises(ModelFileError, match="too many nodes"):
        load_classifier(tmp_path / "model.cl")


def test_files_that_are_missing_binary_or_cannot_be_written(trained, tmp_path):
    with pytest.raises(InputError, match="no classifier file"):
        load_classifier(tmp_path / "none.cl")
    (tmp_path / "binary.cl").write_bytes(bytes(range(256)))
    with pytest.raises(ModelFileError):
        load_classifier(tmp_path / "binary.cl")
    with pytest.raises(InputError, match=r"\.cl"):
        trained.save(tmp_path / "model.pkl")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Cannot write"):
        trained.save(tmp_path / "file" / "model.cl")
