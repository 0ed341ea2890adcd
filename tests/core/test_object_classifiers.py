"""Classifiers of tables, of objects, and of pairs of objects."""

import numpy as np
import pandas as pd
import pytest

from bioloom import samples
from bioloom.classify import load_classifier
from bioloom.classify.object_merger import ObjectMerger
from bioloom.classify.object_pairs import annotated_pairs, merge_objects
from bioloom.classify.object_selector import ObjectSelector
from bioloom.classify.objects import ObjectClassifier
from bioloom.classify.table import TableClassifier
from bioloom.errors import Cancelled, InputError, ModelFileError, doubts_heard
from bioloom.measure import find_property, list_properties, measure, measure_pairs


@pytest.fixture(scope="module")
def cells():
    sample = samples.nuclei_2d(shape=(300, 300), n_nuclei=45, seed=2)
    return sample, samples.annotate_objects(sample, n_per_type=8, seed=0)


# ------------------------------------------------------------------------------------------------ tables
def make_table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    classes = rng.choice([2, 30], n)
    table = pd.DataFrame({"label": rng.permutation(n), "size": rng.normal(0, 1, n) + (classes == 30) * 4, "word": "a"})
    return table.assign(noise=rng.normal(size=n)), classes


def test_a_table_is_classified():
    table, classes = make_table()
    classifier = TableClassifier(n_trees=30, max_depth=4).fit(table, np.where(np.arange(200) < 100, classes, 0))
    assert classifier.feature_names_ == ["size", "noise"]
    assert classifier.classes_.tolist() == [2, 30]
    predicted = classifier.predict(table)
    assert predicted.dtype == np.int64
    assert (predicted == classes)[100:].mean() > 0.85
    probability = classifier.predict_proba(table)
    assert probability.shape == (200, 2)
    np.testing.assert_allclose(probability.sum(1), 1, atol=1e-6)
    np.testing.assert_array_equal(classifier.classes_[probability.argmax(1)], predicted)
    ordered = np.sort(probability, axis=1)
    uncertainty = classifier.predict_uncertainty(table)
    np.testing.assert_allclose(uncertainty, 1 - (ordered[:, 1] - ordered[:, 0]), atol=1e-6)
    assert classifier.feature_importances_[0] > 0.7
    assert classifier.oob_score_ > 0.9


def test_columns_may_come_as_a_mapping_and_rows_may_be_none():
    table, classes = make_table()
    columns = {"noise": table["noise"].tolist(), "size": table["size"].to_numpy()}
    classifier = TableClassifier(["size"], n_trees=10).fit(columns, classes)
    np.testing.assert_array_equal(classifier.predict(columns), classifier.predict(table))
    assert classifier.predict({"size": []}).shape == (0,)
    assert classifier.predict_proba({"size": np.empty(0)}).shape == (0, 2)


def test_columns_of_another_range_are_known(tmp_path):
    table, classes = make_table()
    TableClassifier(["size", "noise"], n_trees=30, max_depth=4).fit(table, classes).save(tmp_path / "t.cl")
    classifier = load_classifier(tmp_path / "t.cl")
    assert classifier.columns_beyond(table) == []
    wider = table.assign(size=table["size"] * 257 + 1000)
    assert classifier.columns_beyond(wider) == ["size"]
    assert classifier.columns_beyond(wider.assign(noise=-1e9, size=-wider["size"])) == ["size", "noise"]
    # One row within the range is enough; missing values say nothing.
    wider.loc[0, "size"] = table["size"].min()
    assert classifier.columns_beyond(wider) == []
    assert classifier.columns_beyond(wider[1:].assign(noise=np.nan)) == ["size"]
    assert classifier.columns_beyond(table[:0]) == []


def test_rows_of_one_class_or_a_bit_larger_are_no_reason_to_doubt():
    table, classes = make_table()
    table["size"] = np.where(classes == 30, 200.0, 20.0) + table["noise"]
    classifier = TableClassifier(["size", "noise"], n_trees=30).fit(table, classes)
    # They lie beyond all decisions, which are between the classes, but not beyond the rows of the training.
    large = table[classes == 30]
    assert classifier.predict(large).tolist() == [30] * len(large)
    assert classifier.doubt_about(large) == ""
    assert classifier.doubt_about(large.assign(size=210.0)) == ""
    assert classifier.doubt_about(large.assign(size=3000.0)).startswith("Doubtful: size of all rows is beyond what")


