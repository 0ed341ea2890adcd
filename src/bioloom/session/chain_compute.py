"""Computing steps off the owner's thread: what is known already is not computed again."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bioloom import device
from bioloom.errors import BioloomError, Cancelled, doubts_heard
from bioloom.operations import Placement
from bioloom.operations.corrections import collect_lost
from bioloom.recipe.catalogue import get_operation
from bioloom.recipe.graph import Step
from bioloom.recipe.running import first_input, run_step, spacing_after
from bioloom.session.chain_results import ResultStore, StepResult, writable
from bioloom.session.jobs import JobProgress


@dataclass(frozen=True)
class ChainInput:
    """An image that steps begin with.

    Attributes
    ----------
    id : str
        Its name within recipes.
    data : array, DataFrame or tuple
        NumPy, Dask or Zarr, (y, x) or (z, y, x), with time first if `has_time`; or a surface.
    spacing : tuple of float or None
        Physical size of a pixel per spatial axis; None counts in pixels.
    has_time : bool
        Whether the first axis is time.
    unit : str
        Of `spacing`.
    version : int
        Another one whenever pixels changed.
    kind : str
        ``image``, ``labels`` or ``surface``; ``any`` where it is not known.
    """

    id: str
    data: Any
    spacing: tuple[float, ...] | None
    has_time: bool
    unit: str
    version: int
    kind: str = "any"

    @property
    def placement(self) -> Placement | None:
        """The placement of its pixels in themselves."""
        if not hasattr(self.data, "shape") or hasattr(self.data, "columns"):
            return None
        shape = tuple(int(n) for n in self.data.shape)[self.has_time :]
        return Placement(tuple(range(len(shape))), (0.0,) * len(shape), (1.0,) * len(shape), shape)


@dataclass(frozen=True, eq=False)
class Node:
    """One result: an input, or what a step makes of other nodes. Nodes with the same key are the same pixels."""

    key: str
    has_time: bool
    source: ChainInput | None = None
    step: Step | None = None
    inputs: Mapping[str, Node] = field(default_factory=dict)

    @property
    def first(self) -> Node:
        """The node of the first array."""
        assert self.step is not None
        return next(self.inputs[p.name] for p in get_operation(self.step.operation).arrays if p.name in self.inputs)


class Digests:
    """Short texts that tell the settings of steps apart; taken once per step, as corrections may be long."""

    def __init__(self) -> None:
        self._taken: dict[int, tuple[Step, str]] = {}

    def of(self, step: Step) -> str:
        """Return the digest of a step's operation and settings, and of the files that it reads."""
        known = self._taken.get(id(step))
        if known is None or known[0] is not step:
            text = json.dumps([step.operation, dict(step.settings)], sort_keys=True, default=repr)
            known = step, hashlib.sha256(text.encode()).hexdigest()
            self._taken[id(step)] = known
        return known[1] + _files(step)

    def keep_only(self, steps: Iterable[Step]) -> None:
        """Forget all other steps."""
        kept = {id(step) for step in steps}
        self._taken = {number: known for number, known in self._taken.items() if number in kept}


def nodes_of(inputs: Mapping[str, ChainInput], steps: Sequence[Step], digests: Digests) -> dict[str, Node]:
    """Return the node of every input and step by id; that of a step which is not enabled is what it passes on."""
    nodes = {name: Node(f"{name}:{one.version}", one.has_time, source=one) for name, one in inputs.items()}
    opencl = device.chosen().engine == "opencl"
    for step in steps:
        if not step.enabled:
            nodes[step.id] = nodes[first_input(step)]
            continue
        taken = {name: nodes[source] for name, source in step.inputs.items()}
        # Another engine may round otherwise.
        engine = "opencl" if opencl and "opencl" in get_operation(step.operation).engines else "numpy"
        text = json.dumps([engine, digests.of(step), sorted((name, node.key) for name, node in taken.items())])
        key = hashlib.sha256(text.encode()).hexdigest()
        nodes[step.id] = Node(key, any(n.has_time for n in taken.values()), step=step, inputs=taken)
    return nodes


@dataclass(frozen=True)
class Telling:
    """What is called, on the job's thread, while nodes are computed."""

    began: Callable[[str], None]
    arrived: Callable[[str, StepResult], None]
    failed: Callable[[str, Exception], None]


