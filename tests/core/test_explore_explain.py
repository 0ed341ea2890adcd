"""SHAP values against the shap library and against their definition; which columns set classes apart."""

import itertools
import math
import time

import numpy as np
import pandas as pd
import pytest

from bioloom.classify import ObjectClassifier, PixelClassifier, TableClassifier, load_classifier
from bioloom.errors import Cancelled, InputError
from bioloom.explore import (
    contribution_column,
    contribution_image,
    explain_pixels,
    explain_rows,
    rank_columns,
    save_beeswarm,
    save_ranking,
    save_waterfall,
)
from bioloom.explore._ranking_measures import permutation_importance
from bioloom.explore._shap_kernels import count_visits
from bioloom.explore._tree_shap import ForestPaths


def rows(n=300, n_features=6, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, n_features))
    score = values[:, :n_classes] + 0.5 * values[:, 1 : n_classes + 1] ** 2 * rng.normal(size=(n, 1))
    return pd.DataFrame(values, columns=[f"f{k}" for k in range(n_features)]), 5 * (1 + score.argmax(axis=1))


def trained(depth=5, n_trees=10, **options):
    table, classes = rows()
    return TableClassifier(n_trees=n_trees, max_depth=depth, **options).fit(table, classes), table


def visits_of(forest, bins):
    visits = np.zeros(len(forest.feature), np.int64)
    bins = np.ascontiguousarray(bins)
    count_visits(bins, forest.roots, forest.feature, forest.threshold, forest.left, forest.right, visits)
    return visits


def expectation(forest, visits, bins, known, number):
    """Return the mean share of a class where only some features are known: the definition, node by node."""

    def walk(node):
        if forest.feature[node] < 0:
            return float(forest.weights[number, node]) / 255
        left, right = forest.left[node], forest.right[node]
        if forest.feature[node] in known:
            return walk(right if bins[forest.feature[node]] > forest.threshold[node] else left)
        return (visits[left] * walk(left) + visits[right] * walk(right)) / visits[node]

    return sum(map(walk, forest.roots)) / forest.n_trees


@pytest.mark.parametrize("depth", [1, 3, 12])
def test_values_are_shapley_s_by_definition(depth):
    classifier, table = trained(depth, 3)
    forest, bins = classifier.forest, classifier.samples_.bins
    visits = visits_of(forest, bins)
    found = explain_rows(classifier, table, [4, 77])
    features = set(range(6))
    for item, row in enumerate((4, 77)):
        for number, feature in ((0, 0), (2, 1), (1, 5)):
            value = 0.0
            for size in range(6):
                for known in itertools.combinations(sorted(features - {feature}), size):
                    weight = math.factorial(size) * math.factorial(5 - size) / math.factorial(6)
                    more = expectation(forest, visits, bins[row], {*known, feature}, number)
                    value += weight * (more - expectation(forest, visits, bins[row], known, number))
            assert found.values[item, feature, number] == pytest.approx(value, abs=1e-12)
        assert found.base[item] == pytest.approx(expectation(forest, visits, bins[row], (), item), abs=1e-12)


@pytest.mark.parametrize(("depth", "trees"), [(4, "random forest"), (6, "extra trees"), (30, "random forest")])
def test_values_equal_the_shap_library(depth, trees):
    shap = pytest.importorskip("shap")
    table, classes = rows(400, 14, 4)
    classifier = TableClassifier(n_trees=15, max_depth=depth, trees=trees).fit(table, classes)
    found = explain_rows(classifier, table, range(60))
    forest, bins = classifier.forest, classifier.samples_.bins
    visits = visits_of(forest, bins)
    for number in range(4):
        parts = []
        for first, last in itertools.pairwise([*forest.roots, len(forest.feature)]):
            part = slice(first, last)
            leaf = forest.feature[part] < 0
            left, right = (np.where(leaf, -1, child[part] - first) for child in (forest.left, forest.right))
            parts.append(
                {
                    "children_left": left,
                    "children_right": right,
                    "children_default": right,
                    "features": forest.feature[part].copy(),
                    "thresholds": forest.threshold[part] + 0.5,
                    "values": forest.weights[number, part].astype(float).reshape(-1, 1) / (255 * forest.n_trees),
                    "node_sample_weight": visits[part].astype(float),
                }
            )
        explainer = shap.TreeExplainer({"trees": parts}, feature_perturbation="tree_path_dependent")
        expected = explainer.shap_values(bins[:60].astype(float), check_additivity=False)
        np.testing.assert_allclose(found.values[:, :, number], expected, atol=1e-12)