def test_a_doubt_names_what_matters_most():
    table, classes = make_table()
    for name in "abc":
        table[name] = table["size"] + table["noise"] / 9
    names = ["a", "b", "c", "size", "noise"]
    classifier = TableClassifier(names, n_trees=30).fit(table, classes)
    assert classifier.doubt_about(table.assign(noise=1e6)) == "", "noise hardly counts"
    doubt = classifier.doubt_about(table.assign(**dict.fromkeys("abc", -1e6), size=-1e6))
    assert "… (4 in all) of all rows are beyond" in doubt
    part = table.assign(a=-1e6, b=-1e6)
    assert 0.25 < classifier.feature_importances_[:2].sum() < 0.5
    assert "a" in classifier.doubt_about(part)[:20]
    assert classifier.doubt_about(part[:2]) == "", "two rows may be odd"
    assert "4 in all" in classifier.doubt_about(table[:1].assign(**dict.fromkeys("abc", -1e6), size=-1e6))


def test_whoever_listens_hears_a_doubt(cells):
    table, classes = make_table()
    classifier = TableClassifier(["size"], n_trees=5).fit(table, classes)
    with doubts_heard() as doubts:
        classifier.predict(table)
        assert doubts == []
        with doubts_heard() as inner:
            classifier.predict({"size": np.full(3, 1e6)})
        assert inner == [classifier.doubt_about({"size": np.full(3, 1e6)})]
        classifier.predict({"size": []})
    assert doubts == [], "they are told to whoever listens last"
    sample, marks = cells
    objects = ObjectClassifier("intensity_mean area", n_trees=10).fit(sample.labels, marks, sample.image)
    with doubts_heard() as doubts:
        objects.predict(sample.labels, sample.image)
        assert doubts == []
        objects.predict(sample.labels, sample.image, spacing=(0.01, 0.01))
    assert [d.partition(" is beyond")[0] for d in doubts] == ["Doubtful: area of all objects"]


def test_what_was_trained_on_is_known_after_going_on_and_not_of_old_files(tmp_path):
    table, classes = make_table()
    far = table.assign(size=table["size"] + 1e6)
    path = tmp_path / "t.cl"
    TableClassifier(["size", "noise"], n_trees=10).fit(table, classes).save(path)
    classifier = load_classifier(path)
    assert classifier.doubt_about(far)
    classifier.fit(far[:20], classes[:20], keep=True)
    assert classifier.doubt_about(far) == ""
    assert classifier.doubt_about(table) == ""
    assert classifier.doubt_about(far.assign(size=1e9))
    # Older files, and those of other programs, tell decisions only: all rows of one class may lie beyond these.
    old = [line for line in path.read_text().splitlines() if not line.startswith("ranges = ")]
    for left_out in ("nothing", "training_samples = "):
        path.write_text("\n".join(line for line in old if not line.startswith(left_out)))
        classifier = load_classifier(path)
        assert classifier.columns_beyond(far) == []
        classifier.fit(table, classes, keep=True)
        assert classifier.doubt_about(far) == ""
    classifier.fit(table, classes)
    assert classifier.doubt_about(far)


@pytest.mark.parametrize(
    "ranges", ["1", "[[0, 1]]", "[[0, 1], [2]]", "[[0, 1], [2, 1]]", '[[0, 1], ["a", 1]]', "[[0, 1], [0, Infinity]]"]
)
def test_broken_ranges_are_refused(tmp_path, ranges):
    table, classes = make_table()
    path = tmp_path / "t.cl"
    TableClassifier(["size", "noise"], n_trees=1).fit(table.assign(noise=np.nan), classes).save(path)
    assert load_classifier(path).doubt_about(table) == ""
    lines = [f"ranges = {ranges}" if line.startswith("ranges = ") else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines))
    with pytest.raises(ModelFileError, match=r"t\.cl is not a complete classifier file"):
        load_classifier(path)


@pytest.mark.parametrize(
    ("table", "classes", "says"),
    [
        ({"a": [1, 2]}, [1, 1], "only class 1"),
        ({"a": [1, 2]}, [0, 0], "no row is annotated"),
        ({"a": [1, 2]}, [1, 2, 3], "one whole number per row"),
        ({"a": [1, 2]}, [1, -2], "one whole number per row"),
        ({"a": [1, 2]}, [1, 1.5], "one whole number per row"),
        ({"a": ["x", "y"]}, [1, 2], "at least one column of numbers"),
        ({"a": [1, 2], "b": [1]}, [1, 2], "do not make a table"),
        ([1, 2], [1, 2], "A table is needed"),
    ],
)
def test_bad_tables_are_refused(table, classes, says):
    with pytest.raises(InputError, match=says):
        TableClassifier().fit(table, classes)


