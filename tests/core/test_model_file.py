"""Classifier files: everything that is saved comes back, and nothing that is broken gets in or takes long."""

import base64
import gc
import json
import time
import zlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioloom import samples
from bioloom.classify import ObjectClassifier, PixelClassifier, load_classifier
from bioloom.classify._samples_text import MAX_BYTES, decode_samples, encode_samples
from bioloom.classify._tree_text import kernel_text, read_forest
from bioloom.classify.forest import Forest, find_edges
from bioloom.classify.model_file import CLASSES, to_text
from bioloom.classify.object_merger import ObjectMerger
from bioloom.classify.object_selector import ObjectSelector
from bioloom.classify.pixel_outputs import ObjectSegmenter, ProbabilityMapper
from bioloom.classify.samples import TrainingSamples, bins_of, hashed
from bioloom.classify.table import TableClassifier
from bioloom.errors import InputError, ModelFileError

SECOND = 1.0


@pytest.fixture(scope="module")
def scene():
    sample = samples.nuclei_2d(shape=(200, 200), n_nuclei=24, seed=2)
    return sample, samples.strokes(sample.labels), samples.annotate_objects(sample, n_per_type=5, seed=0)


def halves(labels):
    """Cut objects in two, and annotate that some of the halves belong together and some do not."""
    cut = np.where(labels > 0, 2 * labels - 1, 0).astype(np.uint32)
    middle = np.arange(labels.shape[1]) % 16 < 8
    cut[:, middle] += (labels[:, middle] > 0).astype(np.uint32)
    annotation = np.where(labels % 2 == 1, 1, 2) * (labels > 0)
    return cut, annotation


MAKE = {
    "PixelClassifier": lambda s, p, o: PixelClassifier("original gaussian_blur=2", n_trees=7).fit(s.image, p),
    "ObjectSegmenter": lambda s, p, o: ObjectSegmenter(5, "original gaussian_blur=2", n_trees=7).fit(s.image, p),
    "ProbabilityMapper": lambda s, p, o: ProbabilityMapper(5, "original gaussian_blur=2", n_trees=7).fit(s.image, p),
    "ObjectClassifier": lambda s, p, o: ObjectClassifier(n_trees=7).fit(s.labels, o, s.image, spacing=(0.5, 0.5)),
    "ObjectSelector": lambda s, p, o: ObjectSelector(positive_class=9, n_trees=7).fit(s.labels, o, s.image),
    "ObjectMerger": lambda s, p, o: ObjectMerger(n_trees=7).fit(*halves(s.labels), s.image),
    "TableRowClassifier": lambda s, p, o: TableClassifier(n_trees=7).fit(
        {"a b": np.arange(20.0), "*/": np.arange(20.0) % 3}, np.arange(20) // 10 + 3
    ),
}


def answer(classifier, scene):
    sample = scene[0]
    if isinstance(classifier, TableClassifier):
        return classifier.predict({"*/": np.arange(9.0) % 4, "a b": np.linspace(0, 20, 9)})
    if isinstance(classifier, ObjectMerger):
        return classifier.predict(halves(sample.labels)[0], sample.image)
    if isinstance(classifier, ObjectClassifier):
        return classifier.predict(sample.labels, sample.image)
    return classifier.predict(sample.image)


@pytest.fixture(scope="module")
def trained(scene):
    sample, painted, objects = scene
    painted, objects = np.array([0, 3, 5])[painted], np.array([0, 4, 9])[objects]
    return {name: make(sample, painted, objects) for name, make in MAKE.items()}


@pytest.mark.parametrize("name", CLASSES)
def test_every_classifier_survives_a_file(trained, scene, tmp_path, name):
    classifier = trained[name]
    classifier.class_names = {int(classifier.classes_[0]): 'the "first" */ µ'}
    classifier.save(tmp_path / "model.cl")
    loaded = load_classifier(tmp_path / "model.cl")
    assert type(loaded) is type(classifier)
    for attribute in ("classes_", "class_names", "n_trees", "max_depth", "seed", "spacing", "trees", "oob_score_"):
        np.testing.assert_equal(getattr(loaded, attribute), getattr(classifier, attribute), err_msg=attribute)
    assert loaded.feature_names_ == classifier.feature_names_
    assert getattr(loaded, "positive_class", None) == getattr(classifier, "positive_class", None)
    np.testing.assert_array_equal(answer(loaded, scene), answer(classifier, scene))
    kept, given = loaded.samples_, classifier.samples_
    for part in ("bins", "classes", "groups"):
        np.testing.assert_array_equal(getattr(kept, part), getattr(given, part))
    assert all(map(np.array_equal, kept.edges, given.edges))
    assert to_text(loaded) == to_text(classifier)
    header = (tmp_path / "model.cl").read_text(encoding="utf-8").split("\n")
    assert header.index("*/") < 25
    assert "\n".join(header).count("*/") == 1
    assert header[2] == f"classifier_class_name = {name}"


