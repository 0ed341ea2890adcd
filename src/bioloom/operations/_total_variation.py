"""The iterations of total variation denoising, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._noise_kernels import dual_step, primal_step
from bioloom.operations._slabs import inside_pool


def flatten(
    stack: NDArray[Any], weight: float, factors: Sequence[float], iterations: int, tolerance: float
) -> NDArray[Any]:
    """Return the (z, y, x) stack with less total variation; `factors` scale the gradient along each axis."""
    kind = stack.dtype.type
    dual = np.zeros((3, *stack.shape), kind)
    result = stack.copy()
    factor = tuple(kind(f) for f in factors)
    tau = kind(1 / (2 * sum(f * f for f in factors)))
    axis = 0 if stack.shape[0] >= device.n_cores() else 1
    parts = 1 if stack.size < 1 << 15 else device.n_cores()
    edges = [stack.shape[axis] * k // parts for k in range(parts + 1)]

    def summed(step: Callable[[int, int], float]) -> float:
        if parts == 1 or inside_pool():
            return sum(map(step, edges[:-1], edges[1:]))
        return sum(device.thread_pool().map(step, edges[:-1], edges[1:]))

    first = previous = 0.0
    for number in range(iterations):
        energy = 0.0
        if number:
            energy = summed(lambda low, high: primal_step(stack, dual, factor, low, high, axis, result))
        energy += weight * summed(lambda low, high: dual_step(result, dual, factor, tau, kind(weight), low, high, axis))
        if not number:
            first = energy
        elif abs(previous - energy) < tolerance * first:
            break
        previous = energy
    return result