@pytest.mark.parametrize("depth", [2, 6, 30])
def test_contributions_add_up_to_the_answer(depth):
    classifier, table = trained(depth, 30)
    found = explain_rows(classifier, table)
    np.testing.assert_allclose(found.probabilities, classifier.predict_proba(table), atol=1e-6)
    assert (found.predicted == classifier.predict(table)).mean() > 0.99
    np.testing.assert_allclose(found.values.sum(axis=2), 0, atol=1e-12)
    assert found.class_ids == (5, 10, 15)


def test_explanations_are_the_same_after_saving_and_without_training_data(tmp_path):
    classifier, table = trained()
    found = explain_rows(classifier, table)
    classifier.save(tmp_path / "rows.cl")
    loaded = load_classifier(tmp_path / "rows.cl")
    np.testing.assert_allclose(explain_rows(loaded, table).values, found.values, atol=1e-9)
    loaded.samples_ = None
    # The table is then what tells how often each branch is taken; it is the training table here.
    np.testing.assert_allclose(explain_rows(loaded, table).values, found.values, atol=1e-9)


def test_features_that_decide_come_first_and_point_the_right_way():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(400, 4)), columns=["a", "round", "b", "c"])
    classes = np.where(table["round"] > 0.2, 2, 1)
    classifier = TableClassifier(class_names={2: "round cells"}).fit(table, classes)
    found = explain_rows(classifier, table, max_rows=100, seed=3)
    assert len(found.rows) == 100 < found.n_all == 400
    assert (np.diff(found.rows) > 0).all()
    ranked = found.importance(2)
    assert ranked["feature"][0] == "round"
    assert ranked["importance"][0] > 5 * ranked["importance"][1]
    assert ranked["direction"][0] > 0.6
    assert found.importance(1)["direction"][0] < -0.6
    assert found.importance()["importance"][0] == pytest.approx(2 * ranked["importance"][0])
    column = found.column("round", 2)
    assert np.isfinite(column).sum() == 100
    assert (column[found.rows] > 0).tolist() == (classes[found.rows] == 2).tolist()
    whole = contribution_column(classifier, table, "round", 2)
    np.testing.assert_allclose(whole[found.rows], column[found.rows], atol=1e-12)
    assert np.isfinite(whole).all()


def test_a_waterfall_leads_from_the_mean_to_the_answer():
    classifier, table = trained()
    found = explain_rows(classifier, table, max_rows=50)
    item = found.item_of(int(found.rows[7]))
    assert item == 7
    fall = found.waterfall(7, n_features=3)
    assert fall.class_id == found.predicted[7]
    assert fall.row == found.rows[7]
    assert fall.names[3] == "3 other features"
    assert np.isnan(fall.data[3])
    assert np.abs(fall.steps[:3]).tolist() == sorted(np.abs(fall.steps[:3]), reverse=True)
    assert fall.data[0] == pytest.approx(table[fall.names[0]][fall.row])
    number = found.class_ids.index(fall.class_id)
    assert fall.probability == pytest.approx(found.probabilities[7, number])
    assert fall.edges[0][0] == fall.base
    assert all(a[1] == b[0] for a, b in itertools.pairwise(fall.edges))
    assert len(found.waterfall(7, 5, n_features=6).names) == 6
    left_out = next(row for row in range(300) if row not in found.rows)
    assert found.item_of(left_out) is None


def test_a_beeswarm_shows_each_item_once_per_feature_without_overlap():
    classifier, table = trained()
    table.loc[3, "f1"] = np.nan
    found = explain_rows(classifier, table)
    swarms = found.beeswarm(5, 4)
    assert [s.feature for s in swarms] == found.importance(5)["feature"].tolist()[:4]
    one = next(s for s in found.beeswarm(5, 6) if s.feature == "f1")
    np.testing.assert_array_equal(one.x, found.values[:, 1, 0])
    assert np.isnan(one.colour[3])
    known = np.delete(np.arange(300), 3)
    assert (one.colour[known].min(), one.colour[known].max()) == (0, 1)
    order = np.argsort(table["f1"].to_numpy()[known])
    assert (np.diff(one.colour[known][order]) >= 0).all()
    assert max(np.abs(s.y).max() for s in swarms) <= 0.5
    span = max(np.ptp(s.x) for s in swarms)
    places = list(zip(np.round(one.x / span, 6), one.y, strict=True))
    assert len(set(places)) == 300


