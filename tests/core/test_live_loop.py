"""Painting and seeing without a window: what is in view comes first, stale work is dropped, nothing gets lost."""

import threading
import time

import numpy as np
import pytest

from bioloom import device, samples
from bioloom.classify import PixelClassifier
from bioloom.session.image_stack import ImageStack
from bioloom.session.jobs import JobRunner
from bioloom.session.live_loop import LiveLoop, Wishes
from bioloom.session.live_training import Member, TrainingSettings
from bioloom.session.live_view import Scene, in_view, key_of
from bioloom.session.pixel_session import PixelSession

SETTINGS = TrainingSettings("original gaussian_blur=1 gaussian_blur=3", n_trees=30, max_depth=4)
SIDE = 1200


class Picture:
    """What an owner does: it keeps what it is told on one thread of its own, as a window does."""

    def __init__(self):
        self.calls, self.told, self.images = [], [], {}
        self.session, self.jobs = PixelSession(), JobRunner(self.deliver)
        self.loop = LiveLoop(self.session, self.jobs, self.deliver)
        self.lock = threading.Lock()
        loop = self.loop
        loop.counted.connect(lambda annotated: self.told.append("counted"))
        loop.incomplete.connect(lambda: self.told.append("incomplete"))
        loop.trained.connect(lambda classifier: self.told.append("trained"))
        loop.answered.connect(self.answered)
        loop.painted.connect(lambda scene: self.told.append("painted"))
        loop.completed.connect(lambda scene: self.told.append("completed"))
        loop.segmented.connect(self.segmented)
        loop.reported.connect(lambda report: self.told.append(("reported", report)))
        self.jobs.failed.connect(lambda name, error: self.told.append(error))
        self.objects = None

    def deliver(self, call):
        with self.lock:
            self.calls.append(call)

    def work(self, until=lambda: False):
        """Do what was sent, until everything is done or something has happened; return whether it has."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with self.lock:
                calls, self.calls = self.calls, []
            for call in calls:
                call()
                if until():
                    return True
            if not calls and not self.jobs.busy:
                return False
            time.sleep(0.001)
        raise AssertionError("waited for a minute")

    def answered(self, scene, answer):
        self.told.append((scene.owner, answer.frame, key_of(answer.block), answer.final))
        image = self.images.setdefault((scene.owner, answer.frame), np.zeros(scene.stack.shape, np.uint8))
        image[answer.block] = answer.classes

    def segmented(self, scene, labels):
        self.told.append("segmented")
        self.objects = labels

    def blocks(self):
        return [told[2] for told in self.told if isinstance(told, tuple) and len(told) == 4 and told[3]]


@pytest.fixture(scope="module")
def nuclei():
    return samples.nuclei_2d(shape=(SIDE, SIDE), n_nuclei=150, seed=1)


@pytest.fixture(scope="module")
def annotation(nuclei):
    return samples.strokes(nuclei.labels, n_pixels=400, seed=0)


def whole(image, owner="a", frame=0, n_frames=None, region=None):
    one = ImageStack((image,), ("image",), (1.0, 1.0), "µm", n_frames)
    shape = one.shape
    return Scene(one, frame, region or tuple(slice(0, n) for n in shape), owner)


def test_what_is_in_view_is_painted_first_then_the_rest(nuclei, annotation):
    picture = Picture()
    scene = whole(nuclei.image, region=(slice(600, 1100), slice(600, 1100)))
    picture.loop.train([Member(scene.stack, annotation)], SETTINGS, scene, Wishes())
    picture.work()
    assert picture.told[:2] == ["counted", "trained"]
    assert picture.told.index("painted") < picture.told.index("completed")
    expected = [key_of(b) for b in in_view(picture.session.source(scene.stack, 0).blocks, scene.region)]
    assert set(picture.blocks()[: len(expected)]) == set(expected)
    assert len(picture.blocks()) == len(set(picture.blocks())) == 9
    np.testing.assert_array_equal(picture.images["a", 0], picture.session.classifier.predict(nuclei.image))


def test_where_memory_is_short_only_what_is_in_view_is_painted(nuclei, annotation, monkeypatch):
    monkeypatch.setattr(device, "memory_budget", lambda: 2_000_000)
    picture = Picture()
    scene = whole(nuclei.image, region=(slice(0, 400), slice(0, 400)))
    picture.loop.train([Member(scene.stack, annotation)], SETTINGS, scene, Wishes())
    picture.work()
    assert picture.blocks() == [(0, 0)]
    assert "completed" not in picture.told
    picture.told.clear()
    picture.loop.look(whole(nuclei.image, region=(slice(0, 400), slice(300, 900))))
    picture.work()
    assert picture.blocks() == [(0, 512)], "what was painted before stays"
    picture.loop.look(scene, Wishes(whole_frame=True))
    picture.work()
    assert len(picture.blocks()) == 8
    np.testing.assert_array_equal(picture.images["a", 0], picture.session.classifier.predict(nuclei.image))


def test_a_new_stroke_drops_what_is_stale(nuclei, annotation):
    picture = Picture()
    scene = whole(nuclei.image)
    few = np.where(np.arange(SIDE) < 500, annotation, 0).astype(np.uint8)
    picture.loop.train([Member(scene.stack, few)], SETTINGS, scene, Wishes())
    assert picture.work(until=lambda: picture.blocks())
    picture.loop.train([Member(scene.stack, annotation)], SETTINGS, scene, Wishes())
    before = len(picture.blocks())
    picture.work()
    assert before < 9
    assert len(picture.blocks()) == before + 9
    assert picture.told.count("painted") == 1
    fresh = PixelSession()
    fresh.train([Member(scene.stack, few)], SETTINGS, live=True)
    fresh.train([Member(scene.stack, annotation)], SETTINGS, live=True)
    np.testing.assert_array_equal(picture.images["a", 0], fresh.classifier.predict(nuclei.image))


def test_strokes_that_come_faster_than_they_are_learnt_lose_nothing(nuclei, annotation):
    picture, scene, painted = Picture(), whole(nuclei.image), np.zeros_like(annotation)
    for x in range(100, SIDE + 100, 100):
        painted[:, :x] = annotation[:, :x]
        picture.loop.train([Member(scene.stack, painted, version=x)], SETTINGS, scene, Wishes())
        picture.work(until=lambda: True)
    picture.work()
    edges = picture.session.classifier.forest.edges
    fresh = PixelClassifier(SETTINGS.features, SETTINGS.n_trees, SETTINGS.max_depth)
    fresh.fit_blocks([fresh.feature_blocks(nuclei.image, None, None)], [annotation], edges)
    np.testing.assert_array_equal(picture.images["a", 0], fresh.predict(nuclei.image))


def test_a_view_that_moves_on_is_followed(nuclei, annotation):
    series = np.stack([nuclei.image, nuclei.image[::-1], nuclei.image[:, ::-1]])
    painted = np.stack([annotation, np.zeros_like(annotation), np.zeros_like(annotation)])
    picture = Picture()
    picture.loop.train(
        [Member(whole(series, n_frames=3).stack, painted)], SETTINGS, whole(series, n_frames=3), Wishes()
    )
    assert picture.work(until=lambda: picture.blocks())
    picture.loop.look(whole(series, frame=1, n_frames=3))
    picture.work()
    for frame in (0, 1, 2):
        picture.loop.look(whole(series, frame=frame, n_frames=3))
        picture.work()
        np.testing.assert_array_equal(picture.images["a", frame], picture.session.classifier.predict(series[frame]))
    assert len(picture.blocks()) - len(set(picture.blocks())) <= 27, "no frame is painted twice but for its begin"


def test_what_was_not_told_is_told_again(nuclei, annotation):
    """A job that is stopped may have answers on their way; they are not lost."""
    picture, scene = Picture(), whole(nuclei.image)
    members = [Member(scene.stack, annotation)]
    picture.loop.train(members, SETTINGS, scene, Wishes())
    assert picture.work(until=lambda: len(picture.blocks()) >= 3)
    picture.loop.train(members, SETTINGS, scene, Wishes(), only_if_changed=True)
    picture.work()
    assert picture.told.count("trained") == 1
    assert set(picture.blocks()) == {(y, x) for y in (0, 512, 1024) for x in (0, 512, 1024)}
    picture.told.clear()
    picture.loop.train(members, SETTINGS, scene, Wishes(), only_if_changed=True)
    picture.work()
    assert picture.told == ["counted", "painted", "completed"], "nothing changed, nothing is done; that is told"
    picture.loop.repaint()
    picture.loop.look(scene)
    picture.work()
    assert len(picture.blocks()) == 9


def test_half_an_annotation_is_no_error_while_it_is_painted(nuclei, annotation):
    picture, scene = Picture(), whole(nuclei.image)
    picture.loop.train([Member(scene.stack, np.where(annotation == 1, 1, 0))], SETTINGS, scene, Wishes())
    picture.work()
    assert picture.told == ["counted", "incomplete"]
    picture.loop.train([Member(scene.stack, np.zeros_like(annotation))], SETTINGS, scene, Wishes(follow=False))
    picture.work()
    assert "Nothing is annotated yet" in str(picture.told[-1])


def test_objects_and_scores_come_last_and_wait_for_no_stroke(nuclei, annotation):
    picture, scene = Picture(), whole(nuclei.image, region=(slice(0, 300), slice(0, 300)))
    reports = []

    def report(classifier):
        reports.append(classifier)
        return "good"

    wishes = Wishes(segment=lambda lead: (lead > 0.5).astype(np.int32) * 7, report=report)
    members = [Member(scene.stack, annotation)]
    picture.loop.train(members, SETTINGS, scene, wishes)
    assert picture.work(until=lambda: "segmented" in picture.told)
    np.testing.assert_array_equal(picture.objects, (picture.images["a", 0] == 2) * 7)
    picture.loop.hand_down()
    picture.work()
    assert reports == [], "a stroke has begun, so nothing else does"
    picture.told.clear()
    picture.loop.look(scene, wishes)
    picture.work()
    assert [told for told in picture.told if told != "completed"] == [("reported", "good")]
    assert reports == [picture.session.classifier]
    picture.told.clear()
    picture.loop.train(members, SETTINGS, scene, wishes, only_if_changed=True)
    picture.work()
    assert len(reports) == 1, "the same classifier is scored once"


def test_undo_of_a_training_is_painted(nuclei, annotation):
    picture, scene = Picture(), whole(nuclei.image)
    other = np.where(annotation > 0, 3 - annotation, 0).astype(np.uint8)
    for painted in (annotation, other):
        picture.loop.train([Member(scene.stack, painted)], SETTINGS, scene, Wishes())
        picture.work()
    first = picture.session.undo_training()
    picture.loop.look(scene)
    picture.work()
    np.testing.assert_array_equal(picture.images["a", 0], first.predict(nuclei.image))


def test_nothing_is_left_running(nuclei, annotation):
    picture, scene = Picture(), whole(nuclei.image)
    for _ in range(3):
        picture.loop.train([Member(scene.stack, annotation)], SETTINGS, scene, Wishes(report=lambda c: None))
        picture.work(until=lambda: picture.blocks())
    picture.jobs.cancel()
    picture.loop.forget()
    end = time.monotonic() + 20
    while [t for t in threading.enumerate() if t.name.startswith("bioloom ")] and time.monotonic() < end:
        time.sleep(0.01)
    assert not [t for t in threading.enumerate() if t.name.startswith("bioloom ")]
    picture.told.clear()
    picture.work()
    assert picture.told == []
