"""Where arrays live: NumPy in main memory, or OpenCL buffers on a GPU or CPU device.

OpenCL goes through pyclesperanto-prototype's context, so arrays can be handed on to clEsperanto functions as they are.
It is imported when the first OpenCL device is asked for, never before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Iterator

ENVIRONMENT_VARIABLE = "BIOLOOM_DEVICE"


@dataclass(frozen=True)
class Device:
    """A place to compute.

    Attributes
    ----------
    name : str
        ``"numpy"`` or the name that the OpenCL driver gives.
    engine : str
        ``"numpy"`` or ``"opencl"``.
    kind : str
        ``"cpu"`` or ``"gpu"``.
    memory : int
        Bytes of memory that belong to it.
    problem : str
        Why it cannot be used; empty if it works.
    place : tuple of int
        Numbers of its OpenCL platform and of it within the platform.
    """

    name: str
    engine: str
    kind: str
    memory: int
    problem: str = ""
    place: tuple[int, int] = field(default=(-1, -1), repr=False)

    @property
    def works(self) -> bool:
        """Whether a kernel could be built and run on it."""
        return not self.problem


def host_memory() -> int:
    """Return the bytes of main memory of this machine (8 GiB if the system does not tell)."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 << 30


def memory_budget() -> int:
    """Return the bytes that one computation may hold at a time: a quarter of main memory."""
    return host_memory() // 4


NUMPY = Device("numpy", "numpy", "cpu", host_memory())


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the chatter of OpenCL compilers, which is meant for their developers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_PROBE = Path(__file__).with_name("_opencl_probe.py").read_text(encoding="utf-8")
_PROBE_SECONDS = 120


@lru_cache(maxsize=1)
def list_devices() -> tuple[Device, ...]:
    """List every device of this machine, working or not.

    The drivers are asked in a process of their own, because a broken one may end the process that asks.

    Returns
    -------
    tuple of Device
        NumPy first, then the OpenCL devices; those that fail a test kernel carry their `problem`.
    """
    # -P: files of the current folder must not stand in for modules.
    command = [sys.executable, "-P", "-c", _PROBE]
    try:
        answer = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=_PROBE_SECONDS, check=False
        )
        rows = json.loads(answer.stdout.strip().splitlines()[-1]) if answer.returncode == 0 else None
        reason = f"an OpenCL driver ended the process that asked for its devices (exit status {answer.returncode})"
    except subprocess.TimeoutExpired:
        rows, reason = None, f"an OpenCL driver gave no answer within {_PROBE_SECONDS} s"
    except (OSError, ValueError, IndexError) as error:
        rows, reason = None, f"the OpenCL drivers could not be asked for their devices ({error})"
    if rows is None:
        return NUMPY, Device("opencl", "opencl", "cpu", 0, reason)
    return NUMPY, *(
        Device(name, "opencl", kind, memory, problem, (platform, number))
        for platform, number, name, kind, memory, problem in rows
    )


_current: Device | None = None


def current() -> Device:
    """Return the device in use; chosen on first use by :func:`select` with ``"auto"``."""
    return _current or select(os.environ.get(ENVIRONMENT_VARIABLE) or "auto")


def chosen() -> Device:
    """Return the device in use if one was chosen, else NumPy; unlike :func:`current`, this looks for no devices.

    For work that is called from Python with NumPy arrays: it stays with NumPy until :func:`select`, :func:`current` or
    the environment variable BIOLOOM_DEVICE chose something else.
    """
    if _current is None and os.environ.get(ENVIRONMENT_VARIABLE):
        return current()
    return _current or NUMPY


def select(name: str = "auto") -> Device:
    """Choose the device that work started from the viewer and the command line runs on.

    Parameters
    ----------
    name
        ``"auto"``: the GPU with the most memory, or NumPy where there is none. ``"numpy"``. ``"opencl"``: the best
        OpenCL device, a GPU before a CPU. Anything else: the first device whose name contains it.

    Returns
    -------
    Device
        The device chosen, in use from now on.

    Raises
    ------
    DeviceError
        If there is no such device or it does not work; the message says what there is.
    """
    global _current
    if name == "numpy":
        _current = NUMPY
        return NUMPY
    devices = list_devices()
    working = sorted(
        (d for d in devices if d.engine == "opencl" and d.works), key=lambda d: (d.kind == "gpu", d.memory)
    )
    if name == "auto":
        chosen = working[-1] if working and working[-1].kind == "gpu" else NUMPY
    elif name == "opencl":
        if not working:
            problems = "; ".join(f"{d.name}: {d.problem}" for d in devices if d.problem)
            raise DeviceError(
                f"No OpenCL device works here ({problems}). Install your graphics driver, or a CPU driver such as "
                "Debian's pocl-opencl-icd, or choose the device 'numpy'."
            )
        chosen = working[-1]
    else:
        matches = [d for d in devices if name.lower() in d.name.lower()]
        if not matches:
            raise DeviceError(f"No device is called {name!r}. There are: {', '.join(d.name for d in devices)}.")
        if not any(d.works for d in matches):
            raise DeviceError(f"The device {matches[0].name} cannot be used: {matches[0].problem}.")
        chosen = next(d for d in matches if d.works)
    if chosen.engine == "opencl":
        _bind(chosen)
    _current = chosen
    return chosen