def test_missing_measurements_are_explained_too():
    classifier, table = trained()
    table.iloc[:20, 2] = np.nan
    found = explain_rows(classifier, table)
    np.testing.assert_allclose(found.probabilities, classifier.predict_proba(table), atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c, t: explain_rows(c, t, []), "nothing to explain"),
        (lambda c, t: explain_rows(c, t, [300]), "Row 300"),
        (lambda c, t: explain_rows(c, t, [-1]), "rows 0 to 299"),
        (lambda c, t: explain_rows(c, t, ["a"]), "must be numbers"),
        (lambda c, t: explain_rows(c, t, max_rows=0), "must be 1 or more"),
        (lambda c, t: explain_rows(c, t.drop(columns="f2")), "f2"),
        (lambda c, t: explain_rows(TableClassifier(), t), "not trained"),
        (lambda c, t: explain_rows(c, t).waterfall(300), "Item 300"),
        (lambda c, t: explain_rows(c, t).importance(2), "2 is none of the classes: 5, 10, 15"),
        (lambda c, t: explain_rows(c, t).column("area", 5), "'area' is none of the features"),
        (lambda c, t: contribution_column(c, t, "f0", 1), "the classes 5, 10, 15"),
    ],
)
def test_what_cannot_be_explained_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call(*trained())


