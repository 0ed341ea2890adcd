"""A chain of steps: whatever is edited in whatever order, results are those of a fresh run of its recipe."""

import gc
import queue
import threading
import time
import weakref
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from bioloom import operations
from bioloom.errors import InputError
from bioloom.operations.corrections import apply_corrections, with_sizes
from bioloom.recipe.graph import Recipe, Step
from bioloom.session.chain import Chain
from bioloom.session.jobs import JobRunner


class Owner:
    """A chain whose signals arrive only when its owner looks for them, as in a window."""

    def __init__(self, **options):
        self.calls = queue.Queue()
        self.chain = Chain(JobRunner(self.calls.put), self.calls.put, **options)
        self.told = []
        self.chain.structure_changed.connect(lambda: self.told.append(("structure",)))
        self.chain.result_changed.connect(lambda name: self.told.append(("result", name)))
        self.chain.failed.connect(lambda name, error: self.told.append(("failed", name, str(error))))
        self.chain.corrections_lost.connect(lambda name, lost: self.told.append(("lost", name, lost)))

    def pump(self):
        """Deal with what has arrived."""
        while True:
            try:
                self.calls.get_nowait()()
            except queue.Empty:
                return

    def settle(self, seconds=20.0):
        """Wait until everything is computed and was told."""
        deadline = time.monotonic() + seconds
        self.pump()
        while self.chain.busy:
            assert time.monotonic() < deadline
            try:
                self.calls.get(timeout=0.05)()
            except queue.Empty:
                continue
        self.pump()

    def results(self):
        """Return the ids of the steps with new results since the last time, and forget what was told."""
        names = [entry[1] for entry in self.told if entry[0] == "result"]
        self.told.clear()
        return names


@pytest.fixture
def owner():
    one = Owner()
    yield one
    one.chain.close()
    assert one.chain.wait(10)


def blobs(shape, n=8, seed=0):
    """Round spots on a noisy ground."""
    rng = np.random.default_rng(seed)
    points = np.zeros(shape)
    points[tuple(rng.integers(1, size - 1, n) for size in shape)] = 1
    spots = ndimage.gaussian_filter(points, 2)
    return (200 + 3000 * spots / spots.max() + rng.normal(0, 20, shape)).astype(np.uint16)


@pytest.fixture(scope="module")
def image():
    return blobs((48, 56))


def same(a, b):
    if isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(a, b)
    elif isinstance(a, tuple):
        for one, other in zip(a, b, strict=True):
            np.testing.assert_array_equal(one, other)
    else:
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def fresh(recipe, images, **options):
    """Return the result of a recipe, or why there is none."""
    try:
        (result,) = recipe.run(images, **options).values()
    except InputError as error:
        return error
    return result


def compare(owner, images, spacing=None, frame_axis=None):
    """Compare every result with a fresh run of the recipe up to there."""
    chain = owner.chain
    for step in chain.steps:
        recipe = chain.recipe(step.id)
        given = {name: images[name] for name in recipe.inputs}
        expected = fresh(recipe, given, spacing=spacing, frame_axis=frame_axis)
        if isinstance(expected, InputError):
            assert chain.status(step.id) in ("failed", "blocked"), (step, expected)
            assert str(expected).endswith(str(chain.error(step.id)))
            continue
        assert chain.status(step.id) == "ready", step
        same(np.asarray(chain.result(step.id)) if isinstance(expected, np.ndarray) else chain.result(step.id), expected)


def segment(chain, image):
    """Four steps: blur, threshold, components, measure nothing but size."""
    name = chain.add_input("raw", image)
    blur = chain.add("gaussian_blur", {"image": name}, {"sigma": 1.0})
    mask = chain.add("threshold_otsu", {"image": blur})
    labels = chain.add("connected_components", {"mask": mask})
    large = chain.add("remove_labels_by_size", {"labels": labels}, {"minimum": 5.0})
    return blur, mask, labels, large


# ------------------------------------------------------------------------------------------------ the basics
def test_steps_are_computed_and_told_in_order(owner, image):
    ids = segment(owner.chain, image)
    assert ids == ("gaussian_blur", "threshold_otsu", "connected_components", "remove_labels_by_size")
    owner.settle()
    assert owner.results() == list(ids)
    compare(owner, {"raw": image})
    assert owner.chain.result("raw") is image


