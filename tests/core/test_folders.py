"""Folders of files: what belongs together, what is left out and told, and what a classifier learns from the rest."""

import re

import numpy as np
import pytest
from PIL import Image

from bioloom import samples
from bioloom.classify import ObjectClassifier, PixelClassifier
from bioloom.classify._file_images import CachedImages
from bioloom.classify.folders import fit_folder
from bioloom.classify.object_merger import ObjectMerger
from bioloom.classify.pairs import list_images, pair_folders
from bioloom.classify.table import TableClassifier
from bioloom.errors import Cancelled, InputError
from bioloom.files import write_image

FEATURES = "original gaussian_blur=2"


@pytest.fixture(scope="module")
def nuclei():
    return [samples.nuclei_2d(shape=(96, 100 + 4 * seed), n_nuclei=8, seed=seed) for seed in (1, 2, 3)]


@pytest.fixture
def strokes(nuclei):
    return [samples.strokes(sample.labels, n_pixels=60) for sample in nuclei]


@pytest.fixture
def folders(nuclei, strokes, tmp_path):
    """Write images, annotations and labels of three samples."""
    for number, (sample, painted) in enumerate(zip(nuclei, strokes, strict=True)):
        write_image(tmp_path / "images" / f"cell{number}.tif", sample.image)
        write_image(tmp_path / "annotations" / f"cell{number}.tif", painted)
        write_image(tmp_path / "labels" / f"cell{number}.tif", sample.labels)
    return tmp_path / "images", tmp_path / "annotations"


def marked(sample):
    return samples.annotate_objects(sample, n_per_type=3)


@pytest.fixture
def object_folders(nuclei, folders, tmp_path):
    for number, sample in enumerate(nuclei):
        write_image(tmp_path / "annotations" / f"cell{number}.tif", marked(sample))
    return *folders, tmp_path / "labels"


def pixel_classifier(**settings):
    return PixelClassifier(FEATURES, n_trees=5, **settings)


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


# ------------------------------------------------------------------------------------------------ pairs
def test_files_of_the_same_name_belong_together_whatever_their_suffix(tmp_path):
    touch(tmp_path / "i", "b.tif", "a.ome.tif", "c.PNG", "dots.in.name.npy")
    touch(tmp_path / "a", "a.tif", "b.png", "c.tiff", "dots.in.name.tif")
    pairs = pair_folders(tmp_path / "i", tmp_path / "a")
    assert [(i.name, a.name) for i, a in pairs.pairs] == [
        ("a.ome.tif", "a.tif"),
        ("b.tif", "b.png"),
        ("c.PNG", "c.tiff"),
        ("dots.in.name.npy", "dots.in.name.tif"),
    ]
    assert pairs.without_partner == pairs.not_images == pairs.ambiguous == ()
    assert pairs.describe() == "4 pairs of image + annotation"


def test_everything_else_in_the_folders_is_told(tmp_path):
    images, annotations = tmp_path / "i", tmp_path / "a"
    touch(images, "a.tif", "b.tif", "notes.txt", ".DS_Store", "._a.tif", "d.tif", "d.png")
    touch(annotations, "a.tif", "c.tif", "d.tif", "Thumbs.db")
    (images / "sub.tif").mkdir()
    pairs = pair_folders(images, annotations)
    assert [files[0].name for files in pairs.pairs] == ["a.tif"]
    assert {str(p.relative_to(tmp_path)) for p in pairs.without_partner} == {"i/b.tif", "a/c.tif"}
    assert {p.name for p in pairs.ambiguous} == {"d.tif", "d.png"}
    assert {p.name for p in pairs.not_images} == {"notes.txt", "sub.tif", "Thumbs.db"}
    lines = pairs.describe().splitlines()
    assert lines[0] == "1 pair of image + annotation"
    for name in ("i/b.tif", "a/c.tif"):
        assert str(tmp_path / name) in lines[1]
    assert "d.png" in lines[2]
    assert "notes.txt" in lines[3]


def test_many_leftovers_are_counted_not_all_listed(tmp_path):
    touch(tmp_path / "i", *(f"{n:02}.tif" for n in range(40)))
    touch(tmp_path / "a", "00.tif")
    assert pair_folders(tmp_path / "i", tmp_path / "a").describe().endswith("05.tif and 34 more")


