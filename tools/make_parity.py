"""Write the table of operations in docs/parity.md: menu, engines, and the tests that show each.

Run it after a change of the catalogue: python tools/make_parity.py
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from bioloom.operations import Operation
from bioloom.recipe.catalogue import CATALOGUE

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "parity.md"
BEGIN, END = "<!-- operations: made by tools/make_parity.py -->", "<!-- end of operations -->"


@cache
def _tests() -> dict[str, str]:
    """Return the texts of the tests by their path below tests/core, those of operations first."""
    folder = ROOT / "tests" / "core"
    paths = [*sorted((folder / "operations").glob("test_*.py")), *sorted(folder.glob("test_*.py"))]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def shown_by(operation: Operation) -> str:
    """Return the file of tests that names an operation most often, or that of its module, which may make up names."""
    word = re.compile(rf"\b{operation.name}\b")
    counts = {path: len(word.findall(text)) for path, text in _tests().items()}
    best = max(counts, key=lambda path: counts[path])
    own = f"operations/test_{operation.function.__module__.rpartition('.')[2]}.py"
    if not counts[best] and own in counts:
        return own
    if not counts[best]:
        raise SystemExit(f"No test names {operation.name}.")
    return best


def engines(operation: Operation) -> str:
    """Return where an operation computes."""
    found = ["NumPy", *(["OpenCL"] if "opencl" in operation.engines else [])]
    if operation.works_on_blocks:
        found.append("Dask, by blocks")
    return ", ".join(found)


def table() -> str:
    """Return the table with its markers."""
    lines = [BEGIN, "| Menu | Operation | Computes with | Shown by |", "|---|---|---|---|"]
    for operation in sorted(CATALOGUE.values(), key=lambda o: (o.category, o.title)):
        menu = operation.category.replace("/", " › ")
        lines.append(
            f"| {menu} | {operation.title} (`{operation.name}`) | {engines(operation)} | `{shown_by(operation)}` |"
        )
    return "\n".join([*lines, END])


def text() -> str:
    """Return the page with its table renewed."""
    page = TARGET.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    return before + table() + rest.partition(END)[2]


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
