"""What of the chosen layers is to be computed."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox

from bioloom.widgets._parts import enable


class TargetBox(QComboBox):
    """Chooses between all frames, the frame in view, and all selected layers."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(
            "What to compute: every frame by itself, the frame in view, or every layer selected in the layer list"
        )

    @property
    def target(self) -> str:
        """``all``, ``frame`` or ``layers``."""
        return str(self.currentData() or "all")

    def offer(self, *, has_time: bool, one_frame_only: bool, n_layers: int, title: str) -> None:
        """Offer what is possible, and keep the choice if it is.

        Parameters
        ----------
        has_time
            Whether there are frames.
        one_frame_only
            Whether the operation works on one point in time.
        n_layers
            How many layers are selected.
        title
            Of the operation.
        """
        chosen = self.target
        entries = {"all": "All frames" if has_time else "The whole layer"}
        if has_time:
            entries["frame"] = "The frame in view"
        if n_layers > 1:
            entries["layers"] = f"All {n_layers} selected layers"
        if one_frame_only:
            entries.pop("all", None)
        self.blockSignals(True)
        self.clear()
        for key, text in entries.items():
            self.addItem(text, key)
        self.setCurrentIndex(max(0, self.findData(chosen)))
        self.blockSignals(False)
        why = "There is one image only: select several layers in the layer list to process them at once"
        enable(self, self.count() > 1, f"{title} works on one point in time" if one_frame_only else why)
