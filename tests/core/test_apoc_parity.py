"""Classifiers of APOC predict here as they did there, and those of Bioloom predict there as here.

The files lie beside the repository and are no part of it. Where BIOLOOM_APOC_PYTHON names a Python with APOC and an
OpenCL device, APOC itself is asked as well.
"""

import json
import os
import subprocess
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from bioloom.classify import PixelClassifier, load_classifier
from bioloom.classify.object_merger import ObjectMerger
from bioloom.classify.object_selector import ObjectSelector
from bioloom.classify.objects import ObjectClassifier, annotated_classes
from bioloom.classify.pixel_outputs import ObjectSegmenter, ProbabilityMapper
from bioloom.classify.table import TableClassifier
from bioloom.measure import list_properties, measure

DATA = Path(__file__).parents[3] / "shared" / "data" / "apoc"
WORKER = Path(__file__).with_name("apoc_worker.py")
PYTHON = os.environ.get("BIOLOOM_APOC_PYTHON")

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"APOC's files are not in {DATA}")
with_apoc = pytest.mark.skipif(not PYTHON, reason="BIOLOOM_APOC_PYTHON does not name a Python with APOC")

ENOUGH = 0.9999


def read(name):
    import tifffile

    return tifffile.imread(DATA / name)


@pytest.fixture(scope="module")
def image():
    return read("blobs.tif")


@pytest.fixture(scope="module")
def labels():
    return read("labels.tif").astype(np.uint32)


def same_objects(a, b):
    """Tell whether two label images show the same objects, whatever their numbers."""
    pairs = np.unique(np.stack([np.ravel(a), np.ravel(b)]), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]


# ------------------------------------------------------------------------------------------------ files of APOC
@pytest.mark.parametrize("name", ["pixel_2class", "pixel_3class_deep"])
def test_pixels_are_classified_as_apoc_did(name, image):
    classifier = load_classifier(DATA / "models" / f"{name}.cl")
    assert type(classifier) is PixelClassifier
    assert (classifier.predict(image) == read(f"models/{name}_prediction.tif")).mean() >= ENOUGH


def test_objects_are_segmented_as_apoc_did(image):
    classifier = load_classifier(DATA / "models" / "segmenter.cl")
    assert type(classifier) is ObjectSegmenter
    assert classifier.positive_class == 2
    found, expected = classifier.predict(image), read("models/segmenter_prediction.tif")
    assert ((found > 0) == (expected > 0)).mean() >= ENOUGH
    assert same_objects(found, expected)


def test_probabilities_are_those_of_apoc(image):
    classifier = load_classifier(DATA / "models" / "probability.cl")
    assert type(classifier) is ProbabilityMapper
    assert classifier.positive_class == 2
    difference = np.abs(classifier.predict(image) - read("models/probability_prediction.tif"))
    assert difference.max() < 1e-4


def test_objects_are_classified_as_apoc_did(image, labels):
    classifier = load_classifier(DATA / "models" / "object.cl")
    assert type(classifier) is ObjectClassifier
    np.testing.assert_array_equal(classifier.predict(labels, image), read("models/object_prediction.tif"))


def counting_file(path, trees, n_features, kind, last):
    """Write trees of scikit-learn as older versions of APOC did: leaves with numbers of samples instead of shares."""

    def text(tree, node, depth):
        blank = " " * depth
        if tree.children_left[node] < 0:
            counts = tree.value[node, 0] * tree.weighted_n_node_samples[node]
            return "".join(f"{blank}s{c}+={round(w):.1f};\n" for c, w in enumerate(counts) if w > 0)
        return (
            f"{blank}if(i{tree.feature[node]}<{np.float32(tree.threshold[node])}){{\n"
            f"{text(tree, tree.children_left[node], depth + 1)}{blank}}} else {{\n"
            f"{text(tree, tree.children_right[node], depth + 1)}{blank}}}\n"
        )

    header = {
        "classifier_class_name": kind,
        "feature_specification": "original gaussian_blur=1 sobel_of_gaussian_blur=1",
        "num_ground_truth_dimensions": 2,
        "num_classes": 2,
        "num_features": n_features,
        "max_depth": 2,
        "num_trees": len(trees),
    }
    if kind == "ObjectSegmenter":
        header["positive_class_identifier"] = 2
    lines = "".join(f"{k} = {v}\n" for k, v in header.items())
    body = "".join(text(tree.tree_, 0, 0) for tree in trees)
    path.write_text(f"/*\nOpenCL RandomForestClassifier\n{lines}*/\n{{\n float s0=0;\n float s1=0;\n{body}{last}")
    return load_classifier(path)