def test_what_other_programs_read_stands_as_they_expect_it(trained):
    text = to_text(trained["ObjectSelector"])
    assert "positive_class_identifier = 2\n" in text
    assert "positive_class = 9\n" in text
    assert "area" in text.split("feature_specification = ")[1].split("\n")[0].split()
    assert text.rstrip().endswith("WRITE_IMAGE (out, POS_out_INSTANCE(x,y,z,0), cls);\n}")
    assert "s1 / sum_s" in to_text(trained["ProbabilityMapper"])
    assert "area_in_units" in to_text(trained["ObjectClassifier"])


def test_a_positive_class_that_was_not_annotated_cannot_be_saved(trained, tmp_path):
    mapper = load_classifier_from(tmp_path, to_text(trained["ProbabilityMapper"]))
    mapper.positive_class = 7
    with pytest.raises(InputError, match="positive class 7"):
        mapper.save(tmp_path / "new.cl")
    assert not (tmp_path / "new.cl").exists()


def load_classifier_from(folder, text):
    path = folder / "model.cl"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_classifier(path)


def test_a_loaded_classifier_is_trained_on_with_new_data(scene, trained, tmp_path):
    sample, _, objects = scene
    objects = np.array([0, 4, 9])[objects]
    loaded = load_classifier_from(tmp_path, to_text(trained["ObjectSelector"]))
    other = np.where(objects == 0, np.where(sample.labels == sample.labels[objects == 0].max(), 6, 0), 0)
    loaded.fit(sample.labels, other, sample.image, keep=True)
    assert loaded.classes_.tolist() == [4, 6, 9]
    both = ObjectSelector(positive_class=9, n_trees=7).fit(sample.labels, objects + other, sample.image)
    ours, theirs = (
        loaded.predict_objects(sample.labels, sample.image),
        both.predict_objects(sample.labels, sample.image),
    )
    assert (ours["class"] == theirs["class"]).mean() > 0.9


def test_files_with_the_line_ends_of_windows_are_read(trained, scene, tmp_path):
    text = to_text(trained["ObjectClassifier"])
    loaded = load_classifier_from(tmp_path, text.replace("\n", "\r\n"))
    np.testing.assert_array_equal(answer(loaded, scene), answer(trained["ObjectClassifier"], scene))


def test_a_probability_mapper_of_apoc_that_names_no_class_is_read(trained, tmp_path):
    text = to_text(trained["PixelClassifier"]).replace("= PixelClassifier", "= ProbabilityMapper")
    assert load_classifier_from(tmp_path, text).positive_class == 2


def test_a_file_of_an_object_classifier_of_apoc_needs_measurements_that_exist(trained, tmp_path):
    text = to_text(trained["TableRowClassifier"])
    start, rest = text.split("feature_specification = ")
    start = start.replace("TableRow", "Object")
    rest = "\n".join(line for line in rest.split("\n")[1:] if not line.startswith("feature"))
    good = f"{start}feature_specification = area average_distance_of_n_nearest_neighbors=3\n{rest}"
    assert load_classifier_from(tmp_path, good).feature_names_[0] == "num_pixels"
    with pytest.raises(ModelFileError, match="smell"):
        load_classifier_from(tmp_path, good.replace(" area ", " smell "))


# ------------------------------------------------------------------------------------------------ numbers
@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1, 1e6, 1e30])
def test_thresholds_and_weights_come_back_to_the_bit(scale):
    rng = np.random.default_rng(0)
    edges = [np.unique((rng.normal(size=300) * scale).astype(np.float32))]
    n = len(edges[0])
    forest = Forest(
        edges,
        np.tile(np.array([0, -1, -1], np.int32), n),
        np.repeat(np.arange(n, dtype=np.int32), 3),
        np.array([[3 * i + 1, -1, -1] for i in range(n)], np.int32).ravel(),
        np.array([[3 * i + 2, -1, -1] for i in range(n)], np.int32).ravel(),
        (rng.random((2, 3 * n)) * np.tile([0, 1, 1], n)).astype(np.float32),
        np.arange(0, 3 * n, 3, dtype=np.int32),
        np.ones(1),
    )
    read = read_forest(kernel_text(forest).encode(), 1, 2, n, [1.0])
    np.testing.assert_array_equal(read.edges[0], edges[0])
    np.testing.assert_array_equal(read.threshold, np.where(forest.feature < 0, 0, forest.threshold))
    np.testing.assert_array_equal(read.weights, forest.weights)