def test_training_goes_on_with_the_old_rows(tmp_path):
    table, classes = make_table()
    classifier = TableClassifier(n_trees=30).fit(table[:50], classes[:50])
    shifted, shifted_classes = make_table(100, 1)
    shifted["size"] += 20
    classifier.fit(shifted, shifted_classes + 1, keep=True)
    assert classifier.classes_.tolist() == [2, 3, 30, 31]
    assert (classifier.predict(table[50:]) == classes[50:]).mean() > 0.9
    assert (classifier.predict(shifted) == shifted_classes + 1).mean() > 0.9
    assert len(classifier.samples_) == 150
    classifier.save(tmp_path / "t.cl")
    loaded = load_classifier(tmp_path / "t.cl").fit(table[50:60], classes[50:60], keep=True)
    assert len(loaded.samples_) == 160
    # Rows that are annotated again count once, with their new class.
    loaded.fit(table[:50], np.full(50, 7), keep=True)
    assert len(loaded.samples_) == 160
    assert (loaded.predict(table[:50]) == 7).mean() > 0.8


def test_a_row_alone_goes_to_an_earlier_training():
    table, classes = make_table()
    classifier = TableClassifier(n_trees=10).fit(table, classes)
    before = classifier.predict_proba(table)
    classifier.fit(table[:0], classes[:0], keep=True)
    np.testing.assert_array_equal(classifier.predict_proba(table), before)