CLASSES = " float max_s=s0;\n int cls=1;\n WRITE_IMAGE (out, POS_out_INSTANCE(x,y,z,0), cls);\n}\n"
SHARES = " float sum_s=s0;\n int cls=1;\n WRITE_IMAGE (out, POS_out_INSTANCE(x,y,z,0), s1 / sum_s);\n}\n"


@pytest.mark.parametrize(
    ("kind", "reference", "channels", "rounds"),
    [
        ("PixelClassifier", "reference", 1, 1),
        ("PixelClassifier", "reference_multichannel", 2, 1),
        ("PixelClassifier", "reference_continue_training", 1, 2),
        ("ObjectSegmenter", "reference_labels", 1, 1),
        ("ProbabilityMapper", "reference_probability", 1, 1),
    ],
)
def test_references_of_apoc_are_met_exactly_with_leaves_that_count(image, tmp_path, kind, reference, channels, rounds):
    """With APOC's forest (10 trees of scikit-learn, seed 0), on Bioloom's features, read from a file that counts."""
    from sklearn.ensemble import RandomForestClassifier

    annotation = read("annotations.tif")
    pixels = image if channels == 1 else np.stack([image] * channels)
    axis = None if channels == 1 else 0
    source = PixelClassifier("original gaussian_blur=1 sobel_of_gaussian_blur=1").feature_blocks(pixels, axis, None)
    values = np.tile(source.at(annotation > 0), (rounds, 1))
    classes = np.tile(annotation[annotation > 0], rounds)
    forest = RandomForestClassifier(max_depth=2, n_estimators=10, random_state=0).fit(values, classes)
    last = SHARES if kind == "ProbabilityMapper" else CLASSES
    classifier = counting_file(tmp_path / "counts.cl", forest.estimators_, values.shape[1], kind, last)
    assert not classifier.forest.has_whole_votes
    found, expected = classifier.predict(pixels), read(f"{reference}.tif")
    if kind == "ProbabilityMapper":
        np.testing.assert_allclose(found, expected, atol=1e-6)
    elif kind == "ObjectSegmenter":
        assert same_objects(found, expected)
    else:
        np.testing.assert_array_equal(found, expected)