def test_a_changed_step_is_computed_anew_and_all_that_follow_but_nothing_before(owner, image):
    blur, mask, labels, large = segment(owner.chain, image)
    owner.settle()
    before = owner.chain.result(blur)
    owner.results()
    owner.chain.change(labels, diagonal=False)
    owner.settle()
    assert owner.results() == [labels, large]
    assert owner.chain.result(blur) is before
    owner.chain.change(blur, sigma=3.0)
    owner.settle()
    assert owner.results() == [blur, mask, labels, large]
    compare(owner, {"raw": image})


def test_what_was_known_comes_back_at_once(owner, image):
    blur, *_ = segment(owner.chain, image)
    owner.settle()
    before = owner.chain.result("remove_labels_by_size")
    owner.chain.change(blur, sigma=3.0)
    owner.settle()
    owner.results()
    assert owner.chain.undo()
    assert not owner.chain.busy
    assert len(owner.results()) == 4
    assert owner.chain.result("remove_labels_by_size") is before


def test_undo_and_redo_say_what_they_do(owner, image):
    chain = owner.chain
    assert not chain.can_undo
    assert not chain.undo()
    assert not chain.redo()
    blur, _mask, _labels, large = segment(chain, image)
    states = [chain.steps]
    for edit in (
        lambda: chain.change(blur, sigma=2.0),
        lambda: chain.enable(blur, False),
        lambda: chain.move(blur, 1),
        lambda: chain.remove(large),
    ):
        edit()
        states.append(chain.steps)
    texts = []
    for state in reversed(states[:-1]):
        texts.append(chain.undo_text)
        assert chain.undo()
        assert chain.steps == state
        assert chain.redo_text == texts[-1]
    assert texts[1:] == ["Move Gaussian blur", "Disable Gaussian blur", "Change sigma of Gaussian blur"]
    assert texts[0].startswith("Remove ")
    for state in states[1:]:
        assert chain.redo()
        assert chain.steps == state
    assert not chain.can_redo
    chain.undo()
    chain.change(blur, sigma=4.0)
    assert not chain.can_redo


def test_an_edit_that_changes_nothing_is_none(owner, image):
    blur, *_ = segment(owner.chain, image)
    text = owner.chain.undo_text
    owner.chain.change(blur, sigma=1)
    owner.chain.enable(blur, True)
    owner.chain.move(blur, 0)
    assert owner.chain.undo_text == text


def test_ids_are_never_given_twice(owner, image):
    chain = owner.chain
    name = chain.add_input("raw", image)
    first = chain.add("median", {"image": name})
    chain.remove(first)
    second = chain.add("median", {"image": name})
    chain.undo()
    third = chain.add("median", {"image": name})
    assert len({first, second, third}) == 3


def test_names_of_inputs(owner, image):
    chain = owner.chain
    assert chain.add_input("nuclei (raw) [1]", image) == "nuclei_raw_1"
    assert chain.add_input("other name", image) == "nuclei_raw_1"
    assert chain.add_input("nuclei (raw) [1]", image.copy()) == "nuclei_raw_1_2"
    assert chain.add_input("2 µm", image.copy()) == "image_2_m"
    assert chain.add_input("class", image.copy()) == "image_class"
    assert chain.add_input("--", image.copy()) == "image"
    for name in chain.inputs:
        step = chain.add("median", {"image": name})
        assert chain.recipe(step).checked().inputs == (name,)


# ------------------------------------------------------------------------------------------------ edits
def test_a_disabled_step_passes_on(owner, image):
    blur, _mask, _labels, _large = segment(owner.chain, image)
    owner.chain.enable(blur, False)
    owner.settle()
    np.testing.assert_array_equal(owner.chain.result(blur), image)
    compare(owner, {"raw": image})
    owner.chain.enable(blur)
    owner.settle()
    compare(owner, {"raw": image})


def test_the_followers_of_a_removed_step_take_what_it_took(owner, image):
    blur, mask, labels, large = segment(owner.chain, image)
    owner.chain.remove(labels)
    assert owner.chain.step(large).inputs == {"labels": mask}
    owner.chain.remove(blur)
    assert owner.chain.step(mask).inputs == {"image": "raw"}
    owner.settle()
    compare(owner, {"raw": image})
    owner.chain.remove(mask, with_followers=True)
    assert owner.chain.steps == ()