def clesperanto() -> Any:
    """Return the pyclesperanto_prototype module, bound to a working OpenCL device.

    Raises
    ------
    DeviceError
        If no OpenCL device works.
    """
    device = current()
    if device.engine != "opencl":
        candidates = [d for d in list_devices() if d.engine == "opencl" and d.works]
        if not candidates:
            raise DeviceError("No OpenCL device works here; `bioloom devices` lists the reasons.")
        device = max(candidates, key=lambda d: (d.kind == "gpu", d.memory))
    return _bind(device)


_bound: Device | None = None


def _bind(device: Device) -> Any:
    """Make clEsperanto work on a device; changing it is slow, so it is done only when it changes."""
    global _bound
    with _quiet():
        import pyclesperanto_prototype as cle

        if device != _bound:
            import pyopencl

            platform, number = device.place
            wanted = pyopencl.get_platforms()[platform].get_devices()[number]
            cle.select_device(score_key=lambda handle: 1.0 if handle == wanted else 0.0)
            _bound = device
    return cle


def is_opencl(array: object) -> bool:
    """Tell whether an array lives in an OpenCL buffer."""
    return type(array).__module__.startswith("pyclesperanto_prototype.") and hasattr(array, "get")


def is_dask(array: object) -> TypeGuard[Any]:
    """Tell whether an array is a Dask array, without importing Dask."""
    return type(array).__module__.startswith("dask.")


def push(array: Any) -> Any:
    """Copy an array to the OpenCL device.

    Parameters
    ----------
    array
        NumPy array of any shape up to three axes. Integers of more than 16 bits become uint32 if their values fit (so
        label ids keep their value up to 2**32 - 1), bool and uint8 become uint8, uint16 stays, everything else becomes
        float32.

    Returns
    -------
    pyclesperanto_prototype array
        An OpenCL array; one that already is on the device is returned as it is.

    Raises
    ------
    DeviceError
        If no OpenCL device works.
    """
    if is_opencl(array):
        return array
    cle = clesperanto()
    array = np.asarray(array)
    wide = array.dtype.kind in "iu" and array.dtype.itemsize > 2
    if wide and (not array.size or (array.min() >= 0 and array.max() <= np.iinfo(np.uint32).max)):
        dtype: type[np.generic] = np.uint32
    elif array.dtype in (np.bool_, np.uint8):
        dtype = np.uint8
    elif array.dtype == np.uint16:
        dtype = np.uint16
    else:
        dtype = np.float32
    with _quiet():
        buffer = cle.create(array.shape, dtype=dtype)
        buffer.set(np.ascontiguousarray(array, dtype=dtype))
    return buffer


def pull(array: Any) -> NDArray[Any]:
    """Copy an array to main memory; NumPy arrays are returned as they are."""
    return np.asarray(array.get()) if is_opencl(array) else np.asarray(array)


def on_device(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a clEsperanto function without its compilers' chatter; errors of the driver become a DeviceError."""
    with _quiet():
        try:
            return function(*args, **kwargs)
        except (RuntimeError, MemoryError) as error:
            summary = (str(error).strip().splitlines() or [repr(error)])[0]
            name = getattr(function, "__name__", "a function")
            raise DeviceError(
                f"{name} failed on {current().name}: {summary}. Choose the device 'numpy', or a smaller image."
            ) from error


@lru_cache(maxsize=1)
def thread_pool() -> ThreadPoolExecutor:
    """Return the one pool in which blocks of NumPy work run; as many threads as this process has cores."""
    return ThreadPoolExecutor(n_cores(), thread_name_prefix="bioloom")


def n_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