def compute(
    order: Sequence[Node],
    targets: Iterable[str],
    store: ResultStore,
    progress: JobProgress,
    still_wanted: Callable[[str], bool],
    telling: Telling,
) -> None:
    """Compute nodes and what they need, as far as it is not in the store.

    Parameters
    ----------
    order
        All nodes, each after those it is made of.
    targets
        Keys of those to compute.
    store
        Where results are put.
    progress
        Of the job.
    still_wanted
        Tells of a key whether it is worth to finish it although the job was replaced.
    telling
        Is told what happens.
    """
    wanted = set(targets)
    unique = {node.key: node for node in order}
    needed = set(wanted)
    alive: dict[str, StepResult] = {}
    for node in reversed(unique.values()):
        if node.key in needed:
            found = store.get(node.key)
            if found is not None:
                alive[node.key] = found
            else:
                needed.update(n.key for n in node.inputs.values())
    todo = [node for node in unique.values() if node.key in needed]
    new = [node for node in todo if node.key not in alive and node.step is not None]
    uses = Counter(n.key for node in new for n in node.inputs.values())
    bad: set[str] = set()
    for node in todo:
        if progress.cancelled():
            raise Cancelled
        if node.key not in alive and bad.isdisjoint(n.key for n in node.inputs.values()):
            number = new.index(node) if node in new else 0
            try:
                telling.began(node.key)
                alive[node.key] = _result(node, alive, store, _Tick(progress, node.key, number, len(new), still_wanted))
            except Cancelled:
                raise
            except Exception as error:  # of one step; the others go on
                telling.failed(node.key, error)
        if node.key not in alive:
            bad.add(node.key)
        elif node.key in wanted:
            telling.arrived(node.key, alive[node.key])
        if node in new:
            for used in node.inputs.values():
                uses[used.key] -= 1
                if not uses[used.key]:
                    alive.pop(used.key, None)
        if not uses[node.key]:
            alive.pop(node.key, None)


class _Tick:
    """Progress of one of several steps; there are 100 parts to each."""

    def __init__(
        self, progress: JobProgress, key: str, number: int, n_steps: int, still_wanted: Callable[[str], bool]
    ) -> None:
        self._progress, self._key, self._still_wanted = progress, key, still_wanted
        self._number, self._n_steps = number, n_steps

    def __call__(self, done: int, total: int) -> None:
        if self._progress.cancelled():
            if self._still_wanted(self._key):
                # The job that replaces this one begins with this very step.
                return
            raise Cancelled
        self._progress(100 * self._number + 100 * min(done, total) // max(total, 1), 100 * max(self._n_steps, 1))


def _result(node: Node, alive: Mapping[str, StepResult], store: ResultStore, tick: _Tick) -> StepResult:
    if node.source is not None:
        one = node.source
        result = StepResult(one.data, one.id, one.has_time, one.spacing, one.placement)
        if isinstance(one.data, np.ndarray) or one.has_time or not hasattr(one.data, "shape"):
            # Frames are loaded one by one where they are used.
            return result
        if int(np.prod(one.data.shape)) * np.dtype(one.data.dtype).itemsize > device.memory_budget():
            return result
        loaded = StepResult(np.asarray(one.data), one.id, one.has_time, one.spacing, one.placement)
        return store.keep(node.key, loaded)
    assert node.step is not None
    first = alive[node.first.key]
    arrays = {name: _readable(alive[n.key]) for name, n in node.inputs.items()}
    axis = 0 if node.has_time else None
    tick(0, 1)
    plain: BioloomError | None = None
    with collect_lost() as lost, doubts_heard() as doubts:
        try:
            value = run_step(node.step, arrays, spacing=first.spacing, frame_axis=axis, progress=tick)
        except BioloomError as error:
            # Recipes put the id of the step before the message, but the owner is told which step it is.
            plain = error.__cause__ if isinstance(error.__cause__, BioloomError) else error
        if plain is not None:
            raise plain
        if device.is_dask(value):
            value = np.asarray(value)
    spacing = spacing_after(node.step, arrays, first.spacing, axis)
    placement = _placed(node, arrays, first, axis)
    result = StepResult(value, first.input, node.has_time, spacing, placement, tuple(lost), " ".join(doubts))
    return store.keep(node.key, result)


def _readable(result: StepResult) -> Any:
    value = result.value
    if result.has_time and hasattr(value, "shape") and not isinstance(value, np.ndarray):
        return _Series(value)
    return writable(value)


class _Series:
    """A lazy time series whose frames are loaded when they are asked for, and whose results lie in memory."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape, self.dtype = tuple(array.shape), array.dtype
        self.ndim = len(self.shape)

    def __getitem__(self, index: Any) -> Any:
        return np.asarray(self._array[index])


def _placed(node: Node, arrays: Mapping[str, Any], first: StepResult, axis: int | None) -> Placement | None:
    """Return where a result lies in the input that it goes back to."""
    assert node.step is not None
    operation = get_operation(node.step.operation)
    before = first.placement
    if before is None or not operation.gives_pixels:
        return before
    shape = list(next(arrays[p.name] for p in operation.arrays if p.name in arrays).shape)
    if axis is not None:
        del shape[axis]
    settings = dict(node.step.settings)
    if "spacing" in operation.parameters and settings.get("spacing") is None:
        settings["spacing"] = first.spacing
    here = operation.place(shape, settings)
    return Placement(
        tuple(before.axes[a] for a in here.axes),
        tuple(before.start[a] + s * before.step[a] for a, s in zip(here.axes, here.start, strict=True)),
        tuple(before.step[a] * s for a, s in zip(here.axes, here.step, strict=True)),
        here.shape,
    )


def _files(step: Step) -> str:
    """Return what tells that a file which a step reads was written again."""
    marks = []
    for parameter in get_operation(step.operation).settings:
        path = step.settings.get(parameter.name)
        if parameter.kind == "file" and path:
            try:
                status = os.stat(path)
                marks.append(f"{status.st_mtime_ns}:{status.st_size}")
            except OSError:
                marks.append("none")
    return ",".join(marks)