def test_a_removal_that_does_not_fit_is_refused(owner, image):
    chain = owner.chain
    _blur, _mask, labels, large = segment(chain, image)
    surface = (
        chain.add("labels_to_surface", {"labels": labels}) if "labels_to_surface" in operations.CATALOGUE else None
    )
    table = chain.add("measure_objects", {"labels": large})
    assert chain.recipe(table).kind(table) == "table"
    steps = chain.steps
    with pytest.raises(InputError, match="neither an input nor"):
        chain.add("median", {"image": "nothing"})
    with pytest.raises(InputError, match="table"):
        chain.add("median", {"image": table})
    if surface:
        following = next(o for o in operations.CATALOGUE.values() if [p.kind for p in o.arrays] == ["surface"])
        chain.add(following.name, {following.arrays[0].name: surface})
        steps = chain.steps
        for edit in (lambda: chain.remove(surface), lambda: chain.enable(surface, False)):
            with pytest.raises(InputError, match="surface"):
                edit()
    assert chain.steps == steps


def test_moving_within_a_run(owner, image):
    chain = owner.chain
    blur, mask, labels, large = segment(chain, image)
    assert chain.run_of(mask) == (blur, mask, labels, large)
    chain.move(mask, 0)
    assert chain.run_of(mask) == (mask, blur, labels, large)
    assert [s.id for s in chain.steps] == [mask, blur, labels, large]
    assert chain.step(mask).inputs == {"image": "raw"}
    assert chain.step(labels).inputs == {"mask": blur}
    owner.settle()
    compare(owner, {"raw": image})
    with pytest.raises(InputError, match="row of 4"):
        chain.move(mask, 4)
    # What follows the end of the run follows its new end.
    outline = chain.add("expand_labels", {"labels": large})
    chain.add("seeded_watershed", {"image": "raw", "seeds": large})
    assert chain.run_of(large) == (mask, blur, labels, large)
    assert chain.run_of(outline) == (outline,)
    with pytest.raises(InputError, match=r"cannot be moved there.*labels must be labels, but 'gaussian_blur'"):
        chain.move(large, 2)
    chain.move(blur, 0)
    chain.move(mask, 0)
    smaller = chain.insert(labels, "erode_labels")
    chain.move(large, 3)
    assert chain.step(outline).inputs == {"labels": smaller}
    owner.settle()
    compare(owner, {"raw": image})


def test_an_image_is_not_taken_for_labels(owner, image):
    chain = owner.chain
    raw = chain.add_input("raw", image, kind="image")
    other = chain.add_input("raw", (image > 900).astype(np.uint8), kind="labels")
    for operation, name in (("expand_labels", "labels"), ("connected_components", "mask"), ("fill_holes", "mask")):
        with pytest.raises(InputError, match=f"{name} must be .*, but 'raw' gives an image. Segment it first"):
            chain.add(operation, {name: raw})
    grown = chain.add("expand_labels", {"labels": other})
    with pytest.raises(InputError, match="gives an image"):
        chain.rewire(grown, {"labels": raw})
    turned = chain.add("flip", {"image": other})
    chain.add("expand_labels", {"labels": turned})
    mask = chain.add("threshold_otsu", {"image": raw})
    parts = chain.add("connected_components", {"mask": mask})
    with pytest.raises(InputError, match="mask must be a mask, but 'threshold_otsu' gives an image"):
        chain.enable(mask, False)
    # A mask that was smoothed still says where something is.
    chain.insert(mask, "gaussian_blur")
    assert chain.step(parts).inputs == {"mask": "gaussian_blur"}
    owner.settle()
    assert {chain.status(step.id) for step in chain.steps} == {"ready"}


def test_forgotten_inputs_leave_no_pixels_and_an_honest_history(owner, image):
    chain = owner.chain
    first, second = chain.add_input("first", image.copy()), chain.add_input("second", image[::-1].copy())
    kept = chain.add("gaussian_blur", {"image": second}, {"sigma": 1.0})
    gone = chain.add("median", {"image": first})
    chain.change(kept, sigma=2.0)
    both = chain.add("add_images_weighted", {"image": second, "other": first})
    chain.change(gone, radius=2.0)
    chain.change(kept, sigma=3.0)
    owner.settle()
    pixels = [weakref.ref(chain.input(first).data), *(weakref.ref(chain.result(step).base) for step in (gone, both))]
    chain.forget_inputs([first])
    gc.collect()
    assert all(one() is None for one in pixels)
    assert chain.inputs == (second,)
    assert [step.id for step in chain.steps] == [kept]
    sigmas = []
    while chain.undo():
        sigmas += [step.settings["sigma"] for step in chain.steps]
    assert sigmas == [2.0, 1.0]
    assert not chain.steps
    while chain.redo():
        assert [step.id for step in chain.steps] == [kept]
    owner.settle()
    compare(owner, {"second": image[::-1]})
    assert chain.add_input("first", image) == "first_2"