def test_labels_without_annotation_are_no_leftovers_but_the_reverse_are(tmp_path):
    touch(tmp_path / "i", "a.tif", "b.tif")
    touch(tmp_path / "a", "a.tif", "b.tif")
    touch(tmp_path / "l", "a.tif", "x.tif")
    pairs = pair_folders(tmp_path / "i", tmp_path / "a", tmp_path / "l")
    assert [tuple(p.parent.name for p in files) for files in pairs.pairs] == [("i", "a", "l")]
    assert [str(p.relative_to(tmp_path)) for p in pairs.without_partner] == ["i/b.tif", "a/b.tif"]
    assert pairs.describe().startswith("1 set of image + annotation + label image")


def test_folders_that_are_missing_or_given_twice_are_refused(tmp_path):
    touch(tmp_path / "i", "a.tif")
    with pytest.raises(InputError, match=r"folder of annotations, .*nowhere, does not exist"):
        pair_folders(tmp_path / "i", tmp_path / "nowhere")
    with pytest.raises(InputError, match="is a file"):
        pair_folders(tmp_path / "i" / "a.tif", tmp_path / "i")
    with pytest.raises(InputError, match="both for images and for annotations"):
        pair_folders(tmp_path / "i", tmp_path / "i" / ".." / "i")


def test_the_images_of_a_folder_are_listed_by_name(tmp_path):
    touch(tmp_path, "b.tif", "a.png", "c.txt", ".hidden.tif")
    assert [p.name for p in list_images(tmp_path)] == ["a.png", "b.tif"]
    touch(tmp_path / "empty", "c.txt")
    with pytest.raises(InputError, match="holds no image"):
        list_images(tmp_path / "empty")


# ------------------------------------------------------------------------------------------------ pixels
def test_a_folder_teaches_what_its_images_teach(nuclei, strokes, folders):
    classifier = pixel_classifier()
    fit = fit_folder(classifier, *folders, spacing=(0.5, 0.5))
    expected = pixel_classifier().fit([s.image for s in nuclei], strokes, spacing=(0.5, 0.5))
    np.testing.assert_array_equal(classifier.predict(nuclei[0].image), expected.predict(nuclei[0].image))
    assert classifier.spacing == (0.5, 0.5)
    assert len(fit.used) == 3
    assert fit.failures == ()
    assert fit.describe() == "3 pairs of image + annotation\ntrained on 3 of 3"


def test_annotations_may_be_png(nuclei, strokes, folders):
    images, annotations = folders
    (annotations / "cell1.tif").unlink()
    Image.fromarray(strokes[1]).save(annotations / "cell1.png")
    classifier = pixel_classifier()
    assert len(fit_folder(classifier, images, annotations).used) == 3
    expected = pixel_classifier().fit([s.image for s in nuclei], strokes)
    np.testing.assert_array_equal(classifier.predict(nuclei[0].image), expected.predict(nuclei[0].image))


def broken(path):
    path.write_bytes(b"no image")


def with_nan(path):
    write_image(path, np.full((96, 104), np.nan, np.float32))


def of_another_size(path):
    write_image(path, np.zeros((96, 50), np.uint16))


def colours(path):
    write_image(path, np.zeros((96, 104, 3), np.uint8))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (broken, "Cannot read"),
        (with_nan, "NaN"),
        (of_another_size, r"\(96, 50\)"),
        (colours, "holds channels, say so"),
    ],
)
def test_a_bad_image_is_listed_and_the_others_are_learned_from(nuclei, strokes, folders, spoil, says):
    images, annotations = folders
    spoil(images / "cell0.tif")
    classifier = pixel_classifier()
    fit = fit_folder(classifier, images, annotations)
    ((path, why),) = fit.failures
    assert path == images / "cell0.tif"
    assert re.search(says, why)
    assert [files[0].name for files in fit.used] == ["cell1.tif", "cell2.tif"]
    assert str(path) in fit.describe()
    expected = pixel_classifier().fit([s.image for s in nuclei[1:]], strokes[1:])
    np.testing.assert_array_equal(classifier.predict(nuclei[0].image), expected.predict(nuclei[0].image))


