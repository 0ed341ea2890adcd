"""Chooses where to compute."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox

from bioloom import device
from bioloom.errors import BioloomError
from bioloom.session.jobs import JobRunner
from bioloom.widgets._base import abandon


class DeviceBox(QComboBox):
    """Lists the devices that work; they are looked for in the background, which takes seconds.

    Parameters
    ----------
    send
        Runs a callable on the thread of the application.
    """

    chosen = Signal()
    """Another device is used from now on."""
    refused = Signal(object)
    """Why a device cannot be used."""

    def __init__(self, send: Callable[[Callable[[], object]], None]) -> None:
        super().__init__()
        self.setToolTip("Where to compute: NumPy in main memory, or an OpenCL device")
        self.addItem("numpy", "numpy")
        self.setEnabled(False)
        self._jobs = JobRunner(send)
        self.destroyed.connect(partial(abandon, self._jobs))
        self._jobs.start("Looking for devices", lambda progress: (device.list_devices(), device.current()), self._show)

    def _show(self, found: tuple[tuple[device.Device, ...], device.Device]) -> None:
        devices, current = found
        self.clear()
        for one in devices:
            if one.works:
                self.addItem(one.name if one.engine == "numpy" else f"{one.name} (OpenCL {one.kind})", one.name)
        self.setCurrentIndex(max(0, self.findData(current.name)))
        self.setEnabled(self.count() > 1)
        if self.count() == 1:
            self.setToolTip("No OpenCL device works here; `bioloom devices` in a terminal tells why")
        self.currentIndexChanged.connect(self._choose)

    def _choose(self, index: int) -> None:
        try:
            device.select(self.itemData(index))
        except BioloomError as error:
            self.refused.emit(error)
        self.chosen.emit()
