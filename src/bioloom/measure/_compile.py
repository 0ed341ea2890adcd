"""How the kernels of this room are compiled: without the GIL, kept on disk, never with Numba's own threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def kernel(function: Kernel) -> Kernel:
    """Compile a function with Numba at its first call and keep its type hints."""
    return cast(Kernel, njit(nogil=True, cache=True)(function))