def test_explaining_reports_and_stops():
    classifier, table = trained()
    steps = []
    explain_rows(classifier, table, progress=lambda *s: steps.append(s))
    assert steps[-1] == (300, 300)

    def stop(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        explain_rows(classifier, table, progress=stop)


def test_object_classifiers_are_explained_by_their_measurements():
    labels = np.zeros((60, 120), np.int32)
    yy, xx = np.mgrid[:60, :120]
    for number in range(8):
        cy, cx = 15 + 30 * (number % 2), 15 + 30 * (number // 2)
        size = (9, 9) if number < 4 else (4, 12)
        labels[((yy - cy) / size[0]) ** 2 + ((xx - cx) / size[1]) ** 2 <= 1] = number + 1
    image = labels.astype(np.float32)
    annotation = np.where(labels == 0, 0, np.where(labels <= 4, 1, 2))
    classifier = ObjectClassifier(features="area eccentricity", n_trees=30).fit(labels, annotation, image)
    from bioloom.measure import measure

    table = measure(labels, image, properties=["area", "eccentricity"])
    found = explain_rows(classifier, table)
    np.testing.assert_allclose(found.probabilities[:, 1] > 0.5, table["label"] > 4)
    assert set(found.feature_names) == {"area", "eccentricity"}
    assert found.importance(2)["importance"].sum() > 0.3


def test_pixel_classifiers_are_explained_by_their_features():
    rng = np.random.default_rng(0)
    image = rng.normal(0, 1, (64, 80)).astype(np.float32)
    image[:, 40:] += 8
    annotation = np.zeros((64, 80), np.uint8)
    annotation[5:20, 5:20], annotation[5:20, 60:75] = 1, 2
    classifier = PixelClassifier("original gaussian_blur=2 sobel_of_gaussian_blur=2", n_trees=20).fit(image, annotation)
    found = explain_pixels(classifier, image, max_pixels=300, seed=1)
    assert found.values.shape == (300, 3, 2)
    y, x = np.unravel_index(found.rows, image.shape)
    np.testing.assert_allclose(found.probabilities.T, classifier.predict_proba(image)[:, y, x], atol=1e-6)
    np.testing.assert_array_equal(found.data[:, 0], image[y, x])
    assert found.importance(2)["feature"].tolist()[-1] == "sobel_of_gaussian_blur=2"
    where = np.zeros(image.shape, bool)
    where[30, 70:75] = True
    few = explain_pixels(classifier, image, where)
    steps = []
    everywhere = contribution_image(classifier, image, "original", 2, progress=lambda *s: steps.append(s))
    np.testing.assert_allclose(everywhere[y, x], found.values[:, 0, 1], atol=1e-6)
    assert everywhere[:, 45:].mean() > 0.05 > -0.05 > everywhere[:, :35].mean()
    assert steps[-1] == (64 * 80, 64 * 80)
    coarse = contribution_image(classifier, image, "original", 2, every=3)
    np.testing.assert_array_equal(coarse, everywhere[::3, ::3])
    classifier.samples_ = None
    unknown = contribution_image(classifier, image, "original", 2)
    assert unknown[:, 45:].mean() > 0.05 > -0.05 > unknown[:, :35].mean()
    with pytest.raises(InputError, match="'edge' for class 2"):
        contribution_image(classifier, image, "edge", 2)
    assert few.rows.tolist() == [30 * 80 + k for k in range(70, 75)]
    assert (few.predicted == 2).all()
    with pytest.raises(InputError, match="shape"):
        explain_pixels(classifier, image, where[:5])
    with pytest.raises(InputError, match="nothing to explain"):
        explain_pixels(classifier, image, np.zeros(image.shape, bool))


def test_a_thousand_rows_of_a_usual_forest_take_seconds():
    table, classes = rows(1500, 40, 3)
    classifier = TableClassifier(n_trees=100, max_depth=6).fit(table, classes)
    explain_rows(classifier, table, [0])
    start = time.perf_counter()
    explain_rows(classifier, table)
    assert time.perf_counter() - start < 10


def test_leaves_that_the_background_never_reaches_do_no_harm():
    classifier, table = trained(8)
    bins = classifier.samples_.bins
    paths = ForestPaths.of(classifier.forest, bins[:2])
    values = paths.shapley(bins)
    assert np.isfinite(values).all()
    np.testing.assert_allclose(paths.base + values.sum(axis=1), classifier.predict_proba(table), atol=1e-6)


# ranking


def measured(n=300, seed=0):
    rng = np.random.default_rng(seed)
    classes = rng.integers(1, 4, n)
    size = np.array([10.0, 10, 20])[classes - 1] + rng.normal(size=n)
    table = pd.DataFrame({"noise": rng.normal(size=n), "diameter": size})
    table["area"] = size**2 + rng.normal(size=n)
    table["shrinkage"] = -(size**3) + rng.normal(size=n)
    table["signal"] = np.array([0.0, 5, 5])[classes - 1] + rng.normal(size=n)
    return table, classes


COLUMNS = ["noise", "diameter", "area", "shrinkage", "signal"]


def test_what_sets_a_class_apart_comes_first_and_correlated_columns_count_once():
    table, classes = measured()
    steps = []
    ranking = rank_columns(table, COLUMNS, classes, 3, progress=lambda *s: steps.append(s))
    assert ranking.table["column"].tolist()[-1] == "noise"
    groups = ranking.table.set_index("column")["group"]
    assert groups["diameter"] == groups["area"] == groups["shrinkage"] == 1
    assert len(ranking.representatives()) == 3
    assert ranking.representatives()[0] in ("diameter", "area", "shrinkage")
    by_name = ranking.table.set_index("column")
    assert by_name.loc["diameter", "effect_size"] > 5
    assert by_name.loc["shrinkage", "effect_size"] < -5
    assert abs(by_name.loc["noise", "effect_size"]) < 0.5
    # Shuffled together, they are missed; one of three alike would not be.
    assert by_name.loc["area", "importance"] > 0.3
    assert by_name.loc["noise", "importance"] < 0.05
    assert by_name.loc["diameter", "mutual_information"] > 10 * by_name.loc["noise", "mutual_information"]
    assert ranking.accuracy > 0.95
    assert steps == [(k, 4) for k in range(5)]
    assert "class 3 against the others" in ranking.note.lower()
    again = rank_columns(table, COLUMNS, classes, 3)
    pd.testing.assert_frame_equal(again.table, ranking.table)


def test_importance_is_the_accuracy_that_predictions_lose_when_a_group_is_shuffled():
    from sklearn.metrics import balanced_accuracy_score

    table, classes = measured()
    values, names, groups = table[COLUMNS].to_numpy(), list("abcde"), np.array([0, 1, 1, 1, 2])
    drops, accuracy = permutation_importance(values, COLUMNS, classes, groups, 3)
    rng = np.random.default_rng(3)
    # The first two thirds of each class, in random order, are learnt from.
    orders = [rng.permutation(np.flatnonzero(classes == number)) for number in (1, 2, 3)]
    learn = np.isin(np.arange(len(classes)), np.concatenate([order[: round(len(order) * 2 / 3)] for order in orders]))
    model = TableClassifier(names, balanced=True, seed=3)
    model.fit(pd.DataFrame(values[learn], columns=names), classes[learn])

    def accuracy_of(tested):
        return balanced_accuracy_score(classes[~learn], model.predict(pd.DataFrame(tested, columns=names)))

    assert accuracy == pytest.approx(accuracy_of(values[~learn]))
    for group in range(3):
        lost = []
        for _ in range(5):
            shuffled, own = values[~learn].copy(), groups == group
            shuffled[:, own] = shuffled[rng.permutation(len(shuffled))][:, own]
            lost.append(accuracy - accuracy_of(shuffled))
        assert drops[group] == pytest.approx(np.mean(lost), abs=1e-12)


def test_numbers_equal_their_definitions():
    from scipy.stats import f_oneway, spearmanr
    from sklearn.feature_selection import mutual_info_classif

    table, classes = measured()
    ranking = rank_columns(table, COLUMNS, classes, scaling="none", seed=4)
    by_name = ranking.table.set_index("column")
    for name in COLUMNS:
        parts = [table[name][classes == k] for k in (1, 2, 3)]
        f = f_oneway(*parts).statistic
        assert by_name.loc[name, "effect_size"] == pytest.approx(f * 2 / (f * 2 + 297))
        centers = [table[COLUMNS][classes == k].mean() for k in (1, 2, 3)]
        expected = [
            spearmanr(table[name], np.linalg.norm(table[COLUMNS] - center, axis=1)).statistic for center in centers
        ]
        np.testing.assert_allclose(ranking.centre_correlations.loc[name, [1, 2, 3]], expected, atol=1e-9)
        assert abs(by_name.loc[name, "centre_correlation"]) == pytest.approx(np.abs(expected).max())
    one = rank_columns(table, COLUMNS, classes, 2).table.set_index("column").loc["signal"]
    own, others = table["signal"][classes == 2], table["signal"][classes != 2]
    pooled = np.sqrt(((len(own) - 1) * own.var() + (len(others) - 1) * others.var()) / (len(table) - 2))
    assert one["effect_size"] == pytest.approx((own.mean() - others.mean()) / pooled)
    scaled = ((table - table.mean()) / table.std(ddof=0))[COLUMNS]
    direct = mutual_info_classif(scaled, (classes == 2).astype(int), random_state=0)[COLUMNS.index("signal")]
    assert one["mutual_information"] == pytest.approx(direct, abs=1e-6)


def test_distances_can_be_measured_in_a_map():
    from scipy.stats import spearmanr

    table, classes = measured()
    table["UMAP-0"], table["UMAP-1"] = classes * 10.0, table["noise"]
    ranking = rank_columns(table, COLUMNS, classes, 1, space=["UMAP-0", "UMAP-1"])
    center = table.loc[classes == 1, ["UMAP-0", "UMAP-1"]].mean()
    distance = np.linalg.norm(table[["UMAP-0", "UMAP-1"]] - center, axis=1)
    found = ranking.table.set_index("column").loc["signal", "centre_correlation"]
    assert found == pytest.approx(spearmanr(table["signal"], distance).statistic)


def test_rows_without_class_or_values_are_left_out_and_noise_is_a_class():
    table, classes = measured()
    classes = np.where(classes == 1, -1, classes)
    classes[:5] = 0
    table.loc[10, "area"] = np.nan
    ranking = rank_columns(table, COLUMNS, classes, -1)
    assert list(ranking.centre_correlations.columns) == [-1, 2, 3]
    assert "294 objects; 1 object with missing values left out" in ranking.note


@pytest.mark.parametrize(
    ("classes", "options", "message"),
    [
        (np.zeros(300, int), {}, "No row has a class"),
        (np.ones(300, int), {}, "the same class"),
        (np.full(300, -1), {}, "are noise"),
        (np.ones(3, int), {}, "300 rows"),
        (np.arange(300) + 1, {}, "Each class has one object only"),
        (np.arange(300) % 2 + 1, {"target": 3}, "no row of class 3"),
        (np.arange(300) % 2 + 1, {"correlated": 0}, "correlated is 0"),
        (np.arange(300) % 2 + 1, {"space": ["UMAP-0"]}, "no column named 'UMAP-0'"),
    ],
)
def test_rankings_refuse_what_cannot_be(classes, options, message):
    with pytest.raises(InputError, match=message):
        rank_columns(measured()[0], COLUMNS, classes, **options)


def test_rankings_and_explanations_become_figures(tmp_path):
    classifier, table = trained()
    found = explain_rows(classifier, table, max_rows=50)
    found.data[3, 2] = np.nan
    name = found.class_names[5]
    ranking = rank_columns(table, list(table), classifier.predict(table), 5).table
    for suffix in ("png", "svg"):
        save_beeswarm(tmp_path / f"swarm.{suffix}", found, 5)
        assert (tmp_path / f"swarm.{suffix}").stat().st_size > 1000
    save_beeswarm(tmp_path / "bars.svg", found, 5, bars=True, n_features=3)
    save_waterfall(tmp_path / "steps.svg", found.waterfall(0, 5), "label $3")
    save_ranking(tmp_path / "ranking.svg", ranking, "effect_size", "Effect size")
    texts = {n: (tmp_path / f"{n}.svg").read_text() for n in ("swarm", "bars", "steps", "ranking")}
    for feature in found.importance(5)["feature"]:
        assert f"<!-- {feature} -->" in texts["swarm"]
        assert f"<!-- {feature} (" in texts["ranking"]
    assert sum(f"<!-- f{k} -->" in texts["bars"] for k in range(6)) == 3
    assert f"mean |SHAP value| for {name}" in texts["bars"]
    assert "label $3" in texts["steps"].replace("\\", "")
    assert "Effect size" in texts["ranking"]
    with pytest.raises(InputError, match="none of the classes"):
        save_beeswarm(tmp_path / "no.png", found, 6)
    with pytest.raises(InputError, match=r"swarm\.jpg"):
        save_beeswarm(tmp_path / "swarm.jpg", found, 5)
    with pytest.raises(InputError, match="'size'"):
        save_ranking(tmp_path / "no.png", ranking, "size")


def test_a_column_that_sets_a_class_apart_without_any_spread_has_an_endless_effect(tmp_path):
    table, classes = measured()
    table["flag"] = 0.1 + 0.7 * (classes == 1)
    ranked = rank_columns(table, [*COLUMNS, "flag"], classes, 1).table
    effects = dict(zip(ranked["column"], ranked["effect_size"], strict=True))
    assert effects["flag"] == np.inf
    assert all(np.isfinite(effects[name]) for name in COLUMNS)
    save_ranking(tmp_path / "ranking.svg", ranked, "effect_size")
    assert "<!-- ∞ -->" in (tmp_path / "ranking.svg").read_text()


def test_figures_of_features_with_long_names_have_room(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    classifier, table = trained()
    long = "a_very_long_measurement_name_of_texture_contrast_at_distance_5_in_channel_2"
    table = table.rename(columns={"f1": long})
    classifier = TableClassifier(n_trees=5, max_depth=4).fit(
        table, classifier.predict(table.rename(columns={long: "f1"}))
    )
    found = explain_rows(classifier, table, max_rows=50)
    ranking = rank_columns(table, list(table), classifier.predict(table), 5).table
    drawn, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *a, **k: (save(figure, *a, **k), drawn.append(figure))[0])
    save_beeswarm(tmp_path / "swarm.png", found, 5)
    save_beeswarm(tmp_path / "bars.png", found, 5, bars=True)
    save_waterfall(
        tmp_path / "steps.png", found.waterfall(0, 5), "nuclei of a layer with a long name, frame 3, label 31"
    )
    save_ranking(tmp_path / "ranking.png", ranking, "centre_correlation", "Correlation with the distance to the centre")
    for figure in drawn:
        axes = figure.axes[0]
        assert axes.get_window_extent().width / figure.dpi > 1.8
        for text in (axes.xaxis.label, *figure.texts, *axes.get_yticklabels()):
            box = text.get_window_extent()
            assert box.x0 >= -2, text
            assert box.x1 <= figure.bbox.x1 + 2, text
    low, high = drawn[2].axes[0].get_xlim()
    steps = found.waterfall(0, 5).edges
    assert low < min(map(min, steps)), "no bar lies on the frame"
    assert high > max(map(max, steps))


def test_a_feature_that_is_equal_everywhere_is_neither_high_nor_low(tmp_path):
    classifier, table = trained()
    found = explain_rows(classifier, table, [3])
    assert all(np.isnan(swarm.colour).all() for swarm in found.beeswarm(5))
    save_beeswarm(tmp_path / "one.svg", found, 5)
    assert "value of the feature" not in (tmp_path / "one.svg").read_text()