def test_another_device_computes_anew_what_it_computes_otherwise(owner, image, monkeypatch):
    chain = owner.chain
    steps = segment(chain, image)
    chain.add("clahe", {"image": "raw"})
    assert "opencl" in operations.CATALOGUE["gaussian_blur"].engines
    assert "opencl" not in operations.CATALOGUE["clahe"].engines
    owner.settle()
    owner.results()
    monkeypatch.setattr("bioloom.session.chain_compute.device.chosen", lambda: SimpleNamespace(engine="opencl"))
    chain.use_device()
    owner.settle()
    assert owner.results() == list(steps)
    monkeypatch.undo()
    # What NumPy computed is known still.
    began = []
    chain.computing.connect(began.append)
    chain.use_device()
    owner.settle()
    assert not began
    compare(owner, {"raw": image})


def test_a_move_that_gives_a_table_to_a_filter_is_refused(owner, image):
    chain = owner.chain
    *_, large = segment(chain, image)
    table = chain.add("measure_objects", {"labels": large})
    steps = chain.steps
    with pytest.raises(InputError, match="cannot be moved there"):
        chain.move(table, 1)
    assert chain.steps == steps


def test_rewire_puts_steps_in_order_and_refuses_circles(owner, image):
    chain = owner.chain
    _blur, mask, _labels, large = segment(chain, image)
    other = chain.add("median", {"image": "raw"})
    chain.rewire(mask, {"image": other})
    assert [s.id for s in chain.steps].index(other) < [s.id for s in chain.steps].index(mask)
    owner.settle()
    compare(owner, {"raw": image})
    steps = chain.steps
    with pytest.raises(InputError, match="of its own result"):
        chain.rewire(other, {"image": large})
    with pytest.raises(InputError, match="neither"):
        chain.rewire(other, {"image": "nothing"})
    with pytest.raises(InputError, match="needs image"):
        chain.rewire(other, {"image": None})
    assert chain.steps == steps


def test_insert_takes_the_followers_along(owner, image):
    chain = owner.chain
    blur, mask, labels, large = segment(chain, image)
    grown = chain.insert(labels, "expand_labels", {"distance": 2.0})
    assert chain.step(large).inputs == {"labels": grown}
    first = chain.insert("raw", "median")
    assert chain.steps_of(large) == tuple(chain.step(s) for s in (first, blur, mask, labels, grown, large))
    assert {s.id for s in chain.followers(mask)} == {labels, grown, large}
    owner.settle()
    compare(owner, {"raw": image})


def test_wrong_settings_are_refused_and_nothing_changes(owner, image):
    chain = owner.chain
    blur, *_ = segment(chain, image)
    steps = chain.steps
    for edit in (
        lambda: chain.change(blur, sigma=-1),
        lambda: chain.change(blur, sigmoid=1),
        lambda: chain.change("nothing", sigma=1),
        lambda: chain.add("no_such_thing", {"image": "raw"}),
        lambda: chain.add("median", {}),
        lambda: chain.add("median", {"image": "raw", "labels": "raw"}),
        lambda: chain.remove("nothing"),
        lambda: chain.set_input("nothing"),
        lambda: chain.result("nothing"),
        lambda: chain.recipe("nothing"),
    ):
        with pytest.raises(InputError):
            edit()
    assert chain.steps == steps


# ------------------------------------------------------------------------------------------------ failures
def test_a_step_that_fails_blocks_only_what_follows_it(owner, image):
    chain = owner.chain
    holes = image.astype(np.float32)
    holes[3, 3] = np.nan
    name = chain.add_input("raw", holes)
    blur = chain.add("gaussian_blur", {"image": name})
    mask = chain.add("threshold_otsu", {"image": blur})
    filled = chain.add("replace_nan", {"image": name})
    owner.settle()
    assert [chain.status(s) for s in (blur, mask, filled)] == ["failed", "blocked", "ready"]
    ((_, failed, why),) = [entry for entry in owner.told if entry[0] == "failed"]
    assert failed == blur
    assert "NaN" in why
    owner.told.clear()
    chain.rewire(blur, {"image": filled})
    owner.settle()
    assert owner.results() == [blur, mask]
    compare(owner, {"raw": holes})
    chain.undo()
    assert chain.status(mask) in ("blocked", "waiting")
    owner.settle()
    assert [entry[1] for entry in owner.told if entry[0] == "failed"] == [blur]


