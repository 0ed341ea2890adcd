"""Forests on an OpenCL device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.classify._opencl import trees
from bioloom.classify._opencl.runtime import Runtime
from bioloom.errors import InputError

if TYPE_CHECKING:
    from bioloom.classify.forest import Forest

Answer: TypeAlias = Literal["classes", "margin", "probabilities"]

_TREES_PER_SUM = 256  # of bytes, before a sum of two bytes could overflow
_KEPT = 4


@dataclass(frozen=True)
class DeviceBins:
    """Bins of some pixels on a device.

    Attributes
    ----------
    buffer : pyopencl.Buffer
        (features, stride) of `dtype`.
    n_features, n : int
        Number of features and of pixels.
    stride : int
        Pixels from one feature to the next; those behind `n` mean nothing.
    dtype : numpy.dtype
        uint8 or uint16.
    """

    buffer: Any
    n_features: int
    n: int
    stride: int
    dtype: np.dtype[Any]

    @classmethod
    def allocate(cls, runtime: Runtime, n_features: int, n: int, dtype: Any) -> DeviceBins:
        """Allocate bins; their content is undefined."""
        stride = -(-n // runtime.rows) * runtime.rows
        dtype = np.dtype(dtype)
        return cls(runtime.empty(n_features * stride * dtype.itemsize), n_features, n, stride, dtype)

    @classmethod
    def push(cls, runtime: Runtime, bins: NDArray[Any]) -> DeviceBins:
        """Copy bins (features, n), uint8 or uint16, to the device."""
        n_features, n = bins.shape
        stride = -(-n // runtime.rows) * runtime.rows
        padded = np.zeros((n_features, stride), bins.dtype)
        padded[:, :n] = bins
        return cls(runtime.push(padded), n_features, n, stride, bins.dtype)

    @property
    def n_bytes(self) -> int:
        """Bytes of the buffer."""
        return self.n_features * self.stride * self.dtype.itemsize

    @property
    def suffix(self) -> str:
        """What the names of kernels for such bins end in."""
        return "_bytes" if self.dtype == np.uint8 else "_shorts"

    def pull(self, runtime: Runtime) -> NDArray[Any]:
        """Copy the bins to main memory, (features, n)."""
        padded = runtime.pull(self.buffer, (self.n_features, self.stride), self.dtype)
        return np.ascontiguousarray(padded[:, : self.n])

    def at(self, runtime: Runtime, pixels: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Copy the bins of single pixels to main memory, (pixels, features)."""
        if not len(pixels):
            return np.empty((0, self.n_features), self.dtype)
        out = runtime.empty(len(pixels) * self.n_features * self.dtype.itemsize)
        runtime.run(
            "gather" + self.suffix, (len(pixels), self.n_features), (64, 1), self.buffer, self.stride,
            runtime.push(pixels.astype(np.uint32)), len(pixels), out,
        )  # fmt: skip
        return runtime.pull(out, (len(pixels), self.n_features), self.dtype)


