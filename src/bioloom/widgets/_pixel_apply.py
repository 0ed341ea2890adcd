"""Applies the classifier of the Pixel classifier panel: to frames, to other layers, to a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject

from bioloom import layers
from bioloom.classify import PixelClassifier
from bioloom.errors import BioloomError, Cancelled, InputError
from bioloom.recipe import FileResult, classify_files
from bioloom.session.image_stack import ImageStack
from bioloom.session.jobs import JobProgress, JobRunner, Progress
from bioloom.session.live_apply import apply_to_stack, objects_of, of_kind, what_it_gives
from bioloom.session.live_view import Scene
from bioloom.widgets._apply_dialog import Application, ApplyDialog

_MOST_LISTED = 8


class PixelApplication(QObject):
    """Runs an application, one at a time, beside the live training.

    Parameters
    ----------
    panel
        The Pixel classifier panel.
    jobs
        Runs the work.
    """

    def __init__(self, panel: Any, jobs: JobRunner) -> None:
        super().__init__(panel)
        self._panel, self._jobs = panel, jobs

    def ask(self) -> None:
        """Ask the user what to apply it to, and begin."""
        panel = self._panel
        stack = panel.stack()
        others = [(layer.name, layer) for layer in self._others()]
        application = ApplyDialog.ask(
            panel.images.images[0].name,
            stack.n_frames,
            others,
            checked=panel.outputs.wanted(),
            parent=panel,
        )
        if application is not None:
            panel.attempt(lambda: self.begin(application))

    def begin(self, application: Application) -> None:
        """Begin an application that was chosen.

        Raises
        ------
        InputError
            If there is no classifier, or layers do not fit together.
        """
        panel = self._panel
        classifier = panel.session.classifier
        if classifier is None:
            raise InputError("There is no classifier yet. Paint and train one, or load one from a file.")
        if application.target == "folder":
            self._to_folder(classifier, application)
        elif application.target == "layers":
            axes = panel.axes
            stacks = [
                (layer, layers.image_stack([layer], has_time=None, physical=axes.physical))
                for layer in application.layers
            ]
            self._to_stacks(classifier, application, [(x, s, list(s.frames())) for x, s in stacks])
        else:
            stack, source = panel.stack(), panel.images.images[0]
            frames = list(stack.frames())
            if application.target == "image":
                frames = [layers.current_frame(panel.viewer, source, stack.n_frames is not None)]
            self._to_stacks(classifier, application, [(source, stack, frames)])

    def _others(self) -> list[Any]:
        """Return the image layers that are not chosen and could be classified."""
        panel = self._panel
        chosen = panel.images.images
        if len(chosen) > 1:
            # Of several layers that are one image it is not known which others belong together.
            return []
        found = []
        for layer in layers.of_kind(panel.viewer, "image"):
            if layer not in chosen and layers.role(layer) == "" and layers.is_rgb(layer) == layers.is_rgb(chosen[0]):
                found.append(layer)
        return found

    # -------------------------------------------------------------------------------------------- layers
    def _to_stacks(
        self, classifier: PixelClassifier, application: Application, items: Sequence[tuple[Any, ImageStack, list[int]]]
    ) -> None:
        panel = self._panel
        outputs = panel.outputs
        known = classifier.classes_.tolist()
        class_id = outputs.class_id if outputs.class_id in known else int(known[-1])
        dtype = np.min_scalar_type(int(classifier.classes_.max()))
        wanted = application.outputs
        for source, _, _ in items:
            outputs.open(source, dtype, wanted)
        problems: list[str] = []

        def work(progress: JobProgress) -> int:
            total = sum(len(frames) for _, _, frames in items)
            before = done = 0
            for source, stack, frames in items:
                try:
                    self._one(
                        classifier, source, stack, frames, class_id, wanted, _part(progress, before, total), progress
                    )
                    done += 1
                except Cancelled:
                    raise
                except BioloomError as error:
                    # The others can be done all the same.
                    problems.append(f"{source.name}: {error}")
                before += len(frames)
            return done

        def finished(done: int) -> None:
            outputs.refresh(thumbnail=True)
            what = items[0][0].name if len(items) == 1 else f"{done} of {len(items)} images"
            if problems and not done:
                panel.report(InputError("\n".join(problems)))
            else:
                panel.say("\n".join([f"Applied to {what}.", *problems]))

        self._jobs.start("Applying", work, finished)

    def _one(
        self, classifier: PixelClassifier, source: Any, stack: ImageStack, frames: list[int], class_id: int,
        wanted: Sequence[str], report: Progress, progress: JobProgress,
    ) -> None:  # fmt: skip
        outputs = self._panel.outputs
        scene = {k: Scene(stack, k, tuple(slice(0, n) for n in stack.shape), source) for k in frames}
        with_objects, settings = "objects" in wanted, outputs.object_settings()
        whole: Any = None
        last: int | None = None

        def show(call: Callable[[], object]) -> None:
            self._panel.deliver(
                lambda: call() if not progress.cancelled() and source in self._panel.viewer.layers else None
            )

        def segment() -> None:
            if whole is not None and last is not None:
                show(partial(outputs.show_objects, scene[last], objects_of(whole, stack.spacing, settings), True))

        for answer in apply_to_stack(
            classifier, stack, frames, class_id=class_id, with_lead=with_objects, progress=report
        ):
            show(partial(outputs.answer, scene[answer.frame], answer, wanted))
            if with_objects:
                if answer.frame != last:
                    segment()
                    last, whole = answer.frame, np.zeros(stack.shape, np.float32)
                whole[answer.block] = answer.lead
        segment()

    # -------------------------------------------------------------------------------------------- folders
    def _to_folder(self, classifier: PixelClassifier, application: Application) -> None:
        panel = self._panel
        assert application.out is not None
        files, out, wanted = application.files, application.out, application.outputs
        has_time = panel.axes.has_time
        known = classifier.classes_.tolist()
        class_id = panel.outputs.class_id if panel.outputs.class_id in known else int(known[-1])
        objects = panel.outputs.object_settings()
        # Objects are made by a segmenter, with the settings of the panel.
        runs = [of_kind(classifier, "objects", class_id, objects)] if "objects" in wanted else []
        if wanted == ("probability",):
            runs = [of_kind(classifier, "probability", class_id)]
        elif set(wanted) != {"objects"}:
            runs.append(of_kind(classifier, "classes"))

        def work(progress: JobProgress) -> list[Any]:
            def tell(file: FileResult) -> None:
                panel.deliver(lambda: panel.say(f"{file.path.name}: {file.error or 'done'}"))

            results = []
            for number, one in enumerate(runs):
                plain = what_it_gives(one) == "classes"

                def report(done: int, total: int, before: int = number) -> None:
                    progress(before * total + done, len(runs) * total)

                results.append(
                    classify_files(
                        one,
                        list(files),
                        out,
                        probabilities=plain and "probability" in wanted,
                        uncertainty=plain and "uncertainty" in wanted,
                        frame_axis=0 if has_time else None,
                        existing=application.existing,
                        progress=report,
                        on_file=tell,
                    )
                )
            return results

        def finished(results: list[Any]) -> None:
            failures = {f.path: f for result in results for f in result.failures}
            lines = [f"{len(files) - len(failures)} of {len(files)} files → {Path(out)}"]
            lines += [f"{f.path.name}: {f.error}" for f in list(failures.values())[:_MOST_LISTED]]
            if len(failures) > _MOST_LISTED:
                lines.append(f"… and {len(failures) - _MOST_LISTED} more; all are listed in bioloom-run.json.")
            panel.say("\n".join(lines))

        self._jobs.start("Applying", work, finished)


def _part(progress: JobProgress, before: int, total: int) -> Progress:
    """Report the progress of one image as part of all."""

    def report(done: int, parts: int) -> None:
        # Of this image, `parts` counts the blocks of all its frames.
        progress(1000 * before + round(1000 * done / max(1, parts)), 1000 * total)

    return report