def test_what_failed_can_be_tried_again(owner, tmp_path, image):
    chain = owner.chain
    name = chain.add_input("raw", image)
    step = chain.add("classify_pixels", {"image": name}, {"classifier": str(tmp_path / "a.cl")})
    owner.settle()
    assert chain.status(step) == "failed"
    from bioloom.classify import PixelClassifier

    annotation = np.zeros(image.shape, np.uint8)
    annotation[image > np.percentile(image, 90)] = 2
    annotation[image < np.percentile(image, 20)] = 1
    PixelClassifier(features="gaussian_blur=1", n_trees=5).fit(image, annotation).save(tmp_path / "a.cl")
    chain.compute()
    owner.settle()
    assert chain.status(step) == "ready"
    compare(owner, {"raw": image})
    # A classifier that was trained again makes other results.
    owner.results()
    PixelClassifier(features="gaussian_blur=2", n_trees=7).fit(image, 3 - annotation).save(tmp_path / "a.cl")
    chain.compute()
    owner.settle()
    assert owner.results() == [step]
    compare(owner, {"raw": image})


# ------------------------------------------------------------------------------------------------ kinds of images
@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
@pytest.mark.parametrize("has_time", [False, True], ids=["single", "time"])
def test_arrays_of_every_kind_with_and_without_time(owner, kind, has_time, image):
    pixels = np.stack([image, np.roll(image, 5, 0), image[::-1]]) if has_time else image
    if kind == "dask":
        import dask.array as da

        data = da.from_array(pixels, chunks=20)
    elif kind == "zarr":
        zarr = pytest.importorskip("zarr")
        data = zarr.create_array(
            zarr.storage.MemoryStore(), shape=pixels.shape, chunks=(20,) * pixels.ndim, dtype=pixels.dtype
        )
        data[:] = pixels
    else:
        data = pixels
    chain = owner.chain
    name = chain.add_input("raw", data, spacing=(0.5, 0.25), has_time=has_time)
    blur = chain.add("gaussian_blur", {"image": name}, {"sigma": 0.6})
    labels = chain.add("voronoi_otsu_labeling", {"image": blur}, {"spot_sigma": 1.0, "outline_sigma": 0.3})
    chain.add("expand_labels", {"labels": labels}, {"distance": 0.5})
    table = chain.add("measure_objects", {"labels": labels, "image": name})
    owner.settle()
    compare(owner, {"raw": pixels}, spacing=(0.5, 0.25), frame_axis=0 if has_time else None)
    assert ("frame" in chain.result(table)) == has_time
    chain.enable(blur, False)
    owner.settle()
    compare(owner, {"raw": pixels}, spacing=(0.5, 0.25), frame_axis=0 if has_time else None)


def test_a_single_image_and_a_series_do_not_go_together(owner, image):
    chain = owner.chain
    movie = chain.add_input("movie", np.stack([image, image]), has_time=True)
    still = chain.add_input("still", image)
    mask = chain.add("threshold_otsu", {"image": still})
    seeds = chain.add("connected_components", {"mask": mask})
    with pytest.raises(InputError, match="time series"):
        chain.add("seeded_watershed", {"image": movie, "seeds": seeds})
    step = chain.add("seeded_watershed", {"image": still, "seeds": seeds})
    with pytest.raises(InputError, match="time series"):
        chain.rewire(step, {"image": movie})


def test_where_results_lie(owner):
    chain = owner.chain
    stack = blobs((8, 24, 28))
    name = chain.add_input("stack", stack, spacing=(2.0, 0.5, 0.5))
    cropped = chain.add("crop", {"image": name}, {"z_start": 1, "y_start": 4, "x_start": 6})
    flat = chain.add("maximum_projection", {"image": cropped})
    owner.settle()
    assert [chain.status(s) for s in (cropped, flat)] == ["ready", "ready"], chain.error(cropped)
    found = chain.result_of(cropped)
    assert found.placement.start == (1, 4, 6)
    assert found.spacing == (2.0, 0.5, 0.5)
    found = chain.result_of(flat)
    assert found.input == name
    assert found.placement.axes == (1, 2)
    assert found.placement.start == (4, 6)
    assert found.placement.shape == found.value.shape
    assert found.spacing == (0.5, 0.5)
    compare(owner, {"stack": stack}, spacing=(2.0, 0.5, 0.5))


def test_edited_inputs(owner, image):
    chain = owner.chain
    mine = image.copy()
    ids = segment(chain, mine)
    owner.settle()
    owner.results()
    mine[10:20, 10:20] = mine.max()
    chain.set_input("raw")
    owner.settle()
    assert owner.results() == list(ids)
    compare(owner, {"raw": mine})
    other = image[::-1].copy()
    chain.set_input("raw", other)
    owner.settle()
    compare(owner, {"raw": other})


