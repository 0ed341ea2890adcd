"""Whether a window can be shown."""

from __future__ import annotations

import os
import subprocess
import sys

_PROBE = "from qtpy.QtWidgets import QApplication; QApplication([])"


def why_no_window() -> str:
    """Return why napari cannot be shown here; nothing if it can."""
    from importlib.util import find_spec

    if sys.platform not in ("darwin", "win32") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display"
    if find_spec("napari") is None:
        return "napari is not installed; install it with `pip install 'napari-bioloom[all]'`"
    # Qt ends the whole process where it cannot reach the display, so another one tries first.
    try:
        answer = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return "the display does not answer"
    lines = [line.strip() for line in answer.stderr.splitlines() if line.strip()]
    return f"Qt cannot open the display ({lines[0] if lines else 'no reason given'})" if answer.returncode else ""