# ------------------------------------------------------------------------------------------------ objects
def test_probabilities_and_uncertainty_of_objects(cells):
    sample, annotation = cells
    classifier = ObjectClassifier(n_trees=30).fit(sample.labels, annotation, sample.image)
    objects = classifier.predict_objects(sample.labels, sample.image)
    table = classifier.predict_proba(sample.labels, sample.image)
    assert list(table.columns) == ["label", 1, 2]
    np.testing.assert_allclose(table[[1, 2]].sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(table[[1, 2]].max(axis=1), objects["probability"], atol=1e-6)
    np.testing.assert_allclose(objects["uncertainty"], 1 - (table[1] - table[2]).abs(), atol=1e-6)
    doubts = classifier.predict_uncertainty(sample.labels, sample.image)
    assert (doubts["uncertainty"].diff().dropna() <= 0).all()
    assert sorted(doubts["label"]) == sorted(objects["label"])


def test_several_images_teach_together(cells):
    sample, annotation = cells
    half = sample.labels.shape[1] // 2
    left, right = (slice(None), slice(0, half)), (slice(None), slice(half, None))
    classifier = ObjectClassifier(n_trees=20).fit(
        [sample.labels[left], sample.labels[right]],
        [annotation[left], annotation[right]],
        [sample.image[left], sample.image[right]],
    )
    one = ObjectClassifier(n_trees=20).fit(sample.labels[left], annotation[left], sample.image[left])
    one.fit(sample.labels[right], annotation[right], sample.image[right], keep=True)
    a = classifier.predict_objects(sample.labels, sample.image)
    b = one.predict_objects(sample.labels, sample.image)
    assert (a["class"] == b["class"]).mean() > 0.9
    truth = sample.cell_types.set_index("label")["cell_type"]
    assert (a.set_index("label")["class"] == truth).mean() > 0.85
    with pytest.raises(InputError, match=r"2 label images were given with 1 annotation"):
        ObjectClassifier().fit([sample.labels, sample.labels], [annotation])
    with pytest.raises(InputError, match=r"No label image"):
        ObjectClassifier().fit([], [])


def test_features_of_apoc_can_be_named(cells):
    sample, annotation = cells
    text = "area, mean_intensity average_distance_of_n_nearest_neighbors=3 touching_neighbor_count"
    classifier = ObjectClassifier(text, n_trees=10).fit(sample.labels, annotation, sample.image)
    assert classifier.feature_names_ == [
        "area", "mean_intensity", "average_distance_of_n_nearest_neighbors=3", "touching_neighbor_count",
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"mean_intensity.*taken in an image"):
        classifier.predict(sample.labels)
    with pytest.raises(InputError, match="whole number from 1 to 1000"):
        ObjectClassifier("average_distance_of_n_nearest_neighbors=0").fit(sample.labels, annotation)


def test_a_classifier_trained_without_image_needs_none_and_minds_none(cells):
    sample, annotation = cells
    classifier = ObjectClassifier(n_trees=10).fit(sample.labels, annotation)
    assert not [n for n in classifier.feature_names_ if "intensity" in n]
    np.testing.assert_array_equal(classifier.predict(sample.labels), classifier.predict(sample.labels, sample.image))


def test_cancelling_is_passed_on(cells):
    sample, annotation = cells

    def stop(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        ObjectClassifier(n_trees=5).fit(sample.labels, annotation, sample.image, progress=stop)
    with pytest.raises(Cancelled):
        measure_pairs(sample.labels, progress=stop)


# ------------------------------------------------------------------------------------------------ selection
def test_selected_objects_keep_their_labels(cells):
    sample, annotation = cells
    labels = sample.labels.astype(np.uint32) * 1000
    selector = ObjectSelector(positive_class=2, n_trees=20).fit(labels, annotation, sample.image)
    kept = selector.predict(labels, sample.image)
    assert kept.dtype == labels.dtype
    table = selector.predict_objects(labels, sample.image)
    chosen = table.loc[table["class"] == 2, "label"]
    assert 0 < len(chosen) < len(table)
    np.testing.assert_array_equal(kept, np.where(np.isin(labels, chosen), labels, 0))
    anew = selector.predict(labels, sample.image, relabel=True)
    assert np.unique(anew).tolist() == list(range(len(chosen) + 1))
    np.testing.assert_array_equal(anew > 0, kept > 0)
    frames = [np.stack([a, a[::-1]]) for a in (labels, sample.image)]
    movie = selector.predict(*frames, frame_axis=0, relabel=True)
    assert [m.max() for m in movie] == [len(chosen)] * 2


# ------------------------------------------------------------------------------------------------ pairs
@pytest.fixture(scope="module")
def tiles():
    """Discs cut in two halves, side by side with other discs that only touch them."""
    labels = np.zeros((120, 240), np.uint32)
    yy, xx = np.mgrid[:120, :240]
    centres = [(20 + 40 * i, 20 + 40 * j) for i in range(3) for j in range(6)]
    for number, (y, x) in enumerate(centres):
        disc = (yy - y) ** 2 + (xx - x) ** 2 <= 20.5**2
        labels[disc & (xx < x)] = 2 * number + 11
        labels[disc & (xx >= x)] = 2 * number + 12
    image = np.random.default_rng(0).normal(100, 5, labels.shape).astype(np.float32)
    truth = np.where(labels > 0, (labels - 11) // 2 + 1, 0)
    annotation = np.zeros_like(labels)
    annotation[18:22, 15:25] = 1
    annotation[58:62, 95:105] = 1
    annotation[18:22, 38:43] = 2
    annotation[58:62, 78:83] = 2
    annotation[38:42, 18:20] = 2
    return labels, annotation, image, truth


def same_objects(a, b):
    pairs = np.unique(np.stack([np.ravel(a), np.ravel(b)]), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]


@pytest.mark.parametrize("with_image", [True, False])
def test_halves_are_merged_and_neighbours_are_not(tiles, with_image, tmp_path):
    labels, annotation, image, truth = tiles
    given = (image,) if with_image else ()
    merger = ObjectMerger(n_trees=50).fit(labels, annotation, *given)
    merged = merger.predict(labels, *given)
    assert same_objects(merged, truth)
    assert merged.dtype == labels.dtype
    # The highest label of a group stands for it.
    assert set(np.unique(merged)) == {0, *range(12, 48, 2)}
    assert merger.predict(labels, *given, relabel=True).max() == 18
    pairs = merger.predict_pairs(labels, *given)
    assert (pairs["label"] < pairs["neighbor"]).all()
    assert not pairs.duplicated(["label", "neighbor"]).any()
    halves = pairs["neighbor"] - pairs["label"] == 1
    assert (pairs.loc[halves & (pairs["label"] % 2 == 1), "class"] == 1).all()
    merger.save(tmp_path / "m.cl")
    np.testing.assert_array_equal(load_classifier(tmp_path / "m.cl").predict(labels, *given), merged)


def test_named_measurements_of_several_channels_are_taken_in_each(tiles, tmp_path):
    labels, annotation, image, truth = tiles
    channels = {"DNA": image, "other": 200 - image}
    merger = ObjectMerger(["mean_intensity_difference", "touch_portion", "centroid_distance"], n_trees=50)
    merger.fit(labels, annotation, channels)
    assert merger.feature_names_ == [
        "mean_intensity_difference_DNA", "mean_intensity_difference_other", "touch_portion", "centroid_distance",
    ]  # fmt: skip
    merged = merger.predict(labels, channels)
    assert same_objects(merged, truth)
    merger.save(tmp_path / "merger.cl")
    np.testing.assert_array_equal(load_classifier(tmp_path / "merger.cl").predict(labels, channels), merged)
    table = merger.measure(labels, channels)
    with pytest.raises(InputError, match="no column mean_touch_intensity"):
        ObjectMerger(["mean_touch_intensity"]).fit_table(table, np.ones(len(table)))


def test_pairs_in_time_stay_in_their_frame(tiles):
    labels, annotation, image, truth = tiles
    frames = [np.stack([a, a[:, ::-1]]) for a in (labels, annotation, image)]
    merger = ObjectMerger(n_trees=50).fit(*frames, frame_axis=0)
    merged = merger.predict(frames[0], frames[2], frame_axis=0)
    assert same_objects(merged[0], truth)
    assert same_objects(merged[1], truth[:, ::-1])
    pairs = merger.predict_pairs(frames[0], frames[2], frame_axis=0)
    assert pairs.groupby("frame").size().nunique() == 1


def test_groups_of_pairs_merge_into_one():
    labels = np.array([[5, 6, 7, 8, 0, 9]])
    pairs = pd.DataFrame({"label": [5, 7, 7], "neighbor": [6, 6, 99]})
    np.testing.assert_array_equal(merge_objects(labels, pairs), [[7, 7, 7, 8, 0, 9]])
    np.testing.assert_array_equal(merge_objects(labels, pairs, relabel=True), [[1, 1, 1, 2, 0, 3]])
    np.testing.assert_array_equal(merge_objects(labels, pairs[:0]), labels)
    assert merge_objects(np.zeros((3, 4), int), pairs).max() == 0


def test_a_pair_is_annotated_where_both_sides_of_the_border_are_painted():
    labels = np.array([[1, 1, 2, 2, 3, 3, 4, 4]])
    table = measure_pairs(labels)
    classes = annotated_pairs(labels, np.array([[0, 1, 1, 2, 2, 2, 2, 1]]), table)
    found = {(a, b): k for a, b, k in zip(table["label"], table["neighbor"], classes, strict=True)}
    assert found == {(1, 2): 1, (2, 1): 1, (2, 3): 2, (3, 2): 2, (3, 4): 2, (4, 3): 2}
    assert not annotated_pairs(labels, np.array([[0, 1, 0, 0, 0, 0, 0, 0]]), table).any()
    with pytest.raises(InputError, match="class 4"):
        annotated_pairs(labels, labels, table)


def test_mergers_say_what_is_missing(tiles):
    labels, annotation, _, _ = tiles
    with pytest.raises(InputError, match="only class 1 is annotated"):
        ObjectMerger().fit(labels, annotation == 1)
    with pytest.raises(InputError, match="no pair is annotated"):
        ObjectMerger().fit(labels, annotation * 0)
    with pytest.raises(InputError, match="measured in an image"):
        ObjectMerger("mean_touch_intensity").fit(labels, annotation)
    with pytest.raises(InputError, match="Unknown measurement of pairs 'colour'"):
        ObjectMerger("colour").fit(labels, annotation)


def test_pairs_are_measured(tiles):
    labels = np.array([[1, 1, 2, 0], [1, 1, 2, 3], [4, 4, 4, 0]])
    image = np.arange(12).reshape(3, 4)
    names = ["touch_count", "touch_portion", "centroid_distance", "area_difference", "mean_touch_intensity",
             "touch_intensity_ratio", "intensity_max_difference"]  # fmt: skip
    table = measure_pairs(labels, image, (2, 1), names).set_index(["label", "neighbor"])
    assert sorted(table.index) == sorted([(1, 2), (2, 1), (1, 4), (4, 1), (2, 3), (3, 2), (2, 4), (4, 2)])
    assert table.loc[(1, 2), "touch_count"] == 2
    assert table.loc[(1, 2), "touch_portion"] == 2 / 4
    assert table.loc[(2, 1), "touch_portion"] == 2 / 5  # with 1 face to the background, 1 to 3 and 1 to 4
    assert table.loc[(1, 2), "centroid_distance"] == 1.5
    assert table.loc[(1, 4), "centroid_distance"] == np.hypot(3, 0.5)
    assert table.loc[(4, 2), "area_difference"] == 2
    assert table.loc[(1, 2), "mean_touch_intensity"] == ((1 + 2) // 2 + (5 + 6) // 2) / 2
    assert table.loc[(1, 2), "touch_intensity_ratio"] == 3 / ((2.5 + 4) / 2)
    assert table.loc[(2, 3), "intensity_max_difference"] == 1
    halves = measure_pairs(labels, {"a": image / 3, "b": image}, properties=["mean_touch_intensity"])
    assert list(halves.columns) == ["label", "neighbor", "mean_touch_intensity_a", "mean_touch_intensity_b"]
    assert halves.set_index(["label", "neighbor"]).loc[(1, 2), "mean_touch_intensity_a"] == pytest.approx(3.5 / 3)
    assert measure_pairs(np.zeros((3, 4), int)).empty


# ------------------------------------------------------------------------------------------------ clEsperanto
def test_measurements_of_clesperanto_are_listed_and_measured_on_demand_only(cells):
    sample, _ = cells
    names = {p.name for p in list_properties(2, ["clesperanto"])}
    assert len(names) > 90
    assert not names & {p.name for p in list_properties(2)}
    assert all(find_property(n).description.endswith(".") for n in names)
    assert not names & set(measure(sample.labels, sample.image).columns)
    assert names <= set(measure(sample.labels, sample.image, properties="clesperanto").columns)
    without = measure(sample.labels, properties="clesperanto")
    assert "centroid_x" in without
    assert "mean_intensity" not in without
    with pytest.raises(InputError, match="no group 'colour'"):
        list_properties(2, ["colour"])


def test_measurements_of_clesperanto_agree_with_ours_and_are_in_pixels(cells):
    sample, _ = cells
    labels = sample.labels.astype(np.uint32) * 7
    ours = measure(labels, sample.image)
    theirs = measure(labels, sample.image, (0.3, 0.2), "clesperanto")
    for a, b in (("mean_intensity", "intensity_mean"), ("standard_deviation_intensity", "intensity_std"),
                 ("centroid_x", "centroid-1"), ("mass_center_y", "centroid_weighted-0"),
                 ("bbox_min_y", "bbox-0")):  # fmt: skip
        np.testing.assert_allclose(theirs[a], ours[b], rtol=1e-9, err_msg=a)
    np.testing.assert_array_equal(theirs["bbox_max_x"] + 1, ours["bbox-3"])
    np.testing.assert_array_equal(theirs["original_label"], ours["label"])


def test_neighbours_are_those_that_brute_force_finds(cells):
    sample, _ = cells
    names = ["average_distance_of_n_nearest_neighbors=4", "proximal_neighbor_count_d40", "centroid_x", "centroid_y",
             "distance_to_most_distant_other", "maximum_distance_of_n3_nearest_neighbors"]  # fmt: skip
    table = measure(sample.labels, properties=names)
    points = table[["centroid_x", "centroid_y"]].to_numpy()
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    ordered = np.sort(distance, axis=1)
    np.testing.assert_allclose(table[names[0]], ordered[:, 1:5].mean(1))
    np.testing.assert_allclose(table[names[5]], ordered[:, 3])
    np.testing.assert_allclose(table[names[4]], ordered[:, -1])
    np.testing.assert_array_equal(table[names[1]], (distance <= 40).sum(1) - 1)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_objects_and_objects_in_a_row_have_neighbours_too(n):
    labels = np.zeros((3, 40), int)
    labels[1, 3 : 3 + 10 * n : 10] = np.arange(1, n + 1)
    table = measure(labels, labels, properties=["clesperanto", "average_distance_of_n_nearest_neighbors=2"])
    assert len(table) == n
    expected = {0: [], 1: [np.nan], 2: [10, 10], 3: [20, 10, 20]}[n]
    np.testing.assert_allclose(table["distance_to_most_distant_other"], expected)
    np.testing.assert_allclose(table["average_distance_of_n_nearest_neighbors=2"], {3: [15, 10, 15]}.get(n, expected))


def test_large_labels_have_the_same_neighbours(cells):
    sample, _ = cells
    lut = np.sort(np.random.default_rng(0).choice(4_000_000_000, sample.labels.max() + 1, replace=False)).astype(
        np.uint32
    )
    lut[0] = 0
    names = [p.name for p in list_properties(2, ["clesperanto"]) if "label" not in p.name]
    a, b = (measure(x, sample.image, properties=names) for x in (sample.labels, lut[sample.labels]))
    pd.testing.assert_frame_equal(a.drop(columns="label"), b.drop(columns="label"))
