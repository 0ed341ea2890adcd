"""The catalogue: operations register here, are checked here, and are sent to the engine that fits the data."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError
from bioloom.operations._parameter import Parameter, markers, read_parameter
from bioloom.operations.checks import as_labels, check_spacing, fits_float32

Halo = Callable[..., float]


class Operation:
    """A plain, typed function of images that runs wherever its data is.

    Call it like the function it was made from. NumPy arrays (and whatever NumPy can convert) are computed by
    NumPy-based libraries and give NumPy arrays; OpenCL arrays stay on their device; Dask arrays give Dask arrays,
    computed block by block where the operation is local, as a whole where it is not. The pixels of a Dask array are
    looked at when they are computed: NaN, and labels that are negative or fractions, raise InputError then. Those of an
    OpenCL array are not looked at, and the device computes in float32: whoever pushes an image there sees to it that
    this is precise enough, as :meth:`compute` does.

    Attributes
    ----------
    name, category, summary : str
        How it is found; the category is a path such as ``Filter/Smooth``.
    parameters : dict of str to Parameter
        All parameters, arrays first.
    returns : str
        ``image``, ``labels`` or ``mask``.
    """

    def __init__(self, function: Callable[..., Any], category: str, halo: Halo | None, allow_nan: bool) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = function.__name__
        self.category = category
        self.halo = halo
        self.allow_nan = allow_nan
        self.summary = (inspect.getdoc(function) or "").partition("\n")[0]
        self.signature = inspect.signature(function)
        hints = get_type_hints(function, include_extras=True)
        self.parameters = {
            name: read_parameter(name, parameter.default, hints[name], inspect.getdoc(function) or "")
            for name, parameter in self.signature.parameters.items()
        }
        self.returns: str = markers(hints["return"])[0].kind
        self._opencl: Callable[..., Any] | None = None
        self._opencl_ndims: tuple[int, ...] = ()

    @property
    def arrays(self) -> tuple[Parameter, ...]:
        """The parameters that take pixels."""
        return tuple(p for p in self.parameters.values() if p.is_array)

    @property
    def settings(self) -> tuple[Parameter, ...]:
        """The parameters that do not take pixels."""
        return tuple(p for p in self.parameters.values() if not p.is_array)

    @property
    def title(self) -> str:
        """The name as a menu shows it."""
        text = self.name.replace("_", " ")
        for name in ("Gaussian", "Otsu", "Voronoi", "Sobel"):
            text = text.replace(name.lower(), name)
        text = text.replace("Voronoi Otsu", "Voronoi–Otsu").replace("nan", "NaN")
        return text[0].upper() + text[1:]

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines it has an implementation for."""
        return ("numpy", "opencl") if self._opencl else ("numpy",)

    def opencl(self, *, ndims: Sequence[int] = (2, 3)) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register the implementation for OpenCL arrays, right for images of `ndims` axes."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self._opencl, self._opencl_ndims = function, tuple(ndims)
            return function

        return register

    def compute(self, *args: Any, **kwargs: Any) -> NDArray[Any]:
        """Run the operation on the device in use (:func:`bioloom.device.current`) and return a NumPy array.

        OpenCL computes in float32. An image of float64, or of integers above 2**24, stays with NumPy if its values are
        so large compared to their range that float32 would keep fewer than 65 536 steps of the range.
        """
        bound = self.signature.bind_partial(*args, **kwargs)
        if device.current().engine == "opencl" and self._opencl is not None:
            # Checked in main memory, where values can be looked at; 4D arrays are refused as they are.
            checked = {
                p.name: self._check_array(p.name, array if device.is_opencl(array) else device.pull(array))
                for p in self.arrays
                if (array := bound.arguments.get(p.name)) is not None and np.ndim(array) in self._opencl_ndims
            }
            if all(fits_float32(array) for name, array in checked.items() if self.parameters[name].kind == "image"):
                checked = {name: device.push(array) for name, array in checked.items()}
            bound.arguments.update(checked)
        return device.pull(self(*bound.args, **bound.kwargs))

    def check_parameters(self, **parameters: Any) -> dict[str, Any]:
        """Return all settings, checked and with defaults filled in.

        Parameters
        ----------
        **parameters
            Settings by name (no arrays).

        Raises
        ------
        InputError
            If a name is unknown or a value is of the wrong type or out of range.
        """
        known = {p.name for p in self.settings}
        unknown = sorted(set(parameters) - known)
        if unknown:
            raise InputError(
                f"{self.name} has no parameter {', '.join(unknown)}. It has: {', '.join(sorted(known)) or 'none'}."
            )
        checked: dict[str, Any] = {}
        for parameter in self.settings:
            value = parameters.get(parameter.name, None if parameter.required else parameter.default)
            checked[parameter.name] = value if parameter.kind == "spacing" else parameter.check(value, self.name)
        return checked

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the operation where its data is; see the class."""
        try:
            bound = self.signature.bind_partial(*args, **kwargs)
        except TypeError as error:
            raise InputError(f"{self.name}: {error}. Its signature is {self.name}{self._plain_signature()}.") from None
        given = dict(bound.arguments)
        arrays = {p.name: given.pop(p.name) for p in self.arrays if given.get(p.name) is not None}
        for parameter in self.arrays:
            given.pop(parameter.name, None)
            if parameter.name not in arrays and not parameter.optional:
                raise InputError(f"{self.name} needs {parameter.name}: an array (y, x) or (z, y, x).")
        settings = self.check_parameters(**given)
        arrays = {name: self._check_array(name, array) for name, array in arrays.items()}
        shape = self._common_shape(arrays)
        if "spacing" in settings:
            settings["spacing"] = check_spacing(settings["spacing"], len(shape), self.name)
        if any(device.is_dask(a) for a in arrays.values()):
            return self._run_dask(arrays, settings)
        if any(device.is_opencl(a) for a in arrays.values()):
            return self._run_opencl(arrays, settings, len(shape))
        return self.function(**arrays, **settings)

    def _run_opencl(self, arrays: dict[str, Any], settings: dict[str, Any], ndim: int) -> Any:
        if self._opencl is not None and ndim in self._opencl_ndims:
            pushed = {name: device.push(array) for name, array in arrays.items()}
            return device.on_device(self._opencl, **pushed, **settings)
        pulled = {name: device.pull(array) for name, array in arrays.items()}
        return device.push(self.function(**pulled, **settings))

    def _run_dask(self, arrays: dict[str, Any], settings: dict[str, Any]) -> Any:
        import dask.array as da

        lazy = {name: a if device.is_dask(a) else da.from_array(device.pull(a)) for name, a in arrays.items()}
        first = next(iter(lazy.values()))

        def of_block(*blocks: NDArray[Any]) -> Any:
            # Only here are there pixels that can be checked.
            return self.function(**{n: self._check_array(n, b) for n, b in zip(lazy, blocks, strict=True)}, **settings)

        sample = of_block(*(np.zeros((1,) * a.ndim, a.dtype) for a in lazy.values()))
        if self.halo is None:
            # Global operations need every pixel; the result is one block.
            return da.map_blocks(
                of_block,
                *(a.rechunk(a.shape) for a in lazy.values()),
                dtype=sample.dtype,
                meta=np.empty((0,) * first.ndim, sample.dtype),
            )
        spacing = settings.get("spacing") or (1.0,) * first.ndim
        values = {k: v for k, v in settings.items() if k in inspect.signature(self.halo).parameters}
        depth = {a: min(math.ceil(self.halo(**values) / spacing[a]), n) for a, n in enumerate(first.shape)}
        return da.map_overlap(
            of_block,
            *lazy.values(),
            depth=depth,
            boundary="none",
            dtype=sample.dtype,
            meta=np.empty((0,) * first.ndim, sample.dtype),
        )

    def _check_array(self, name: str, array: Any) -> Any:
        if not (device.is_opencl(array) or device.is_dask(array)):
            array = np.asarray(array)
        kind = self.parameters[name].kind
        where = f"{self.name}: {name}"
        if array.ndim not in (2, 3):
            raise InputError(
                f"{where} has the shape {tuple(array.shape)}, but must be (y, x) or (z, y, x). "
                "For time series or channels call bioloom.operations.over_frames, or pick one frame."
            )
        if 0 in array.shape:
            raise InputError(f"{where} has no pixels (shape {tuple(array.shape)}).")
        if array.dtype.kind not in "buif":
            raise InputError(f"{where} holds values of type {array.dtype}, but must hold real numbers.")
        if device.is_opencl(array) or device.is_dask(array):
            return array
        if array.dtype == np.float16:
            array = array.astype(np.float32)
        if array.dtype.kind == "f" and not self.allow_nan:
            wrong = array.size - np.count_nonzero(np.isfinite(array)) if not np.isfinite(array.sum()) else 0
            if wrong:
                raise InputError(
                    f"{where} holds {wrong} NaN or infinite pixels, which would spread. Replace them first "
                    "in the menu Layers > Filter > Repair > Replace NaN, or with bioloom.operations.replace_nan."
                )
        return as_labels(array, where) if kind == "labels" else array

    def _common_shape(self, arrays: dict[str, Any]) -> tuple[int, ...]:
        shapes = {name: tuple(a.shape) for name, a in arrays.items()}
        if len(set(shapes.values())) > 1:
            listed = " and ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise InputError(f"{self.name}: the shapes differ: {listed}. All must cover the same pixels.")
        return next(iter(shapes.values()))

    def _plain_signature(self) -> str:
        shown = [p.name if p.required else f"{p.name}={p.default!r}" for p in self.parameters.values()]
        return f"({', '.join(shown)})"

    def schema(self) -> dict[str, Any]:
        """Return a description fit for function calling: name, category and a JSON schema of the parameters."""
        return {
            "name": self.name,
            "title": self.title,
            "category": self.category,
            "description": self.summary,
            "engines": list(self.engines),
            "returns": self.returns,
            "parameters": {
                "type": "object",
                "properties": {p.name: p.schema() for p in self.parameters.values()},
                "required": [p.name for p in self.parameters.values() if p.required],
                "additionalProperties": False,
            },
        }

    def __repr__(self) -> str:
        return f"<operation {self.name}{self._plain_signature()}>"


CATALOGUE: dict[str, Operation] = {}


def operation(
    category: str, *, halo: Halo | None = None, allow_nan: bool = False
) -> Callable[[Callable[..., Any]], Operation]:
    """Put a function into the catalogue.

    Parameters
    ----------
    category
        Path of the menu, such as ``Filter/Smooth``.
    halo
        Function of (some of) the settings that gives how far, in units of spacing, a pixel of the result depends on
        the input; None for operations that need the whole image.
    allow_nan
        Whether pixels that are NaN are handled; otherwise they are refused with advice.
    """

    def register(function: Callable[..., Any]) -> Operation:
        entry = Operation(function, category, halo, allow_nan)
        CATALOGUE[entry.name] = entry
        return entry

    return register


def get_operation(name: str) -> Operation:
    """Return an operation by its name.

    Raises
    ------
    InputError
        If there is none; the message suggests similar names.
    """
    import difflib

    if name not in CATALOGUE:
        similar = difflib.get_close_matches(name, CATALOGUE, n=3)
        hint = f"Did you mean {' or '.join(similar)}?" if similar else "`bioloom operations` lists them all."
        raise InputError(f"There is no operation {name!r}. {hint}")
    return CATALOGUE[name]


def over_frames(
    operation: Operation | str,
    *arrays: Any,
    frame_axis: int = 0,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> NDArray[Any]:
    """Apply an operation to every frame of a time series, on the device in use.

    Parameters
    ----------
    operation
        The operation or its name.
    *arrays
        Its arrays in order, (t, y, x) or (t, z, y, x), all with the same number of frames; None for one left out.
    frame_axis
        The axis of time (or of channels), the same for all arrays.
    progress
        Called as ``progress(done, total)`` after each frame.
    **settings
        The other parameters of the operation.

    Returns
    -------
    numpy.ndarray
        The results of all frames, stacked along `frame_axis`. Labels are numbered per frame.

    Raises
    ------
    InputError
        If the frames do not fit the operation.
    """
    chosen = get_operation(operation) if isinstance(operation, str) else operation
    present = [a for a in arrays if a is not None]
    if not present or any(not 0 <= frame_axis < np.ndim(a) for a in present):
        raise InputError(f"{chosen.name}: there is no axis {frame_axis} to go along; give arrays such as (t, y, x).")
    counts = {a.shape[frame_axis] for a in present}
    if len(counts) > 1:
        raise InputError(f"{chosen.name}: the arrays have different numbers of frames: {sorted(counts)}.")
    total = counts.pop()
    result: NDArray[Any] | None = None
    for index in range(total):
        frames = [None if a is None else np.asarray(a[(slice(None),) * frame_axis + (index,)]) for a in arrays]
        frame = chosen.compute(*frames, **settings)
        if result is None:
            result = np.empty((total, *frame.shape), frame.dtype)
        result[index] = frame
        if progress:
            progress(index + 1, total)
    if result is None:
        raise InputError(f"{chosen.name}: the time series has no frames.")
    return np.moveaxis(result, 0, frame_axis)
