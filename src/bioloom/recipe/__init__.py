"""Whole runs: an operation or a classifier over files, and the demo's loop from pixels to plots.

The command line calls these functions; they are as useful from Python. Nothing is loaded before it is used.
"""

from __future__ import annotations

from bioloom.recipe.batch import BatchResult, FileResult, apply_to_files, find_files
from bioloom.recipe.classifying import classify_files
from bioloom.recipe.demo import LoopResult, open_demo, run_loop, write_results
from bioloom.recipe.function_calls import call_operation, check_arguments, list_schemas
from bioloom.recipe.graph import Recipe, Step
from bioloom.recipe.measuring import measure_file
from bioloom.recipe.run_files import run_files
from bioloom.recipe.segmenting import segment_files
from bioloom.recipe.steps import run_operation, spacing_after
from bioloom.recipe.training import TrainResult, train_files

__all__ = [
    "BatchResult",
    "FileResult",
    "LoopResult",
    "Recipe",
    "Step",
    "TrainResult",
    "apply_to_files",
    "call_operation",
    "check_arguments",
    "classify_files",
    "find_files",
    "list_schemas",
    "measure_file",
    "open_demo",
    "run_files",
    "run_loop",
    "run_operation",
    "segment_files",
    "spacing_after",
    "train_files",
    "write_results",
]