def test_bad_annotations_are_listed(folders):
    images, annotations = folders
    write_image(annotations / "cell0.tif", np.zeros((96, 104), np.uint8))
    write_image(annotations / "cell1.tif", np.full((96, 108), 0.5, np.float32))
    fit = fit_folder(pixel_classifier(), images, annotations)
    assert "Nothing is annotated" in fit.failures[0][1]
    assert "fractions" in fit.failures[1][1]


def test_images_with_other_channels_than_most_are_listed(nuclei, strokes, tmp_path):
    for number, (sample, painted) in enumerate(zip(nuclei, strokes, strict=True)):
        n = 3 if number == 0 else 2
        write_image(tmp_path / "i" / f"{number}.tif", np.stack([sample.image] * n, axis=-1))
        write_image(tmp_path / "a" / f"{number}.tif", painted)
    classifier = pixel_classifier()
    fit = fit_folder(classifier, tmp_path / "i", tmp_path / "a", channel_axis=-1)
    ((path, why),) = fit.failures
    assert path.name == "0.tif"
    assert "3 channels in 2D, but most of the others have 2 channels in 2D" in why
    assert classifier.n_channels == 2


def test_frames_are_images_of_their_own(nuclei, tmp_path):
    one = nuclei[0]
    movie, painted = np.stack([one.image, one.image[::-1]]), samples.strokes(one.labels, n_pixels=60)
    paintings = np.stack([painted, painted[::-1]])
    write_image(tmp_path / "i" / "movie.tif", np.stack([movie, movie // 2], axis=1))
    write_image(tmp_path / "a" / "movie.tif", paintings)
    classifier = pixel_classifier()
    fit_folder(classifier, tmp_path / "i", tmp_path / "a", frame_axis=0, channel_axis=1)
    frames = [np.stack([frame, frame // 2], axis=-1) for frame in movie]
    expected = pixel_classifier().fit(frames, list(paintings), channel_axis=-1)
    np.testing.assert_array_equal(classifier.predict(frames[0]), expected.predict(frames[0]))
    write_image(tmp_path / "a" / "movie.tif", paintings[:1])
    with pytest.raises(InputError, match="2 frames, but its annotation 1"):
        fit_folder(pixel_classifier(), tmp_path / "i", tmp_path / "a", frame_axis=0, channel_axis=1)


def test_nothing_left_says_why(folders):
    images, annotations = folders
    for path in images.iterdir():
        broken(path)
    with pytest.raises(InputError, match=r"None of the files can be used.*cell0\.tif.*2 more were left out"):
        fit_folder(pixel_classifier(), images, annotations)
    touch(annotations.parent / "other", "x.tif", "y.txt")
    with pytest.raises(InputError, match=r"no file has the same name.*without partner.*not an image"):
        fit_folder(pixel_classifier(), images, annotations.parent / "other")


def test_one_class_in_all_files_together_is_not_enough(folders, strokes):
    images, annotations = folders
    for number, painted in enumerate(strokes):
        write_image(annotations / f"cell{number}.tif", (painted == 1).astype(np.uint8))
    with pytest.raises(InputError, match="only class 1"):
        fit_folder(pixel_classifier(), images, annotations)


def test_classes_may_be_spread_over_the_files(folders, strokes):
    images, annotations = folders
    for number, painted in enumerate(strokes):
        write_image(annotations / f"cell{number}.tif", np.where(painted == number + 1, painted, 0))
    classifier = pixel_classifier()
    fit = fit_folder(classifier, images, annotations)
    assert len(fit.used) == 2  # the third has no class 3
    assert classifier.classes_.tolist() == [1, 2]


def test_progress_goes_to_the_end_and_stops_the_training(nuclei, folders):
    seen = []
    fit_folder(pixel_classifier(), *folders, progress=lambda done, total: seen.append((done, total)))
    assert [total for _, total in seen] == [6] * len(seen)
    done = [d for d, _ in seen]
    assert done == sorted(done)
    assert done[:3] == [1, 2, 3]
    assert done[-1] == 6
    for last in (2, 4):
        classifier = pixel_classifier()

        def stop(done, total, last=last):
            if done >= last:
                raise Cancelled

        with pytest.raises(Cancelled):
            fit_folder(classifier, *folders, progress=stop)
        with pytest.raises(InputError, match="not trained"):
            classifier.predict(nuclei[0].image)


def test_a_training_continues_without_losing_the_old(nuclei, strokes, folders, tmp_path):
    sample, painted = nuclei[0], strokes[0]
    classifier = pixel_classifier().fit(sample.image, np.where(painted == 2, 7, painted).astype(np.uint8))
    n = len(classifier.samples_)
    fit = fit_folder(classifier, *folders, keep=True)
    assert len(fit.used) == 3
    assert classifier.classes_.tolist() == [1, 2, 7]
    assert len(classifier.samples_) == n + sum(np.count_nonzero(s) for s in strokes)
    write_image(tmp_path / "c" / "cell0.tif", np.stack([sample.image] * 2))
    with pytest.raises(InputError, match="2 channels in 2D, but those of the earlier training have 1 channel in 2D"):
        fit_folder(classifier, tmp_path / "c", folders[1], channel_axis=0, keep=True)


def test_the_held_out_part_of_an_image_stays_when_files_are_added(nuclei, strokes, folders):
    few = pixel_classifier()
    fit_folder(few, *folders)
    for folder, image in zip(folders, (nuclei[0].image[::-1], strokes[0][::-1]), strict=True):
        write_image(folder / "another.tif", image)
    many = pixel_classifier()
    fit_folder(many, *folders)
    assert len(many.samples_) > len(few.samples_)
    assert set(few.samples_.groups.tolist()) < set(many.samples_.groups.tolist())


def test_images_that_do_not_fit_into_memory_are_read_again(monkeypatch, nuclei, folders):
    plenty = pixel_classifier(normalise="log")
    fit_folder(plenty, *folders)
    monkeypatch.setattr("bioloom.classify.folders.CachedImages", lambda: CachedImages(budget=0))
    little = pixel_classifier(normalise="log")
    fit_folder(little, *folders)
    np.testing.assert_array_equal(little.predict_proba(nuclei[1].image), plenty.predict_proba(nuclei[1].image))


def test_only_as_much_as_allowed_is_kept_in_memory(tmp_path):
    paths = [tmp_path / f"{n}.tif" for n in range(3)]
    for number, path in enumerate(paths):
        write_image(path, np.full((10, 10), number, np.uint8))
    images = CachedImages(budget=250)
    first = [images.read(path) for path in paths]
    again = [images.read(path) for path in reversed(paths)]
    assert [a is b for a, b in zip(first, reversed(again), strict=True)] == [True, True, True]
    write_image(paths[0], np.full((10, 10), 9, np.uint8))
    write_image(tmp_path / "3.tif", np.zeros((10, 10), np.uint8))
    images.read(tmp_path / "3.tif")
    assert images.read(paths[0])[0, 0] == 0  # kept
    assert images.read(paths[2]) is not first[2]  # pushed out by the last one


# ------------------------------------------------------------------------------------------------ objects
def test_objects_of_folders_teach_what_their_tables_teach(nuclei, object_folders):
    images, annotations, labels = object_folders
    classifier = ObjectClassifier(n_trees=5)
    fit = fit_folder(classifier, images, annotations, labels=labels, spacing=(0.5, 0.5))
    assert len(fit.used) == 3
    assert classifier.spacing == (0.5, 0.5)
    assert len(classifier.samples_) == 18
    result = classifier.predict_objects(nuclei[0].labels, nuclei[0].image)
    truth = nuclei[0].cell_types.set_index("label")["cell_type"]
    assert (result.set_index("label")["class"] == truth.loc[result["label"]]).mean() > 0.8


def test_bad_files_of_objects_are_listed(object_folders):
    images, annotations, labels = object_folders
    broken(labels / "cell0.tif")
    write_image(annotations / "cell1.tif", np.zeros((96, 108), np.uint8))
    fit = fit_folder(ObjectClassifier(n_trees=5), images, annotations, labels=labels)
    assert [path.name for path, _ in fit.failures] == ["cell0.tif", "cell1.tif"]
    assert "Cannot read" in fit.failures[0][1]
    assert "Nothing is annotated" in fit.failures[1][1]


def test_annotations_beside_the_objects_are_told(nuclei, object_folders):
    images, annotations, labels = object_folders
    write_image(annotations / "cell0.tif", (nuclei[0].labels == 0).astype(np.uint8))
    fit = fit_folder(ObjectClassifier(n_trees=5), images, annotations, labels=labels)
    assert "touches no object" in fit.failures[0][1]


def test_channels_of_objects_are_measured_one_by_one(nuclei, object_folders):
    images, annotations, labels = object_folders
    for number, sample in enumerate(nuclei):
        write_image(images / f"cell{number}.tif", np.stack([sample.image, sample.image[::-1]], axis=-1))
    classifier = ObjectClassifier(["area", "intensity_mean"], n_trees=5)
    fit_folder(classifier, images, annotations, labels=labels, channel_axis=2)
    assert classifier.feature_names_ == ["area", "intensity_mean_channel0", "intensity_mean_channel1"]
    with pytest.raises(InputError, match="channel_axis 2"):
        fit_folder(classifier, images, annotations, labels=labels)


def test_what_was_learnt_before_does_not_decide_what_is_measured(nuclei, object_folders):
    images, annotations, labels = object_folders
    classifier = ObjectClassifier(n_trees=5).fit(nuclei[0].labels, marked(nuclei[0]))
    assert "intensity_mean" not in classifier.feature_names_
    fit_folder(classifier, images, annotations, labels=labels)
    assert "intensity_mean" in classifier.feature_names_


def test_objects_continue_without_losing_the_old(nuclei, object_folders):
    images, annotations, labels = object_folders
    other = samples.nuclei_2d(shape=(96, 100), n_nuclei=8, seed=9)
    painted = np.where(marked(other) == 2, 3, marked(other)).astype(np.uint8)
    classifier = ObjectClassifier(n_trees=5).fit(other.labels, painted, other.image)
    fit_folder(classifier, images, annotations, labels=labels, keep=True)
    assert classifier.classes_.tolist() == [1, 2, 3]
    assert len(classifier.samples_) == 6 + 18


def test_pairs_of_objects_are_learnt_from_folders(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(2):
        cells = np.kron(np.arange(1, 65).reshape(8, 8), np.ones((12, 12), int)).astype(np.uint16)
        image = rng.normal(100, 5, cells.shape).astype(np.float32)
        image[:, 48:] += 100
        painted = np.zeros(cells.shape, np.uint8)
        painted[:, 11:13], painted[:, 47:49] = 1, 2
        for folder, pixels in (("images", image), ("annotations", painted), ("labels", cells)):
            write_image(tmp_path / folder / f"{number}.tif", pixels)
    inside_one = np.zeros((96, 96), np.uint8)
    inside_one[2:5, 2:5] = 1
    write_image(tmp_path / "annotations" / "1.tif", inside_one)
    merger = ObjectMerger(["mean_intensity_difference"], n_trees=10)
    fit = fit_folder(merger, tmp_path / "images", tmp_path / "annotations", labels=tmp_path / "labels")
    assert [files[0].name for files in fit.used] == ["0.tif"]
    assert "across no border" in fit.failures[0][1]
    merged = merger.predict(cells, image)
    assert len(np.unique(merged[:, :48])) < 16
    assert not set(np.unique(merged[:, :48])) & set(np.unique(merged[:, 48:]))


def test_tables_are_not_in_folders(object_folders):
    with pytest.raises(InputError, match=r"TableClassifier is not trained on images\. Call fit\(table, classes\)"):
        fit_folder(TableClassifier(), *object_folders[:2])


def test_labels_are_for_classifiers_of_objects(object_folders):
    images, annotations, labels = object_folders
    with pytest.raises(InputError, match="takes no label images"):
        fit_folder(pixel_classifier(), images, annotations, labels=labels)
    with pytest.raises(InputError, match="give the folder of their label images"):
        fit_folder(ObjectClassifier(), images, annotations)