def test_results_cannot_be_written_to(owner, image):
    segment(owner.chain, image)
    owner.settle()
    with pytest.raises(ValueError, match="read-only"):
        owner.chain.result("gaussian_blur")[0, 0] = 1
    assert image.flags.writeable


# ------------------------------------------------------------------------------------------------ memory
def test_results_that_were_dropped_are_computed_again(image):
    owner = Owner(budget=lambda: image.nbytes)
    chain = owner.chain
    seen = {}
    chain.result_changed.connect(lambda name: seen.__setitem__(name, chain.result(name).copy()))
    ids = segment(chain, image)
    owner.settle()
    # Whoever is told of a result can have it, whatever the budget.
    assert set(seen) == set(ids)
    owner.results()
    assert chain.result(ids[0]) is None
    owner.settle()
    assert ids[0] in owner.results()
    for _ in range(3):
        chain.change(ids[0], sigma=2.0)
        owner.settle()
        chain.undo()
        owner.settle()
    for step in chain.steps:
        (expected,) = chain.recipe(step.id).run({"raw": image}).values()
        np.testing.assert_array_equal(seen[step.id], expected)
    chain.close()


def test_what_a_layer_still_shows_takes_no_budget_and_is_found(image):
    owner = Owner(budget=lambda: 1)
    chain = owner.chain
    shown = {}
    chain.result_changed.connect(lambda name: shown.__setitem__(name, chain.result(name)))
    segment(chain, image)
    owner.settle()
    assert all(chain.result(name) is array for name, array in shown.items())
    owner.results()
    chain.change("connected_components", diagonal=False)
    owner.settle()
    assert "gaussian_blur" not in owner.results()
    chain.close()


def test_steps_that_nobody_wants_are_computed_only_for_others(owner, image):
    chain = owner.chain
    blur, mask, labels, large = segment(chain, image)
    owner.settle()
    owner.results()
    chain.want(blur, False)
    chain.want(large, False)
    chain.change(blur, sigma=2.5)
    owner.settle()
    assert owner.results() == [mask, labels]
    assert chain.status(large) == "not wanted"
    chain.want(large)
    owner.settle()
    assert owner.results() == [large]
    compare_to = chain.recipe(large).run({"raw": image})[large]
    np.testing.assert_array_equal(chain.result(large), compare_to)


# ------------------------------------------------------------------------------------------------ jobs
@pytest.fixture
def slow(monkeypatch):
    """Let each frame of a median wait until it may go on; counts the frames."""
    gate, frames = threading.Event(), []
    real = operations.CATALOGUE["median"].function

    def function(image, *args, **kwargs):
        frames.append(1)
        assert gate.wait(10)
        return real(image, *args, **kwargs)

    monkeypatch.setattr(operations.CATALOGUE["median"], "function", function)
    return gate, frames


def test_the_owner_never_waits_and_a_step_that_still_counts_is_not_begun_again(owner, image, slow):
    gate, frames = slow
    chain = owner.chain
    movie = np.stack([image] * 6)
    name = chain.add_input("movie", movie, has_time=True)
    median = chain.add("median", {"image": name})
    while not frames:
        time.sleep(0.002)
    begun = time.monotonic()
    mask = chain.add("threshold_otsu", {"image": median})
    for n in range(20):
        chain.add("gaussian_blur", {"image": median}, {"sigma": float(n)})
        chain.undo()
    assert time.monotonic() - begun < 2
    assert chain.status(mask) in ("waiting", "computing")
    gate.set()
    owner.settle()
    assert len(frames) == 6
    compare(owner, {"movie": movie}, frame_axis=0)


def test_a_step_that_no_longer_counts_is_given_up(owner, image, slow):
    gate, frames = slow
    chain = owner.chain
    name = chain.add_input("movie", np.stack([image] * 50), has_time=True)
    median = chain.add("median", {"image": name})
    while not frames:
        time.sleep(0.002)
    chain.remove(median)
    gate.set()
    owner.settle()
    assert chain.wait(10)
    assert len(frames) < 50
    assert owner.results() == []


def test_cancel_and_go_on(owner, image, slow):
    gate, frames = slow
    chain = owner.chain
    name = chain.add_input("movie", np.stack([image] * 5), has_time=True)
    median = chain.add("median", {"image": name})
    while not frames:
        time.sleep(0.002)
    chain.cancel()
    gate.set()
    assert chain.wait(10)
    owner.pump()
    assert not chain.busy
    assert chain.status(median) == "waiting"
    assert owner.results() == []
    chain.compute()
    owner.settle()
    assert chain.status(median) == "ready"


