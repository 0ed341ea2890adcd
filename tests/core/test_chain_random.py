"""Whatever is done to a chain in whatever order: what its owner was shown last is what a fresh run gives."""

import queue
import time

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from bioloom.errors import InputError
from bioloom.operations.corrections import runs_of
from bioloom.recipe.catalogue import CATALOGUE
from bioloom.recipe.graph import Recipe
from bioloom.session.chain import Chain
from bioloom.session.jobs import JobRunner

# What each operation may be set to.
OPERATIONS = {
    "gaussian_blur": {"sigma": (0.5, 1.0, 2.0)},
    "median": {"radius": (1.0, 2.0)},
    "top_hat": {"radius": (2.0, 4.0)},
    "threshold_otsu": {},
    "connected_components": {"diagonal": (True, False)},
    "voronoi_otsu_labeling": {"spot_sigma": (1.0, 2.0), "outline_sigma": (0.5, 1.0)},
    "seeded_watershed": {},
    "expand_labels": {"distance": (1.0, 2.5)},
    "remove_labels_by_size": {"minimum": (0.0, 8.0, 30.0)},
    "remove_labels_at_edges": {},
    "maximum_projection": {},
    "measure_objects": {},
}


class Player:
    """Edits a chain at random, and keeps what it is shown, as layers do."""

    def __init__(self, seed, kind="numpy", has_time=False, ndim=2, budget=None):
        self.rng = np.random.default_rng(seed)
        self.calls = queue.Queue()
        self.chain = Chain(JobRunner(self.calls.put), self.calls.put, budget)
        self.chain.result_changed.connect(self.take)
        self.chain.failed.connect(lambda name, error: self.shown.__setitem__(name, error))
        self.shown = {}
        self.unwanted = set()
        self.has_time, self.kind = has_time, kind
        self.spacing = (1.0, 0.5, 0.5)[-ndim:]
        shape = (3,) * has_time + ((6, 16, 18) if ndim == 3 else (22, 26))
        self.images = {}
        for number in range(2):
            points = self.rng.random(shape) > 1 - 8 / np.prod(shape[-ndim:])
            spots = ndimage.gaussian_filter(points.astype(float), [0] * has_time + [1.5] * ndim)
            pixels = (100 + 5000 * spots + self.rng.normal(0, 10, shape)).clip(0).astype(np.uint16)
            name = self.chain.add_input(f"image{number}", self.lazy(pixels), spacing=self.spacing, has_time=has_time)
            self.images[name] = pixels

    def lazy(self, pixels):
        if self.kind == "dask":
            import dask.array as da

            return da.from_array(pixels.copy(), chunks=10)
        if self.kind == "zarr":
            import zarr

            array = zarr.create_array(
                zarr.storage.MemoryStore(), shape=pixels.shape, chunks=(10,) * pixels.ndim, dtype=pixels.dtype
            )
            array[:] = pixels
            return array
        return pixels.copy()

    def take(self, name):
        value = self.chain.result(name)
        assert value is not None
        self.shown[name] = np.array(value) if not isinstance(value, pd.DataFrame) else value.copy()

    # -------------------------------------------------------------------------------------------- actions
    def pick(self, things):
        things = list(things)
        return things[self.rng.integers(len(things))] if things else None

    def any_step(self):
        return self.pick(s.id for s in self.chain.steps)

    def any_source(self):
        return self.pick([*self.chain.inputs, *(s.id for s in self.chain.steps)])

    def any_settings(self, operation):
        return {name: self.pick(values) for name, values in OPERATIONS.get(operation, {}).items()}

    def add(self):
        operation = self.pick(OPERATIONS)
        arrays = CATALOGUE[operation].arrays
        taken = {p.name: self.any_source() for p in arrays if not p.optional or self.rng.random() < 0.3}
        self.chain.add(operation, taken, self.any_settings(operation))

    def insert(self):
        operation = self.pick(n for n in OPERATIONS if sum(not p.optional for p in CATALOGUE[n].arrays) == 1)
        self.chain.insert(self.any_source(), operation, self.any_settings(operation))

    def change(self):
        step = self.chain.step(self.any_step())
        self.chain.change(step.id, **self.any_settings(step.operation))

    def rewire(self):
        step = self.chain.step(self.any_step())
        self.chain.rewire(step.id, {self.pick(step.inputs): self.any_source()})

    def enable(self):
        self.chain.enable(self.any_step(), bool(self.rng.integers(2)))

    def remove(self):
        self.chain.remove(self.any_step(), with_followers=bool(self.rng.random() < 0.2))

    def move(self):
        step = self.any_step()
        self.chain.move(step, int(self.rng.integers(len(self.chain.run_of(step)))))

    def correct(self):
        labels = self.pick(s.id for s in self.chain.steps if self.chain.recipe(s.id).kind(s.id) == "labels")
        shape = self.chain.inputs and next(iter(self.images.values())).shape[self.has_time :]
        points = [[int(self.rng.integers(n)) for n in shape] for _ in range(2)]
        correction = self.pick(
            [
                {"kind": "merge", "points": points},
                {"kind": "split", "line": points},
                {"kind": "delete", "point": points[0]},
                {"kind": "draw", "runs": runs_of(np.ones((2,) * len(shape)), points[0])},
                {"kind": "erase", "runs": [[*points[0], 4]]},
            ]
        )
        if self.has_time:
            correction["frame"] = int(self.rng.integers(3))
        self.chain.correct(labels, correction)

    def undo(self):
        for _ in range(self.rng.integers(1, 4)):
            self.chain.undo()

    def redo(self):
        for _ in range(self.rng.integers(1, 4)):
            self.chain.redo()

    def edit_pixels(self):
        name = self.pick(self.images)
        self.images[name] = np.roll(self.images[name], 3, axis=-1)
        self.chain.set_input(name, self.lazy(self.images[name]))

    def want(self):
        step, on = self.any_step(), bool(self.rng.integers(2))
        (self.unwanted.discard if on else self.unwanted.add)(step)
        self.chain.want(step, on)

    def reload(self):
        before = self.chain.recipe()
        self.chain.replace_by(Recipe.from_yaml(before.to_yaml()))

    def stop_and_go(self):
        self.chain.cancel()
        self.chain.compute()

    def forget(self):
        self.chain.forget_results()

    def play(self, n):
        actions = {
            self.add: 8, self.insert: 3, self.change: 6, self.rewire: 3, self.enable: 3, self.remove: 2, self.move: 3,
            self.correct: 4, self.undo: 3, self.redo: 2, self.edit_pixels: 1, self.want: 1, self.reload: 0.5,
            self.stop_and_go: 1, self.forget: 0.5,
        }  # fmt: skip
        chances = np.array(list(actions.values())) / sum(actions.values())
        for _ in range(n):
            if len(self.chain.steps) < 2:
                action = self.add
            elif len(self.chain.steps) > 10:
                action = self.undo
            else:
                action = list(actions)[self.rng.choice(len(actions), p=chances)]
            before = self.chain.steps
            try:
                action()
            except InputError:
                # What is refused changes nothing.
                assert self.chain.steps == before
            if self.rng.random() < 0.3:
                time.sleep(0.002)
            if self.rng.random() < 0.5:
                self.pump()

    # -------------------------------------------------------------------------------------------- comparing
    def pump(self):
        while not self.calls.empty():
            self.calls.get()()

    def settle(self):
        self.chain.compute()
        deadline = time.monotonic() + 30
        self.pump()
        while self.chain.busy:
            assert time.monotonic() < deadline
            try:
                self.calls.get(timeout=0.05)()
            except queue.Empty:
                continue
        self.pump()

    def compare(self):
        for step in self.chain.steps:
            if step.id in self.unwanted:
                continue
            recipe = self.chain.recipe(step.id)
            given = {name: self.images[name] for name in recipe.inputs}
            expected = fresh(recipe, given, spacing=self.spacing, frame_axis=0 if self.has_time else None)
            if isinstance(expected, InputError):
                assert self.chain.status(step.id) in ("failed", "blocked")
                assert str(expected).endswith(str(self.chain.error(step.id)))
                continue
            assert self.chain.status(step.id) == "ready"
            found = self.shown[step.id]
            if isinstance(expected, pd.DataFrame):
                pd.testing.assert_frame_equal(found, expected)
            else:
                assert found.dtype == expected.dtype
                np.testing.assert_array_equal(found, expected)


def fresh(recipe, images, **options):
    """Return the result of a recipe, or why there is none."""
    images = {name: images[name] for name in recipe.inputs}
    try:
        (result,) = recipe.run(images, **options).values()
    except InputError as error:
        return error
    return result


def play(player, rounds, n):
    try:
        for _ in range(rounds):
            player.play(n)
            player.settle()
            player.compare()
    finally:
        player.chain.close()
        assert player.chain.wait(10)


@pytest.fixture(autouse=True)
def quiet(caplog):
    # A fresh run logs what was corrected and does not fit any more.
    caplog.set_level("CRITICAL", logger="bioloom")


@pytest.mark.parametrize("seed", range(10))
def test_any_order_of_edits(seed):
    play(Player(seed), rounds=5, n=14)


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_edits_without_memory_to_keep_results(seed):
    play(Player(seed, budget=lambda: 3000), rounds=4, n=12)


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_any_order_of_edits_of_series_and_lazy_arrays(kind, ndim):
    play(Player(ndim, kind, has_time=True, ndim=ndim), rounds=3, n=10)
    play(Player(ndim + 10, kind, ndim=ndim), rounds=3, n=10)
