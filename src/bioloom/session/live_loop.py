"""The loop of painting and seeing: train after every stroke, and keep what is in view up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from bioloom import device
from bioloom.classify import PixelClassifier
from bioloom.classify.feature_blocks import Block
from bioloom.errors import Cancelled
from bioloom.session.jobs import JobProgress, JobRunner
from bioloom.session.live_features import KeptBlocks
from bioloom.session.live_training import AnnotatedFrame, AnnotationReader, Member, TrainingSettings
from bioloom.session.live_view import Scene, in_view, key_of, out_of_view
from bioloom.session.pixel_session import PixelSession

QUIET_SECONDS = 0.4
"""How long nothing must happen before scores are computed."""

_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Wishes:
    """What is to be computed besides the classes.

    Attributes
    ----------
    class_id : int or None
        The class whose probability is wanted; the last one if None or unknown.
    whole_frame : bool
        Predict the rest of the frame, too, even where it does not fit into memory.
    segment : callable or None
        Makes labels of the lead of the class in a whole frame, see :class:`BlockAnswer`; (y, x) or (z, y, x).
    follow : bool
        Train live: keep bins, and answer with the first trees first.
    report : callable or None
        Called with the classifier, off the owner's thread, when nothing else is to do; its result goes to `reported`.
    """

    class_id: int | None = None
    whole_frame: bool = False
    segment: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    follow: bool = True
    report: Callable[[PixelClassifier], Any] | None = None


class LiveLoop:
    """Trains and predicts for an owner that shows pictures, such as a widget. Never makes it wait.

    Parameters
    ----------
    session
        What is trained.
    jobs
        Runs the work; one job at a time, a new one drops the stale one.
    deliver
        Runs a callable on the owner's thread.

    Attributes
    ----------
    counted : Signal(list)
        The annotated frames of the training set, whenever they were read.
    incomplete : Signal()
        There are fewer than two classes annotated, so nothing was trained.
    trained : Signal(PixelClassifier)
        There is another classifier.
    answered : Signal(Scene, BlockAnswer)
        What it says about a block of what is in view.
    painted : Signal(Scene)
        Everything in view is up to date: after something was painted, and after every :meth:`train`.
    completed : Signal(Scene)
        The whole frame is up to date.
    segmented : Signal(Scene, numpy.ndarray)
        The result of ``Wishes.segment``.
    reported : Signal(object)
        The result of ``Wishes.report``.
    """

    counted = Signal(list)
    incomplete = Signal()
    trained = Signal(object)
    answered = Signal(object, object)
    painted = Signal(object)
    completed = Signal(object)
    segmented = Signal(object, object)
    reported = Signal(object)

    def __init__(
        self, session: PixelSession, jobs: JobRunner, deliver: Callable[[Callable[[], object]], None] | None = None
    ) -> None:
        self.session = session
        self._jobs = jobs
        self._deliver = deliver or (lambda call: call())
        self._reader = AnnotationReader()
        self._reading = Lock()
        self._scene: Scene | None = None
        self._wishes = Wishes()
        self._done: dict[tuple[int, int], set[tuple[int, ...]]] = {}
        self._done_for: tuple[int, int | None] = (-1, None)
        self._segmented: Any = None
        self._last: tuple[TrainingSettings, Any] | None = None
        self._frame_lead: tuple[Any, NDArray[np.float32]] | None = None
        self._reported_for = -1
        self._resting = False
        self._answer_due = False

    # -------------------------------------------------------------------------------------------- owner's thread
    def train(
        self,
        members: Sequence[Member],
        settings: TrainingSettings,
        scene: Scene | None,
        wishes: Wishes,
        *,
        only_if_changed: bool = False,
        name: str = "Training",
    ) -> None:
        """Train on what is annotated, then show it; whatever was computed before is dropped.

        Parameters
        ----------
        members, settings
            See :meth:`PixelSession.train`.
        scene
            What is looked at; None to train only.
        wishes
            What is to be computed.
        only_if_changed
            Do not train where annotations and settings are those of the last training.
        name
            Of the job.
        """
        self._scene, self._wishes = scene, wishes
        self._resting, self._answer_due = False, True
        self._jobs.start(name, partial(self._train, list(members), settings, only_if_changed), self._finished)

    def look(self, scene: Scene | None, wishes: Wishes | None = None) -> None:
        """Show another place, or another picture of the same place; a running job turns to it by itself."""
        self._scene = scene
        if wishes is not None:
            self._wishes = wishes
        if scene is not None and self.session.classifier is not None and not self._jobs.busy:
            self._resting = False
            self._jobs.start("Predicting", self._paint, self._finished)

    @property
    def scene(self) -> Scene | None:
        """What is looked at."""
        return self._scene

    def count(self, members: Sequence[Member], progress: JobProgress) -> list[AnnotatedFrame]:
        """Return the annotated frames, to be counted; a job of its own, beside those of the loop."""
        with self._reading:
            return self._reader.read(members, partial(_stop_if_stale, progress))

    def repaint(self) -> None:
        """Answer anew for blocks that were answered for before, for example after their picture was removed."""
        self._done_for = (-1, None)
        self._segmented = None

    def hand_down(self) -> None:
        """Stop what would make the answer to a stroke wait, because one begins."""
        if self._resting:
            self._jobs.cancel()

    def forget(self) -> None:
        """Drop everything that was kept."""
        self._last = None
        self._reader = AnnotationReader()
        self.repaint()
        self.session.forget()

    def _finished(self, seen: tuple[Scene | None, Wishes] | None) -> None:
        """Go on where something else was looked at just when the job had finished."""
        if seen is not None and (self._scene is not seen[0] or self._wishes is not seen[1]):
            self.look(self._scene)

    # -------------------------------------------------------------------------------------------- the job's thread
    def _train(
        self, members: Sequence[Member], settings: TrainingSettings, only_if_changed: bool, progress: JobProgress
    ) -> tuple[Scene | None, Wishes] | None:
        annotated = self.count(members, progress)
        self._tell(progress, self.counted, annotated)
        known = set() if settings.base is None else set(settings.base.classes_.tolist())
        known.update(k for frame in annotated for k in frame.counts)
        if (len(known) < 2 or not annotated) and self._wishes.follow:
            # Half an annotation is no mistake while it is being painted.
            self._tell(progress, self.incomplete)
            return None
        state = settings, _state_of(members, annotated)
        if not only_if_changed or self._last != state or self.session.classifier is None:
            classifier = self.session.train_on(
                members, annotated, settings, live=self._wishes.follow, progress=progress
            )
            self._last = state
            self._tell(progress, self.trained, classifier)
        return self._paint(progress)

    def _paint(self, progress: JobProgress) -> tuple[Scene | None, Wishes]:
        """Answer for what is in view, as long as there is something to answer; return what was in view last."""
        while True:
            scene, wishes = self._scene, self._wishes
            if scene is None:
                return scene, wishes
            if self._paint_scene(scene, wishes, progress) and self._rest(scene, wishes, progress):
                return scene, wishes

    def _paint_scene(self, scene: Scene, wishes: Wishes, progress: JobProgress) -> bool:
        """Return False where something else is looked at meanwhile."""
        session = self.session
        source = session.source(scene.stack, scene.frame)
        class_id = wishes.class_id
        if session.classifier is None or class_id not in session.classifier.classes_:
            class_id = None
        if self._done_for != (session.generation, class_id):
            self._done.clear()
            self._done_for = (session.generation, class_id)
        done = self._done.setdefault((source.number, scene.frame), set())
        whole = self._lead_of(source, done) if wishes.segment else None
        something = False

        def paint(blocks: list[Block], early: bool) -> bool:
            nonlocal something
            missing = [b for b in blocks if key_of(b) not in done]
            something = something or bool(missing)
            for answer in session.answers(
                scene.stack, scene.frame, missing,
                class_id=class_id, early=early, with_lead=whole is not None, progress=progress,
            ):  # fmt: skip
                if answer.final and whole is not None and answer.lead is not None:
                    whole[answer.block] = answer.lead
                # Done is what the owner has been told.
                told = partial(done.add, key_of(answer.block)) if answer.final else None
                self._tell(progress, self.answered, scene, answer, then=told)
                _stop_if_stale(progress)
                if self._scene is not scene or self._wishes is not wishes:
                    return False
                if self._done_for[0] != session.generation:
                    return False
            return True

        if not paint(in_view(source.blocks, scene.region), wishes.follow):
            return False
        if something or self._answer_due:
            self._tell(progress, self.painted, scene, then=partial(setattr, self, "_answer_due", False))
        n_bytes = int(np.prod(source.shape)) * len(source.names)
        if wishes.whole_frame or wishes.segment or n_bytes <= device.memory_budget() // 2:
            if not paint(out_of_view(source.blocks, scene.region), False):
                return False
            self._tell(progress, self.completed, scene)
        if wishes.segment and whole is not None:
            key = source.number, scene.frame, *self._done_for
            if something or self._segmented != key:
                told = partial(setattr, self, "_segmented", key)
                self._tell(progress, self.segmented, scene, wishes.segment(whole), then=told)
        return True

    def _lead_of(self, source: KeptBlocks, done: set[tuple[int, ...]]) -> NDArray[np.float32]:
        """Return the lead in a whole frame as far as it is known; what is not known is to be done again."""
        key = source.number, *self._done_for
        if self._frame_lead is None or self._frame_lead[0] != key:
            done.clear()
            self._frame_lead = key, np.zeros(source.shape, np.float32)
        return self._frame_lead[1]

    def _rest(self, scene: Scene, wishes: Wishes, progress: JobProgress) -> bool:
        """Report once it is quiet; return False where something else is looked at meanwhile."""
        generation = self.session.generation
        if wishes.report is None or self._reported_for == generation or self.session.classifier is None:
            return True
        self._resting = True
        end = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < end:
            _stop_if_stale(progress)
            if self._scene is not scene or self._wishes is not wishes:
                self._resting = False
                return False
            time.sleep(_POLL_SECONDS)
        result = wishes.report(self.session.classifier)
        self._tell(progress, self.reported, result, then=partial(setattr, self, "_reported_for", generation))
        self._resting = False
        return self._scene is scene and self._wishes is wishes

    def _tell(self, progress: JobProgress, signal: Any, *values: Any, then: Callable[[], object] | None = None) -> None:
        def emit() -> None:
            if not progress.cancelled():
                signal.emit(*values)
                if then:
                    then()

        self._deliver(emit)


def _stop_if_stale(progress: JobProgress) -> None:
    if progress.cancelled():
        raise Cancelled


def _state_of(members: Sequence[Member], annotated: Sequence[AnnotatedFrame]) -> Any:
    stacks = tuple(
        (id(m.stack.channels[0]), tuple(m.stack.channels[0].shape), m.stack.spacing, m.stack.n_frames) for m in members
    )
    return stacks, tuple((f.member, f.index, f.fingerprint) for f in annotated)
