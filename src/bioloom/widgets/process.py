"""The Process panel: find an operation, see what it does, apply it."""

from __future__ import annotations

from functools import partial
from typing import Any

import napari.viewer
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QScrollArea

from bioloom import layers
from bioloom.operations import Operation
from bioloom.recipe.catalogue import CATALOGUE, get_operation
from bioloom.session.jobs import JobRunner
from bioloom.widgets._base import BioloomWidget, abandon
from bioloom.widgets._chain_view import ChainView
from bioloom.widgets._corrections import Corrections
from bioloom.widgets._device_box import DeviceBox
from bioloom.widgets._parts import CollapsibleGroup, align_labels, enable, form, group
from bioloom.widgets._process_form import Arguments, OperationForm
from bioloom.widgets._process_next import NextSteps
from bioloom.widgets._process_picker import OperationPicker
from bioloom.widgets._process_preview import LivePreview
from bioloom.widgets._process_steps import ProcessSteps
from bioloom.widgets._process_suggest import Suggesting
from bioloom.widgets._process_target import TargetBox
from bioloom.widgets._recipe_menu import RecipeMenu

_COUNTED = 2048 * 2048
"""Pixels up to which objects are counted to say how many there are."""


class ProcessWidget(BioloomWidget):
    """Apply any operation of the catalogue to layers.

    Parameters
    ----------
    viewer
        The napari viewer.
    operation
        Name of the operation to begin with.
    """

    def __init__(self, viewer: napari.viewer.Viewer, operation: str = "gaussian_blur") -> None:
        super().__init__(viewer)
        self.steps = ProcessSteps(viewer, self)
        preview_jobs, self._look_jobs, quiet_jobs = (JobRunner(self._main_thread.send) for _ in range(3))
        for runner in (preview_jobs, self._look_jobs, quiet_jobs):
            self.destroyed.connect(partial(abandon, runner))
        for signal, slot in (
            (self._look_jobs.started, self._job_started),
            (self._look_jobs.ended, self._job_ended),
            (self._look_jobs.failed, self._job_failed),
        ):
            signal.connect(slot)
        self.picker = OperationPicker(list(CATALOGUE.values()))
        self.form = OperationForm(viewer, self.steps.layers, self)
        self.axes = self.form.axes
        self.suggesting = Suggesting(viewer, self.form, self._look_jobs, quiet_jobs, self.say, self.attempt)
        self.preview = LivePreview(viewer, self, preview_jobs, self._asked_for, self.say)
        self.preview_box = self.preview.box
        self._state_timer = QTimer(self)
        self._state_timer.setSingleShot(True)
        self._state_timer.setInterval(60)
        self._state_timer.timeout.connect(self._show_state)
        self.target_box = TargetBox()
        self.device_box = DeviceBox(self._main_thread.send)
        for box in (self.target_box, self.device_box):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(6)
        self.apply_button = QPushButton("Apply")
        self.apply_button.setToolTip("Compute the whole image, and add the result as a new layer")
        self.next_steps = NextSteps()
        self.chain_view = ChainView(self.steps.chain, self.steps.layers)
        self.recipe_menu = RecipeMenu(viewer, self.steps, self.chain_view)
        self.corrections = Corrections(viewer, self.steps, self._axes_of)
        self._lay_out()

        self.operation: Operation = get_operation(operation)
        self.picker.chosen.connect(lambda chosen: self.open(chosen.name))
        self.device_box.refused.connect(self.report)
        self.device_box.chosen.connect(self._device_chosen)
        self.form.changed.connect(self._changed)
        self.axes.time.toggled.connect(lambda on: self.attempt(self.suggesting.begin_again))
        self.axes.file_size.clicked.connect(lambda on: self.attempt(self.suggesting.begin_again))
        self.form.suggest_asked.connect(lambda: self.attempt(self.suggest))
        self.next_steps.chosen.connect(lambda chosen, layer: self.open(chosen.name, layer))
        self.apply_button.clicked.connect(lambda: self.attempt(self.apply))
        for events in (viewer.layers.events.inserted, viewer.layers.events.removed):
            events.connect(self._show_state_soon)
        viewer.layers.selection.events.changed.connect(self._active_changed)
        self.steps.shown.connect(self._step_shown)
        for part in (self.chain_view, self.recipe_menu, self.corrections):
            part.refused.connect(self.report)
        for part in (self.recipe_menu, self.corrections):
            part.done.connect(self.say)
        self.chain_view.layer_wanted.connect(lambda layer: layers.activate(self.viewer, layer))
        self.corrections_group.toggled.connect(lambda on: None if on else self.corrections.choose(""))
        self.steps.lost.connect(self._corrections_lost)
        self.on_close(self._leave_viewer)
        self.choose(operation)

    def _lay_out(self) -> None:
        device_row, device_layout = form()
        device_layout.addRow("Apply to", self.target_box)
        device_layout.addRow("Compute on", self.device_box)
        buttons = QHBoxLayout()
        buttons.addWidget(self.preview_box)
        buttons.addWidget(self.apply_button, stretch=1)
        self.settings_group = group("Settings", self.form.settings_box, device_row)
        self.content.addWidget(group("Operation", self.picker))
        self.content.addWidget(group("Input", self.form.inputs))
        self.content.addWidget(self.settings_group)
        self.content.addLayout(buttons)
        self.content.addWidget(self.next_steps)
        self.chain_view.add_tool(self.recipe_menu)
        self.steps_group = CollapsibleGroup("Steps", self.chain_view, key="process steps")
        self.content.addWidget(self.steps_group)
        self.corrections_group = CollapsibleGroup(
            "Correct by hand", self.corrections, key="process corrections", is_open=False
        )
        self.content.addWidget(self.corrections_group)
        self.content.addStretch(1)

    def _leave_viewer(self) -> None:
        for events in (self.viewer.layers.events.inserted, self.viewer.layers.events.removed):
            events.disconnect(self._show_state_soon)
        self.viewer.layers.selection.events.changed.disconnect(self._active_changed)
        self._state_timer.stop()
        self.preview.stop()
        self.corrections.stop()
        self.chain_view.stop()
        self.steps.stop()

    # -------------------------------------------------------------------------------------------- choosing
    @property
    def settings(self) -> Any:
        """The fields of the chosen operation."""
        return self.form.settings

    @property
    def layer_combos(self) -> dict[str, Any]:
        """The boxes that choose layers, by array."""
        return self.form.layer_combos

    def open(self, name: str, layer: Any = None) -> None:
        """Show an operation's form, with settings that suit the image where those can be told."""
        self.choose(name, layer)
        # What was said of another operation's settings.
        self.say("")
        if self.operation.can_suggest and not self.form.missing():
            self.suggesting.begin_with(*self._asked_for())

    def choose(self, name: str, layer: Any = None) -> None:
        """Show an operation's form; `layer` becomes its first input."""
        self.suggesting.withdraw()
        self.operation = get_operation(name)
        self.picker.show_operation(self.operation)
        self.form.show(self.operation, layer)
        if any(p.kind == "corrections" for p in self.operation.settings):
            self.corrections_group.set_open(True)
            QTimer.singleShot(50, self._show_corrections)
        align_labels(self)
        self._changed()

    def _show_corrections(self) -> None:
        """Scroll to the tools."""
        area = self.corrections_group.parentWidget()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        if area is not None:
            area.ensureWidgetVisible(self.corrections_group)

    def _device_chosen(self) -> None:
        """Let what is shown be what the device in use computes."""
        self.steps.chain.use_device()
        self.preview.request()

    def _changed(self) -> None:
        self._show_state()
        self.preview.request()

    def _active_changed(self, event: Any = None) -> None:
        self.chain_view.show_layer(layers.active_layer(self.viewer))
        self._show_state()

    def _axes_of(self, layer: Any) -> tuple[bool, bool]:
        """Tell of a layer whether its first axis is time, and whether lengths are counted in its unit."""
        if layer is self.form.source:
            return self.axes.has_time, self.axes.physical
        return layers.time_axis(layer) == 0, False

    def _corrections_lost(self, step_id: str, lost: list[Any]) -> None:
        reasons = "; ".join(f"{one.correction.get('kind')}: {one.reason}" for one in lost[:3])
        self.say(f"{len(lost)} corrections no longer fit and were left out: {reasons}.")
        self.corrections.show_state()

    def _show_state_soon(self, event: Any = None) -> None:
        # Not at once: Mesa crashes if a preview goes before the window has shown that another layer is gone.
        self._state_timer.start()

    def _show_state(self, event: Any = None) -> None:
        """Enable what can be done, and say why the rest cannot."""
        self.next_steps.follow(self.viewer)
        missing = self.form.missing()
        if not missing and any(p.kind == "corrections" for p in self.operation.settings):
            missing = "Corrections are made in the image: choose a tool under ‘Correct by hand’"
        # Without an image at all the button stays: pressing it tells the way.
        enable(self.apply_button, not missing or self.form.source is None, missing)
        enable(self.form.suggest_button, not missing, missing)
        gives_pixels = self.operation.gives_pixels and self.operation.arrays[0].kind != "surface"
        why = missing or f"A {self.operation.returns} has no preview: press Apply"
        enable(self.preview_box, not missing and gives_pixels, why)
        if not self.preview_box.isEnabled():
            self.preview_box.setChecked(False)
        self.target_box.offer(
            has_time=self.axes.has_time,
            one_frame_only=self._one_frame_only,
            n_layers=len(self._selected_sources()),
            title=self.operation.title,
        )

    # -------------------------------------------------------------------------------------------- what it is applied to
    @property
    def target(self) -> str:
        """``all``, ``frame`` or ``layers``."""
        return self.target_box.target

    @property
    def _one_frame_only(self) -> bool:
        kinds = {self.operation.returns, *(p.kind for p in self.operation.arrays)}
        return self.axes.has_time and "surface" in kinds

    def _selected_sources(self) -> list[Any]:
        first = next(iter(self.layer_combos.values()), None)
        if first is None:
            return []
        listed = layers.of_kind(self.viewer, first.kind)
        chosen = [
            layer for layer in listed if layer in self.viewer.layers.selection and layers.role(layer) != "preview"
        ]
        return chosen[::-1]

    # -------------------------------------------------------------------------------------------- running
    def _asked_for(self) -> tuple[Operation, Arguments]:
        return self.operation, self.form.arguments()

    def suggest(self) -> None:
        """Look at the image, or its frame in view, and fill in settings that suit it."""
        self.suggesting.start(*self._asked_for())

    def apply(self) -> None:
        """Compute the whole image, every layer or a frame, and add the results as new layers."""
        if self.suggesting.lets_wait(self.apply):
            return
        operation = self.operation
        sources = self._selected_sources() if self.target == "layers" else [self.form.source]
        self.preview_box.setChecked(False)
        # A line drawn to move the picture is not to cut what is made now.
        self.corrections.choose("")
        for source in sources:
            arguments = self.form.arguments(source)
            ids = {name: self._id_of(view.layer) for name, view in arguments.views.items()}
            settings = {k: v for k, v in arguments.settings.items() if k != "spacing"}
            self.steps.begin(operation, ids, settings)
        self.picker.note_use(operation)

    def _id_of(self, layer: Any) -> str:
        """Return the id under which the chain knows a layer, or its frame in view."""
        has_time = self.form.has_time(layer)
        only_frame = self.target == "frame" or self._one_frame_only
        frame = layers.position(self.viewer, layer)[0] if has_time and only_frame else None
        return self.steps.layers.id_of(layer, has_time=has_time, physical=self.axes.physical, frame=frame)

    def cancel(self) -> None:
        """Stop what is being computed."""
        if self.jobs.busy or self.suggesting.busy:
            self.suggesting.cancel()
            kept = self.steps.cancel()
            self.say("Cancelled. Nothing was changed." if not kept else f"Cancelled. {kept}")

    def _step_shown(self, step_id: str, layer: Any) -> None:
        operation = get_operation(self.steps.chain.step(step_id).operation)
        self.next_steps.show_for(layer, self.steps.layers.kind_of(step_id), operation)
        if operation.returns == "table":
            rows = len(self.steps.chain.result(step_id))
            where = "Open Measure or Explore to see it" if layers.layer_kind(layer) == "labels" else "See its metadata"
            self.say(f"Done: a table of {rows} rows, kept with ‘{layer.name}’. {where}.")
        else:
            result = self.steps.chain.result_of(step_id)
            doubt = f" {result.doubt}" if result is not None and result.doubt else ""
            self.say(f"Done: layer ‘{layer.name}’{self._counted(step_id)}.{doubt}")

    def _counted(self, step_id: str) -> str:
        """Say how many objects a step found, where that is counted in no time."""
        result = self.steps.chain.result_of(step_id)
        if self.steps.layers.kind_of(step_id) != "labels" or result is None or result.has_time:
            return ""
        found = result.value
        if not isinstance(found, np.ndarray) or found.size > _COUNTED:
            return ""
        n = int(np.count_nonzero(np.unique(found)))
        return f", {n:,} object{'' if n == 1 else 's'}"