class DeviceForest:
    """A forest in buffers of a device.

    Three ways to evaluate it, chosen by what they cost there: *in bytes*, where trees pass on whole-number votes of one
    class after the other; *by leaves*, where they pass on the numbers of their leaves, for votes of any kind; and by
    walking from node to node, for bins of two bytes and for large trees.

    Parameters
    ----------
    runtime
        The device.
    forest
        The forest.
    small
        Whether bins are uint8.
    way
        ``"bytes"``, ``"leaves"`` or ``"walk"``; chosen if left out.

    Raises
    ------
    InputError
        If the forest cannot be evaluated in the way that was asked for.
    """

    def __init__(self, runtime: Runtime, forest: Forest, small: bool = True, way: str | None = None) -> None:
        self.forest = forest
        self.n_classes, self.n_trees = forest.n_classes, len(forest.roots)
        levels = trees.Levels.of(forest)
        used = np.flatnonzero((forest.feature < 0) & (levels.tree >= 0))
        code = trees.Code.of(forest, levels) if small else None
        possible = _possible(forest, levels, used, code)
        if way is not None and way not in possible:
            raise InputError(f"This forest cannot be evaluated in the way {way!r}, only in: {', '.join(possible)}.")
        costs = _costs(runtime, forest, levels)
        self.way = way or min(possible, key=costs.__getitem__)
        self._runtime = runtime
        if self.way == "walk" or code is None:
            nodes = trees.Nodes.of(forest, levels)
            weights = np.zeros((self.n_classes, len(nodes.nodes)), np.float32)
            weights[:, nodes.place[used]] = forest.weights[:, used]
            self._nodes, self._roots = runtime.push(nodes.nodes), runtime.push(nodes.roots)
            self._weights = [runtime.push(group) for group in trees.in_fours(weights)]
            return
        self._starts = code.starts
        if self.way == "bytes":
            self._codes = [runtime.push(code.with_bytes(votes)) for votes in forest.weights[:-1]]
            return
        # Leaves of one tree after the other; their numbers count from the tree's first.
        ordered = used[np.argsort(levels.tree[used], kind="stable")]
        first = np.searchsorted(levels.tree[ordered], np.arange(self.n_trees + 1))
        numbers = np.zeros(len(forest.feature), np.int64)
        numbers[ordered] = np.arange(len(ordered)) - first[levels.tree[ordered]]
        self._codes = [runtime.push(code.with_bytes(numbers))]
        self._leaves = runtime.push(first.astype(np.uint32))
        self._weights = [runtime.push(group) for group in trees.in_fours(forest.weights[:, ordered])]

    def votes(self, bins: DeviceBins, first: int = 0, last: int | None = None) -> Any:
        """Add up the votes of the trees first:last.

        Parameters
        ----------
        bins
            The pixels.
        first, last
            The trees, as in a slice.

        Returns
        -------
        pyopencl.Buffer
            float32 (classes, stride of `bins`).

        Raises
        ------
        InputError
            If the number of features is another one.
        """
        if bins.n_features != self.forest.n_features:
            raise InputError(
                f"The classifier needs {self.forest.n_features} features, but {bins.n_features} were given."
            )
        run = self._runtime
        first, last, _ = slice(first, last).indices(self.n_trees)
        votes = run.zeros(4 * self.n_classes * bins.stride)
        if first >= last:
            return votes
        if self.way == "walk":
            for group, weights in enumerate(self._weights):
                run.run_pixels(
                    "walk" + bins.suffix, bins.stride, bins.buffer, bins.stride, self._nodes, self._roots, first, last,
                    weights, 4 * group, self.n_classes, votes, per_item=run.span,
                )  # fmt: skip
        elif self.way == "leaves":
            for group, weights in enumerate(self._weights):
                run.run_rows(
                    "vote_by_leaves", bins.stride, bins.buffer, bins.stride, self._codes[0], self._starts[first],
                    self._starts[last], self._leaves, first, weights, 4 * group, self.n_classes, votes,
                )  # fmt: skip
        else:
            for start in range(first, last, _TREES_PER_SUM):
                stop = min(start + _TREES_PER_SUM, last)
                for number, code in enumerate(self._codes):
                    run.run_rows(
                        "vote_in_bytes", bins.stride, bins.buffer, bins.stride, code, self._starts[start],
                        self._starts[stop], number, self.n_classes - 1, 255.0 * (stop - start) * (number == 0), votes,
                    )  # fmt: skip
        return votes

    def answer(self, bins: DeviceBins, votes: Any, what: Answer) -> NDArray[Any]:
        """Turn votes into an answer, and copy only that to main memory.

        Parameters
        ----------
        bins, votes
            The pixels, and what :meth:`votes` gave for them.
        what
            ``"classes"``, ``"margin"`` or ``"probabilities"``.

        Returns
        -------
        numpy.ndarray
            uint16 (n,): the class of most votes, the lower of equals. Or float32 (n,): by how much its share is above
            that of the second. Or float32 (classes, n): the shares of all.
        """
        run, n = self._runtime, bins.n
        shape = (self.n_classes, n) if what == "probabilities" else (n,)
        dtype = np.dtype(np.uint16 if what == "classes" else np.float32)
        out = run.empty(int(np.prod(shape)) * dtype.itemsize)
        run.run_pixels(what, n, votes, bins.stride, self.n_classes, n, out)
        return run.pull(out, shape, dtype)

    def pull_votes(self, bins: DeviceBins, votes: Any) -> NDArray[np.float32]:
        """Copy votes to main memory, float32 (classes, n)."""
        padded = self._runtime.pull(votes, (self.n_classes, bins.stride), np.float32)
        return padded[:, : bins.n]


def on_device(runtime: Runtime, forest: Forest, small: bool) -> DeviceForest:
    """Return a forest on a device; the last ones used are kept there."""
    kept: list[tuple[bool, DeviceForest]] = runtime.forests
    for i, (was_small, one) in enumerate(kept):
        if one.forest is forest and was_small == small:
            kept.append(kept.pop(i))
            return one
    kept.append((small, DeviceForest(runtime, forest, small)))
    del kept[:-_KEPT]
    return kept[-1][1]


def _possible(forest: Forest, levels: trees.Levels, leaves: NDArray[np.intp], code: trees.Code | None) -> list[str]:
    """Return the ways in which a forest can be evaluated."""
    ways = ["walk"]
    if code is not None and code.rows <= trees.STACK:
        if np.bincount(levels.tree[leaves]).max() <= 256:
            ways.append("leaves")
        votes = forest.weights[:, leaves]
        whole = (votes == np.floor(votes)).all() and (votes >= 0).all() and (votes.sum(0) == 255).all()
        if whole and forest.n_classes > 1:
            ways.append("bytes")
    return ways


def _costs(runtime: Runtime, forest: Forest, levels: trees.Levels) -> dict[str, float]:
    """Return what each way costs, in node blends per pixel."""
    inner = sum(map(len, levels.inner))
    groups = -(-forest.n_classes // 4)
    return {
        "bytes": (forest.n_classes - 1) * inner,
        "leaves": groups * (inner + runtime.lookup_cost * len(forest.roots)),
        "walk": groups * runtime.step_cost * float(levels.depth.sum()),
    }
