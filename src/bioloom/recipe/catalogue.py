"""All operations: those of images, and those that classify and measure, which need the rooms above the operations."""

from __future__ import annotations

from bioloom.operations import CATALOGUE, Operation, get_operation

__all__ = ["CATALOGUE", "Operation", "get_operation"]