# ------------------------------------------------------------------------------------------------ APOC itself
class Apoc:
    def __init__(self, folder):
        self.folder, self.number = folder, count()
        self.log = (folder / "log.txt").open("w+")
        self.process = subprocess.Popen(
            [PYTHON, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True
        )
        self.about = self._answer()

    def ask(self, do, arrays, **request):
        number = next(self.number)
        data, out = self.folder / f"data{number}.npz", self.folder / f"out{number}.npz"
        np.savez(data, **arrays)
        self.process.stdin.write(json.dumps({**request, "do": do, "data": str(data), "out": str(out)}) + "\n")
        self.process.stdin.flush()
        self._answer()
        if do == "train":
            return None
        with np.load(out) as found:
            return dict(found) if do == "features" else found["result"]

    def _answer(self):
        for line in self.process.stdout:
            if line.startswith("answer\t"):
                return json.loads(line.split("\t", 1)[1])
        self.log.seek(0)
        raise AssertionError(f"APOC ended: {self.log.read()[-2000:]}")

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()
        self.log.close()


@pytest.fixture(scope="module")
def apoc(tmp_path_factory):
    worker = Apoc(tmp_path_factory.mktemp("apoc"))
    yield worker
    worker.close()


def numbered(classes, ids):
    """Return class ids as APOC numbers them: 1 for the lowest."""
    return np.where(classes > 0, np.searchsorted(ids, classes) + 1, 0)


PIXEL_FEATURES = (
    "original gaussian_blur=1 sobel_of_gaussian_blur=1 gaussian_blur=5 difference_of_gaussian=5 "
    "laplace_box_of_gaussian_blur=2"
)
OBJECT_FEATURES = (
    "area mean_intensity intensity_std touching_neighbor_count average_distance_of_n_nearest_neighbors=6 "
    "minimum_touch_portion_dilated_r_5 max_distance_to_mass_center"
)


@with_apoc
@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize("depth", [2, 8])
def test_apoc_runs_our_pixel_classifiers(apoc, image, tmp_path, n_channels, depth):
    annotation = np.array([0, 5, 1])[read("annotations.tif")]
    pixels = image if n_channels == 1 else np.stack([image, 255 - image[::-1]])
    axis = None if n_channels == 1 else 0
    path = tmp_path / "model.cl"
    classifier = PixelClassifier(PIXEL_FEATURES, max_depth=depth).fit(pixels, annotation, channel_axis=axis)
    classifier.save(path)
    found = apoc.ask(
        "predict", {"image": pixels}, model=str(path), channels=n_channels > 1, **{"class": "PixelClassifier"}
    )
    same = (numbered(classifier.predict(pixels), classifier.classes_) == found).mean()
    print(f"\npixel classifier, depth {depth}, {n_channels} channel(s): {same:.6f} the same in {apoc.about}")
    assert same >= ENOUGH


@with_apoc
@pytest.mark.parametrize("kind", [ObjectSegmenter, ProbabilityMapper])
def test_apoc_runs_our_segmenters_and_mappers(apoc, image, tmp_path, kind):
    annotation = np.array([0, 9, 4])[read("annotations.tif")]
    path = tmp_path / "model.cl"
    # What APOC knows: intensities as they are, and connected regions.
    plain = {"normalise": "none", "smoothing": 0, "fill_holes": False, "split_touching": False}
    settings = plain if kind is ObjectSegmenter else {}
    classifier = kind(positive_class=4, features=PIXEL_FEATURES, max_depth=4, **settings).fit(image, annotation)
    classifier.save(path)
    found = apoc.ask("predict", {"image": image}, model=str(path), **{"class": kind.__name__})
    expected = classifier.predict(image)
    np.testing.assert_array_equal(load_classifier(path).predict(image), expected)
    if kind is ObjectSegmenter:
        same = ((found > 0) == (expected > 0)).mean()
        assert same_objects(found, expected)
    else:
        same = (np.abs(found - expected) < 1e-4).mean()
    print(f"\n{kind.__name__}: {same:.6f} the same in {apoc.about}")
    assert same >= ENOUGH


@with_apoc
@pytest.mark.parametrize("kind", [ObjectClassifier, ObjectSelector])
def test_apoc_runs_our_object_classifiers(apoc, image, labels, tmp_path, kind):
    annotation = np.array([0, 2, 3, 8])[read("label_annotation.tif")]
    path = tmp_path / "model.cl"
    classifier = kind(OBJECT_FEATURES, **({"positive_class": 8} if kind is ObjectSelector else {}))
    classifier.fit(labels, annotation, image).save(path)
    found = apoc.ask("predict", {"labels": labels, "image": image}, model=str(path), **{"class": kind.__name__})
    if kind is ObjectSelector:
        expected = classifier.predict(labels, image, relabel=True)
    else:
        expected = numbered(classifier.predict(labels, image), classifier.classes_)
    assert len(np.unique(expected)) > 2
    np.testing.assert_array_equal(found, expected)


@with_apoc
def test_apoc_runs_our_object_mergers(apoc, tmp_path):
    labels, image = read("membrane2d_oversegmented.tif").astype(np.uint32), read("membrane2d.tif")
    path = tmp_path / "model.cl"
    merger = ObjectMerger(max_depth=4).fit(labels, read("membrane2d_merge_annotation.tif"), image)
    merger.save(path)
    found = apoc.ask("predict", {"labels": labels, "image": image}, model=str(path), **{"class": "ObjectMerger"})
    assert found.max() < labels.max()
    np.testing.assert_array_equal(merger.predict(labels, image, relabel=True), found)


@with_apoc
def test_apoc_runs_our_table_classifiers(apoc, image, labels, tmp_path):
    table = measure(labels, image, properties=["area", "intensity_mean", "eccentricity"])
    classes = annotated_classes(labels, read("label_annotation.tif"), table)
    path = tmp_path / "model.cl"
    classifier = TableClassifier().fit(table, classes)
    classifier.save(path)
    columns = {name: table[name].to_numpy(np.float32) for name in classifier.feature_names_}
    found = apoc.ask("predict", columns, model=str(path), columns=list(columns), **{"class": "TableRowClassifier"})
    np.testing.assert_array_equal(numbered(classifier.predict(table), classifier.classes_), found)


@with_apoc
@pytest.mark.parametrize("kind", ["ObjectClassifier", "ObjectSelector", "ObjectMerger", "TableRowClassifier"])
def test_classifiers_that_apoc_trains_predict_the_same_here(apoc, image, labels, tmp_path, kind):
    path = tmp_path / "model.cl"
    request = {"class": kind, "model": str(path)}
    setting = {
        "max_depth": 5,
        "trees": 30,
        "features": OBJECT_FEATURES.replace("intensity_std", "sum_x original_label"),
    }
    if kind == "TableRowClassifier":
        table = measure(labels, image, properties=["area", "intensity_mean", "eccentricity", "solidity"])
        columns = {name: table[name].to_numpy(np.float32) for name in table.columns if name != "label"}
        classes = annotated_classes(labels, read("label_annotation.tif"), table)
        apoc.ask("train", {**columns, "classes": classes}, columns=list(columns), **request, **setting)
        found = apoc.ask("predict", columns, columns=list(columns), **request)
        np.testing.assert_array_equal(load_classifier(path).predict(table), found)
        return
    annotation = read("label_annotation.tif")
    if kind == "ObjectMerger":
        labels, image = read("membrane2d_oversegmented.tif").astype(np.uint32), read("membrane2d.tif")
        annotation = read("membrane2d_merge_annotation.tif")
        setting["features"] = (
            "mean_touch_intensity touch_portion touch_count centroid_distance mean_intensity_difference "
            "standard_deviation_intensity_difference area_difference mean_max_distance_to_centroid_ratio_difference"
        )
    elif kind == "ObjectSelector":
        setting["positive_class_identifier"] = 3
    pixels = {"labels": labels, "image": image}
    apoc.ask("train", {**pixels, "annotation": annotation}, **request, **setting)
    found = apoc.ask("predict", pixels, **request)
    relabel = {} if kind == "ObjectClassifier" else {"relabel": True}
    np.testing.assert_array_equal(load_classifier(path).predict(labels, image, **relabel), found)


@with_apoc
@pytest.mark.parametrize("dimensions", [2, 3])
def test_all_object_features_of_apoc_have_its_values(apoc, image, labels, tmp_path, dimensions):
    if dimensions == 3:
        labels = np.kron(np.arange(1, 28).reshape(3, 3, 3), np.ones((4, 9, 11), int)).astype(np.uint32)
        labels[::5], labels[:, 7:9] = 0, 0
        image = np.random.default_rng(0).integers(0, 255, labels.shape).astype(np.float32)
    ours = [p.name for p in list_properties(dimensions, ["clesperanto"]) if p.name != "label_plus_one"]
    ours += ["touching_neighbor_count", *(f"average_distance_of_n_nearest_neighbors={n}" for n in (1, 6, 200))]
    pixels = {"labels": labels, "image": image}
    found = apoc.ask("features", pixels, columns=[*ours, "area", "label"], model=str(tmp_path / "none.cl"))
    table = measure(labels, image, properties=[*ours, "num_pixels", "label_plus_one"])
    table = table.drop(columns="label").rename(columns={"num_pixels": "area", "label_plus_one": "label"})
    assert len(table.columns) == 103
    for name, column in table.items():
        np.testing.assert_allclose(column, found[name], rtol=2e-4, atol=1e-3, err_msg=name)