@pytest.mark.parametrize(
    ("text", "below", "not_below"),
    [
        ("0.1", np.nextafter(np.float32(0.1), np.float32(0)), np.float32(0.1)),
        # As OpenCL compares: the double 0.7 is above the nearest float32, which therefore is below it.
        ("0.7", np.float32(0.7), np.nextafter(np.float32(0.7), np.float32(1))),
        ("-1.5e-3", np.float32(-0.0015001), np.float32(-0.0014999)),
        ("2E+2", np.float32(199.99998), np.float32(200)),
        ("1234567890123456789012345.", np.float32(1.23456e24), np.float32(1.23457e24)),
        (".5", np.float32(0.49999997), np.float32(0.5)),
    ],
)
def test_a_threshold_divides_values_as_its_decimal_does(text, below, not_below):
    forest = read_forest(
        f"\n float s0=0;\nif(i0<{text}){{\ns0+=1;\n}} else {{\ns0+=2;\n}}\n float max_s=s0;\n".encode(), 1, 1, 1, []
    )
    np.testing.assert_array_equal(bins_of(np.array([[below], [not_below]], np.float32), forest.edges), [[0], [1]])


def large_forest(n_trees, depth):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2500, 12)).astype(np.float32)
    classes = (values[:, 0] + rng.normal(size=2500) > 0).astype(np.intp)
    edges = [find_edges(c) for c in values.T]
    return Forest.train(bins_of(values, edges), classes, edges, n_trees=n_trees, max_depth=depth)


def test_huge_trees_load_fast(trained, tmp_path):
    classifier = TableClassifier(n_trees=1000, max_depth=30)
    few = large_forest(50, 30)
    forest = Forest(
        few.edges,
        *(np.tile(a, 20) for a in (few.feature, few.threshold)),
        *(np.concatenate([np.where(a < 0, -1, a + k * len(a)) for k in range(20)]) for a in (few.left, few.right)),
        np.tile(few.weights, 20),
        np.concatenate([few.roots + k * len(few.feature) for k in range(20)]),
        few.importances,
    )
    classifier._forest, classifier.classes_ = forest, np.array([1, 2])
    classifier.feature_names_ = [f"f{i}" for i in range(12)]
    classifier.save(tmp_path / "model.cl")
    load_classifier_from(tmp_path / "..", to_text(trained["TableRowClassifier"]))  # compiled
    start = time.thread_time()
    loaded = load_classifier(tmp_path / "model.cl")
    seconds = time.thread_time() - start
    print(f"\n{(tmp_path / 'model.cl').stat().st_size / 2**20:.0f} MiB, {len(forest.feature):,} nodes: {seconds:.2f} s")
    assert len(loaded.forest.roots) == 1000
    bins = np.random.default_rng(1).integers(0, 255, (12, 100)).astype(np.uint8)
    values = np.stack([np.append(-1e9, e)[b] for e, b in zip(few.edges, bins, strict=True)], 1).astype(np.float32)
    np.testing.assert_array_equal(
        loaded.forest.votes(bins_of(values, loaded.forest.edges).T.copy()),
        forest.votes(bins_of(values, few.edges).T.copy()),
    )
    assert seconds < SECOND