def test_nothing_is_told_after_close(owner, image):
    segment(owner.chain, image)
    owner.chain.close()
    owner.told.clear()
    assert owner.chain.wait(10)
    owner.pump()
    assert owner.told == []


def test_forgetting_computes_everything_anew(owner, image):
    ids = segment(owner.chain, image)
    owner.settle()
    owner.results()
    owner.chain.forget_results()
    owner.settle()
    assert owner.results() == list(ids)


def test_listeners_may_edit(owner, image):
    chain = owner.chain
    blur = "gaussian_blur"

    def react(name):
        if name == blur and chain.step(blur).settings["sigma"] == 1.0:
            chain.change(blur, sigma=2.0)

    chain.result_changed.connect(react)
    assert blur in segment(chain, image)
    owner.settle()
    assert chain.step(blur).settings["sigma"] == 2.0
    compare(owner, {"raw": image})
    chain.undo()
    owner.settle()
    compare(owner, {"raw": image})


def test_without_an_owner_results_come_on_the_jobs_thread(image):
    chain = Chain(JobRunner())
    *_, large = segment(chain, image)
    assert chain.wait(20)
    same(chain.result(large), chain.recipe().run({"raw": image})[large])
    chain.close()


# ------------------------------------------------------------------------------------------------ corrections
def objects(labels):
    """Return a pixel in the middle of each object."""
    return [
        tuple(map(float, np.argwhere(labels == k)[(labels == k).sum() // 2])) for k in np.unique(labels[labels > 0])
    ]


def test_corrections_are_steps_that_followers_build_on(owner, image):
    chain = owner.chain
    _blur, _mask, labels, large = segment(chain, image)
    owner.settle()
    points = objects(chain.result(labels))
    step = chain.correct(labels, {"kind": "delete", "point": points[0]})
    assert chain.step(large).inputs == {"labels": step}
    owner.settle()
    assert chain.result(step)[tuple(map(int, points[0]))] == 0
    again = chain.correct(step, {"kind": "draw", "runs": [[0, 0, 6]]})
    assert again == step
    assert len(chain.step(step).settings["corrections"]) == 2
    owner.settle()
    compare(owner, {"raw": image})
    expected, lost = apply_corrections(chain.result(labels), chain.step(step).settings["corrections"])
    np.testing.assert_array_equal(chain.result(step), expected)
    assert lost == chain.lost_corrections(step) == []
    chain.undo()
    assert len(chain.step(step).settings["corrections"]) == 1
    with pytest.raises(InputError):
        chain.correct(step, {"kind": "explode"})


def test_corrections_are_kept_where_they_fit_and_told_where_they_do_not(owner):
    labels = np.zeros((40, 40), np.uint16)
    labels[2:12, 2:12], labels[2:12, 20:30], labels[20:30, 4:8] = 1, 2, 3
    chain = owner.chain
    name = chain.add_input("labels", labels)
    sized = chain.add("remove_labels_by_size", {"labels": name})
    owner.settle()
    step = chain.correct(sized, {"kind": "delete", "point": [25, 5]})
    owner.settle()
    assert chain.correct(step, {"kind": "merge", "points": [[5, 5], [5, 25]]}) == step
    owner.settle()
    assert [entry for entry in owner.told if entry[0] == "lost"] == []
    np.testing.assert_array_equal(chain.result(step), np.isin(labels, (1, 2)))
    chain.change(sized, minimum=60.0)
    owner.settle()
    ((_, told, lost),) = [entry for entry in owner.told if entry[0] == "lost"]
    assert told == step
    assert [one.correction["kind"] for one in lost] == ["delete"]
    assert "no object" in lost[0].reason
    # The other one still fits.
    np.testing.assert_array_equal(chain.result(step), np.isin(labels, (1, 2)))
    compare(owner, {"labels": labels})
    chain.forget_lost(step)
    owner.settle()
    assert chain.lost_corrections(step) == []
    assert len(chain.step(step).settings["corrections"]) == 1
    chain.undo()
    chain.change(sized, minimum=0.0)
    owner.settle()
    assert chain.lost_corrections(step) == []


def test_corrections_of_a_series_belong_to_frames(owner):
    labels = np.zeros((3, 20, 20), np.uint16)
    labels[:, 2:10, 2:10] = 1
    labels[1:, 12:18, 2:10] = 2
    chain = owner.chain
    name = chain.add_input("movie", labels, has_time=True)
    step = chain.correct(name, {"kind": "delete", "point": [5, 5], "frame": 1})
    assert chain.step(step).settings["corrections"][0] == with_sizes(
        labels[1], {"kind": "delete", "point": [5, 5], "frame": 1}
    )
    owner.settle()
    chain.correct(step, {"kind": "merge", "points": [[5, 5], [15, 5]], "frame": 2})
    chain.correct(step, {"kind": "delete", "point": [15, 5], "frame": 0})
    owner.settle()
    expected = labels.copy()
    expected[1, 2:10] = 0
    expected[2][expected[2] == 2] = 1
    np.testing.assert_array_equal(chain.result(step), expected)
    (lost,) = chain.lost_corrections(step)
    assert lost.correction["frame"] == 0
    compare(owner, {"movie": labels}, frame_axis=0)


# ------------------------------------------------------------------------------------------------ recipes
def test_a_recipe_of_a_part_leaves_out_the_rest(owner, image):
    chain = owner.chain
    blur, mask, _labels, large = segment(chain, image)
    other = chain.add_input("other", image.copy(), spacing=(0.1, 0.1), unit="micrometer")
    median = chain.add("median", {"image": other})
    assert [s.id for s in chain.recipe(mask).steps] == [blur, mask]
    assert chain.recipe(mask).inputs == ("raw",)
    assert chain.recipe(mask).unit == "pixel"
    assert chain.recipe(median).unit == "micrometer"
    assert chain.recipe(median, name="Smooth").name == "Smooth"
    assert chain.recipe([mask, large]).outputs == (mask, large)
    assert Recipe.from_yaml(chain.recipe(large).to_yaml()).steps == chain.recipe(large).steps


def test_a_recipe_has_one_pixel_size(owner, image):
    chain = owner.chain
    fine = chain.add_input("fine", image, spacing=(0.5, 0.5), unit="µm", kind="image")
    bare = chain.add_input("bare", (image > 900).astype(np.uint8), kind="labels")
    same = chain.add_input("same", (image > 800).astype(np.uint8), spacing=(0.5, 0.5), unit="µm", kind="labels")
    blurred = chain.add("gaussian_blur", {"image": fine})
    wrong = chain.add("measure_objects", {"labels": bare, "image": blurred})
    right = chain.add("measure_objects", {"labels": same, "image": blurred})
    with pytest.raises(InputError, match=r"differ in size: fine 0.5 × 0.5 µm, bare 1 × 1 pixel.*same scale"):
        chain.recipe(wrong)
    with pytest.raises(InputError, match="differ in size"):
        chain.recipe()
    assert chain.recipe(right).unit == "µm"
    assert chain.recipe(chain.add("expand_labels", {"labels": bare})).unit == "pixel"


def test_loading_a_recipe(owner, image):
    chain = owner.chain
    recipe = Recipe(
        ("image",),
        (
            Step("blur", "gaussian_blur", {"image": "image"}, {"sigma": 2}),
            Step("cells", "threshold_otsu", {"image": "blur"}),
        ),
        ("cells",),
        name="Cells",
    )
    with pytest.raises(InputError, match="Choose the image"):
        chain.add_recipe(recipe)
    chain.add_input("raw", image)
    # There is one image only, so it is the one that is meant.
    ids = chain.add_recipe(recipe)
    assert ids == {"blur": "blur", "cells": "cells"}
    more = chain.add_recipe(recipe, {"image": "blur"})
    assert more == {"blur": "blur_2", "cells": "cells_2"}
    assert chain.undo_text == "Add Cells"
    owner.settle()
    compare(owner, {"raw": image})
    ids = chain.replace_by(recipe, {"image": "raw"})
    assert [s.id for s in chain.steps] == list(ids.values()) == ["blur_3", "cells_3"]
    owner.settle()
    compare(owner, {"raw": image})
    chain.undo()
    assert len(chain.steps) == 4
    broken = Recipe(("image",), (Step("blur", "gaussian_blur", {"image": "image"}, {"sigma": -2}),), ("blur",))
    with pytest.raises(InputError, match="sigma"):
        chain.replace_by(broken)
    with pytest.raises(InputError, match="neither an input"):
        chain.replace_by(recipe, {"image": "elsewhere"})
    assert len(chain.steps) == 4


def test_an_empty_chain_has_no_recipe(owner):
    with pytest.raises(InputError, match="Apply an operation first"):
        owner.chain.recipe()
