"""What the command line prints."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bioloom.recipe import FileResult

# How the rooms below name what are options here. Not within names of files, such as my_frame_axis.tif.
_PYTHON_WORDS = (
    (r"\(image=… in Python, --image on the command line\)", "(--image FILE)"),
    (r"list_properties\(\d?\) names", "The reference of measurements names"),
    (r"(?<![\w./\\-])(frame|channel)_axis(?!\w|[./\\-]\w)", r"--\1-axis"),
    (r"\bspacing=(?=[(\[])", "--spacing "),
    (r" \(labels\)(?=\.)", " (--labels FOLDER)"),
    (r"takes no label images\. Leave out labels\.", "takes no label images. Leave out --labels."),
    (r"The positive class is (?=\d)", "--class is "),
    (r"\bsetting positive_class\b", "option --class"),
    (r"\bsetting (normalise|balanced)\b", r"option --\1"),
    (r"\bn_trees is", "--trees is"),
    (r"\bmax_depth is", "--depth is"),
)


def complain(text: str) -> int:
    """Print a problem as one line on stderr and return the exit status for it."""
    print(f"bioloom: {' '.join(_in_options(text).split())}", file=sys.stderr)
    return 2


def _in_options(text: str) -> str:
    """Name the arguments of Python functions as the options that they are here."""
    text = text.replace("channel_axis and channel_names need", "--channel-axis needs")
    for pattern, option in _PYTHON_WORDS:
        text = re.sub(pattern, option, text)
    return text


def tell_file(file: FileResult) -> None:
    """Print what became of one input file."""
    if file.error:
        complain(file.error if str(file.path) in file.error else f"{file.path}: {file.error}")
    elif not file.outputs:
        print(f"{file.path}: kept {', '.join(map(str, file.kept))}", flush=True)
    else:
        print(f"{file.path} -> {', '.join(map(str, file.outputs))} ({file.seconds:.2f} s)", flush=True)
    if file.note and not file.error:
        tell_hint(f"{file.path}: {file.note}")


def tell_hint(text: str) -> None:
    """Print what may have been overlooked; it is no failure."""
    print(f"bioloom: note: {text}", file=sys.stderr, flush=True)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns as wide as they need to be."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