def test_a_classifier_that_no_file_could_hold_is_not_saved(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("bioloom.classify.model_file._MAX_BYTES", 1000)
    with pytest.raises(InputError, match="n_trees or max_depth smaller"):
        trained["PixelClassifier"].save(tmp_path / "model.cl")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------ samples
def make_samples(n, n_features, dtype=np.uint8):
    rng = np.random.default_rng(0)
    edges = [np.arange(200 if dtype == np.uint8 else 5000, dtype=np.float32) + k for k in range(n_features)]
    bins = rng.integers(0, len(edges[0]) + 1, (n, n_features)).astype(dtype)
    return TrainingSamples(bins, edges, np.where(rng.random(n) < 0.01, 7, 2).astype(np.int64), hashed(np.arange(n)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_samples_come_back(dtype):
    given = make_samples(1000, 5, dtype)
    found = decode_samples(encode_samples(given), 5)
    assert found.bins.dtype == dtype
    for part in ("bins", "classes", "groups"):
        np.testing.assert_array_equal(getattr(found, part), getattr(given, part))
    assert all(map(np.array_equal, found.edges, given.edges))


def test_samples_that_are_too_many_are_thinned_and_rare_classes_kept(monkeypatch):
    given = make_samples(3000, 5)
    monkeypatch.setattr("bioloom.classify._samples_text.MAX_BYTES", 20_000)
    found = decode_samples(encode_samples(given), 5)
    assert 500 < len(found) < 1500
    assert (found.classes == 7).sum() == (given.classes == 7).sum()
    monkeypatch.setattr("bioloom.classify._samples_text.MAX_BYTES", 2_000)
    assert encode_samples(given) is None


def packed(raw, **head):
    head = {"items": 4, "bytes": 1, "classes": [1, 2], "edges": [1, 1]} | head
    return json.dumps(head, separators=(",", ":")) + " " + base64.b64encode(zlib.compress(raw)).decode()


GOOD = np.array([0.5, 1.5], "<f4").tobytes() + bytes(8) + np.array([0, 1, 0, 1], "<u2").tobytes() + bytes(32)


def test_the_samples_that_are_broken_below_are_good_as_they_stand():
    assert len(decode_samples(packed(GOOD), 2)) == 4


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[] x", "null", packed(GOOD).replace(" ", ""), packed(GOOD)[:-3], packed(GOOD).replace(" ", " é"),
        packed(GOOD, items=5), packed(GOOD, items=-1), packed(GOOD, items=10**12), packed(GOOD, items=1e400),
        packed(GOOD, bytes=8), packed(GOOD, bytes=2), packed(GOOD, edges=[1, 1, 1]), packed(GOOD, edges=[2, 0]),
        packed(GOOD, edges=[-1, 3]), packed(GOOD, edges=[256, 1]), packed(GOOD, edges="ab"),
        packed(GOOD, classes=[2, 1]), packed(GOOD, classes=[0, 1]), packed(GOOD, classes=[1]),
        packed(GOOD, classes=[]), packed(GOOD, classes=[[1, 2]]), packed(GOOD, classes=[1, 10**30]),
        packed(b"\xff" * len(GOOD)), packed(GOOD[:8] + b"\x02" + GOOD[9:]), packed(GOOD + b"x"), packed(GOOD[:-1]),
        packed(bytes(300 << 20)), packed(bytes(MAX_BYTES), items=MAX_BYTES // 12),
    ],
)  # fmt: skip
def test_broken_samples_and_bombs_are_refused_at_once(trained, tmp_path, text):
    model = to_text(trained["TableRowClassifier"])
    line = next(line for line in model.split("\n") if line.startswith("training_samples = "))
    path = tmp_path / "model.cl"
    path.write_text(model.replace(line, f"training_samples = {text}"))
    start = time.thread_time()
    with pytest.raises(ModelFileError, match=r"model\.cl"):
        load_classifier(path)
    assert time.thread_time() - start < SECOND


# ------------------------------------------------------------------------------------------------ hostile files
@pytest.fixture(scope="module", autouse=True)
def little_to_search_for_garbage():
    """Leave what the tests of other files made out of the search for garbage: it takes a second, which counts here."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def text(trained):
    return to_text(trained["ObjectSelector"])


def refuse_or_load(folder, data):
    """Load a file; anything but a classifier or the one clear error is a failure, and so is a long wait."""
    start = time.thread_time()
    try:
        loaded = load_classifier_from(folder, data)
    except ModelFileError as error:
        message = str(error)
        assert "model.cl" in message
        assert len(message) < 500
        loaded = None
    assert time.thread_time() - start < SECOND
    return loaded


@pytest.mark.parametrize("end", [0, 1, 3, 40, 200, 700])
def test_files_that_are_cut_off_are_refused(text, tmp_path, end):
    assert refuse_or_load(tmp_path, text[:end]) is None
    body = text.index("*/")
    assert refuse_or_load(tmp_path, text[: body + end]) is None
    assert refuse_or_load(tmp_path, text[: -end - 250]) is None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_refused_or_are_classifiers(text, tmp_path, data):
    raw = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        # Mostly in the header, where a byte means most.
        at = data.draw(st.integers(0, 700) | st.integers(0, len(raw) - 1))
        how = data.draw(st.sampled_from(["flip", "insert", "delete", "repeat"]))
        if how == "flip":
            raw[at] ^= 1 << data.draw(st.integers(0, 7))
        elif how == "insert":
            raw[at:at] = data.draw(
                st.sampled_from([b"9" * 400, b"1e999", b"[" * 3000, b"-", b"\n", b"*/", b"\x00", b"nan", b"}" * 50])
            )
        elif how == "delete":
            del raw[at : at + data.draw(st.integers(1, 300))]
        else:
            raw[at:at] = raw[at : at + 200] * data.draw(st.integers(1, 50))
    loaded = refuse_or_load(tmp_path, bytes(raw))
    if loaded is not None:
        table = pd.DataFrame({name: np.linspace(0, 100, 5) for name in loaded.feature_names_})
        assert set(loaded.predict_table(table)["class"]) <= set(loaded.classes_.tolist())


def with_value(text, key, value):
    line = next(line for line in text.split("\n") if line.startswith(f"{key} = "))
    return text.replace(line, f"{key} = {value}")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_classes", 10**8), ("num_classes", 0), ("num_classes", -1), ("num_classes", "9" * 5000),
        ("num_features", 10**8), ("num_features", "²"), ("num_trees", 10**8), ("num_trees", 0), ("num_trees", ""),
        ("max_depth", "deep"), ("positive_class", "-3"), ("positive_class", '"x"'), ("positive_class", "1e400"),
        ("feature_importances", "a,b"), ("class_ids", "[1, 1]"), ("class_ids", "[1e400, 2]"), ("class_ids", "{}2"),
        ("class_ids", "[" * 100_000), ("class_ids", '{"a":' * 100_000), ("class_ids", "[1, " + "9" * 5000 + "]"),
        ("class_ids", "[0, 1]"), ("class_names", "[[]]"), ("class_names", '{"a": 1}'), ("spacing", "[0, 1]"),
        ("spacing", '"ab"'), ("spacing", "[NaN, 1]"), ("feature_names", '["a"]'), ("feature_names", "[1, 2]"),
        ("feature_names", "null"), ("features", "7"), ("training", "3"), ("training", '{"seed": -1}'),
        ("training", '{"trees": "oaks"}'), ("training", '{"oob_accuracy": []}'), ("num_ground_truth_dimensions", "x"),
        ("feature_specification", "x" * (2 << 20)), ("classifier_class_name", "Evil" * 100),
    ],
)  # fmt: skip
def test_hostile_values_in_the_header_are_refused(text, tmp_path, key, value):
    assert refuse_or_load(tmp_path, with_value(text, key, value)) is None


@pytest.mark.parametrize(
    "insertion",
    [
        "if(i0<1.0){\n" * 100_000,
        "if(i0<1.0){\n" * 400 + "s0+=1.0;\n" + "} else {\ns0+=1.0;\n}\n" * 399,
        "s0+=1.0;\n" * 2_000_000,
        "}\n",
        "} else {\n",
        "if(i0<" + "9" * 10_000_000 + "){\n",
        "if(i0<nan){\ns0+=1;\n} else {\ns0+=1;\n}\n",
        "if(i0<0x10){\ns0+=1;\n} else {\ns0+=1;\n}\n",
        "if(i0<1e){\ns0+=1;\n} else {\ns0+=1;\n}\n",
        "if(i0<1.0){\ns0+=1;\n} else {\n}\n",
        "if(i0<1.0){\ns0+=1;\n}\n",
        "if(i0<1.0){\ns0+=1;\ns0+=1;\n} else {\ns0+=1;\n}\n",
        "if(i0<1.0){\ns0+=1;\n} else {\ns0+=1;\n} else {\ns0+=1;\n}\n",
        "if(i9999999<1.0){\ns0+=1;\n} else {\ns0+=1;\n}\n",
        "s0+=-1;\n",
        "s0+=1e300;\n",
        'system("rm");\n',
        " " * 30_000_000,
        "\n" * 30_000_000,
        "\x00",
    ],
    ids=range(20),
)
def test_hostile_trees_are_refused_at_once(text, tmp_path, insertion):
    damaged = text.replace(" float max_s", insertion + " float max_s", 1)
    loaded = refuse_or_load(tmp_path, damaged)
    # Blanks mean nothing, however many there are.
    assert (loaded is not None) == (insertion.strip() == "")


def test_a_giant_file_is_refused_at_once(text, tmp_path):
    (tmp_path / "model.cl").write_bytes(b"/*\nOpenCL RandomForestClassifier\n")
    with (tmp_path / "model.cl").open("r+b") as file:
        file.truncate(1 << 40)
    start = time.thread_time()
    with pytest.raises(ModelFileError, match="larger than 128 MiB"):
        load_classifier(tmp_path / "model.cl")
    body = text[text.index("*/") :].split(" float max_s")[0].split("=0;\n")[-1]
    many = text.replace(" float max_s", body * ((120 << 20) // len(body)) + " float max_s", 1)
    assert refuse_or_load(tmp_path, many) is None
    assert time.thread_time() - start < 2 * SECOND
