"""Kernels and buffers of one OpenCL device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import DeviceError

_WIDE = "Portable Computing Language"


class Runtime:
    """The programs of one device, compiled once, and its queue.

    Parameters
    ----------
    context, queue
        Of pyopencl.
    wide
        Use vectors of 64 bytes, which PoCL turns into the widest instructions of a CPU; others have 16. Left out: where
        it is known to work.

    Attributes
    ----------
    lock : threading.RLock
        Held by whoever computes a block, so that blocks of several threads do not fill the device's memory at once.
    memory : int
        Bytes of the device.
    has_doubles : bool
        Whether it computes with numbers of 64 bits.
    row, rows : int
        Pixels that a work item of the forest evaluates, and those of a group: bins are padded to a multiple of these.
    columns, vectors, span : int
        Neighbouring pixels per work item in filters, and how many times as many where filters take several vectors;
        those in what handles bins.
    forests, edges, kept
        What :mod:`~bioloom.classify._opencl.forest` and :mod:`~bioloom.classify._opencl.blocks` keep on the device.
    """

    def __init__(self, context: Any, queue: Any, *, wide: bool | None = None) -> None:
        import pyopencl

        self._cl = pyopencl
        self.context, self.queue = context, queue
        self.lock = RLock()
        handle = queue.device
        self.name = str(handle.name).strip()
        self.is_cpu = bool(handle.type & pyopencl.device_type.CPU)
        if wide is None:
            wide = self.is_cpu and handle.platform.name == _WIDE
        # A CPU spreads the cost of an instruction of the forest over many pixels; a GPU has its threads for that.
        self._lanes = 64 if wide else 16
        self._vectors = (1024 // self._lanes) if self.is_cpu else 1
        self.columns = 16 if self.is_cpu else 1
        self.vectors = 4 if self.is_cpu else 1
        self._group = 1 if self.is_cpu else 64
        self.row = self._lanes * self._vectors
        self.rows = self.row * self._group
        self.span = 8 if self.is_cpu else 1
        # Costs of looking up a leaf's votes and of a step from node to node, in blends of a node; see DeviceForest.
        # Those of CPUs were measured with PoCL, those of GPUs are estimates that await a measurement.
        self.lookup_cost, self.step_cost = (40.0, 64.0) if wide else (20.0, 36.0) if self.is_cpu else (4.0, 6.0)
        self.memory = int(handle.global_mem_size)
        self.forests: list[Any] = []
        self.edges: list[Any] = []
        self.kept: Any = None
        self._kernels: dict[str, Any] = {}
        self.has_doubles = "cl_khr_fp64" in handle.extensions.split()
        rounding = pyopencl.device_fp_config.CORRECTLY_ROUNDED_DIVIDE_SQRT
        exact = ["-cl-fp32-correctly-rounded-divide-sqrt"] if handle.single_fp_config & rounding else []
        with self.reporting("compiling its kernels"):
            self._build("forest.cl", f"-DLANES={self._lanes}", f"-DVECTORS={self._vectors}", f"-DGROUP={self._group}")
            self._build("filters.cl", f"-DSPAN={self.columns}", f"-DVECTORS={self.vectors}", *exact)
            self._build("bins.cl", f"-DSPAN={self.span}", "-DBIN=uchar", "-DSUFFIX=_bytes")
            self._build("bins.cl", f"-DSPAN={self.span}", "-DBIN=ushort", "-DSUFFIX=_shorts")

    def _build(self, source: str, *options: str) -> None:
        import warnings

        text = resources.files(__package__).joinpath(source).read_text(encoding="utf-8")
        # Compilers chatter, and pyopencl turns it into warnings.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = self._cl.Program(self.context, text).build(list(options))
            self._kernels.update({kernel.function_name: kernel for kernel in program.all_kernels()})

    @contextmanager
    def reporting(self, doing: str) -> Iterator[None]:
        """Turn errors of the driver into a DeviceError."""
        try:
            yield
        except self._cl.Error as error:
            summary = (str(error).strip().splitlines() or [repr(error)])[0]
            raise DeviceError(
                f"The pixel classifier failed on {self.name}, {doing}: {summary}. Choose the device 'numpy'."
            ) from error

    def empty(self, n_bytes: int) -> Any:
        """Allocate a buffer; its content is undefined."""
        return self._cl.Buffer(self.context, self._cl.mem_flags.READ_WRITE, max(int(n_bytes), 16))

    def push(self, array: NDArray[Any]) -> Any:
        """Copy an array into a new buffer."""
        if not array.size:
            return self.empty(16)
        flags = self._cl.mem_flags
        return self._cl.Buffer(
            self.context, flags.READ_WRITE | flags.COPY_HOST_PTR, hostbuf=np.ascontiguousarray(array)
        )

    def zeros(self, n_bytes: int) -> Any:
        """Allocate a buffer of zeros."""
        buffer = self.empty(n_bytes)
        self.run_pixels("clear", n_bytes // 4, buffer, n_bytes // 4)
        return buffer

    def pull(self, buffer: Any, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Copy the beginning of a buffer to main memory."""
        result = np.empty(shape, dtype)
        if result.size:
            self._cl.enqueue_copy(self.queue, result, buffer)
        return result

    def run(self, name: str, items: tuple[int, ...], group: tuple[int, ...], *args: Any) -> None:
        """Start a kernel; ints become uint, floats float. Needs the lock if several threads are at work.

        Parameters
        ----------
        name
            The kernel.
        items
            Work items per axis; made up to whole groups.
        group
            Work items of a group per axis. Always the same for a kernel: drivers compile it anew for another one.
        args
            What the kernel is given.
        """
        given = [np.uint32(a) if type(a) in (int, np.int64) else np.float32(a) if type(a) is float else a for a in args]
        whole = tuple(-(-n // g) * g for n, g in zip(items, group, strict=True))
        self._kernels[name](self.queue, whole, group, *given)

    def run_pixels(self, name: str, n_pixels: int, *args: Any, per_item: int = 1) -> None:
        """Start a kernel that does so many pixels in a row per work item."""
        self.run(name, (-(-n_pixels // per_item),), (64,), *args)

    def run_rows(self, name: str, n_pixels: int, *args: Any) -> None:
        """Start a kernel that does `row` pixels per work item."""
        self.run(name, (n_pixels // self.row,), (self._group,), *args)

    def run_volume(self, name: str, size: Sequence[int], per_item: int, *args: Any) -> None:
        """Start a kernel for a volume (z, y, x) that does so many pixels along x per work item."""
        nz, ny, nx = size
        self.run(name, (-(-nx // per_item), ny, nz), (4, 8, 1) if self.is_cpu else (32, 4, 1), *args)

    def finish(self) -> None:
        """Wait until all is done."""
        self.queue.finish()


_runtimes: dict[Any, Runtime] = {}
_runtimes_lock = RLock()


def current_runtime() -> Runtime:
    """Return the runtime of the OpenCL device in use.

    Raises
    ------
    DeviceError
        If none works or it cannot compile the kernels.
    """
    with _runtimes_lock:
        device.clesperanto()
        from pyclesperanto_prototype import get_device

        handle = get_device()
        if handle.context not in _runtimes:
            _runtimes.clear()
            _runtimes[handle.context] = Runtime(handle.context, handle.queue)
        return _runtimes[handle.context]
