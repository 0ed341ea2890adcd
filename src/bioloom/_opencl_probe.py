"""Asks every OpenCL driver for its devices and tries a tiny kernel on each; run in a process of its own.

Drivers that merely list a device may be unable to compile for it, and a broken one may end the whole process. Prints a
JSON list with one row per device: platform number, device number, name, kind, bytes of memory, problem.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

SOURCE = "__kernel void twice(__global float *a) { int i = get_global_id(0); a[i] = 2 * a[i]; }"


def problem_of(opencl: Any, handle: Any) -> str:
    """Return why a device cannot be used; nothing if it works."""
    import numpy as np

    values = np.arange(4, dtype=np.float32)
    result = np.empty_like(values)
    try:
        context = opencl.Context([handle])
        queue = opencl.CommandQueue(context)
        flags = opencl.mem_flags.READ_WRITE | opencl.mem_flags.COPY_HOST_PTR
        buffer = opencl.Buffer(context, flags, hostbuf=values)
        opencl.Program(context, SOURCE).build().twice(queue, values.shape, None, buffer)
        opencl.enqueue_copy(queue, result, buffer)
    except Exception as error:  # drivers raise many types
        lines = str(error).splitlines() or [repr(error)]
        telling = [line for line in lines if "error" in line.lower()] or lines
        return f"its driver cannot run kernels ({telling[-1].strip()})"
    return "" if np.array_equal(result, 2 * values) else "its driver computes wrong results"


def main() -> None:
    """Print what was found."""
    warnings.simplefilter("ignore")
    rows: list[tuple[int, int, str, str, int, str]] = []
    try:
        import pyopencl

        for p, platform in enumerate(pyopencl.get_platforms()):
            for d, handle in enumerate(platform.get_devices()):
                kind = "gpu" if handle.type & pyopencl.device_type.GPU else "cpu"
                name = handle.name.strip()
                rows.append((p, d, name, kind, int(handle.global_mem_size), problem_of(pyopencl, handle)))
    except Exception as error:  # no driver, or a broken loader: both mean "no OpenCL here"
        missing = "PLATFORM_NOT_FOUND" in str(error)
        reason = "no OpenCL driver is installed" if missing else f"OpenCL cannot be loaded ({error})"
        rows.append((-1, -1, "opencl", "cpu", 0, reason))
    # Drivers print, too: the answer is the last line.
    sys.stdout.write("\n" + json.dumps(rows) + "\n")


if __name__ == "__main__":
    main()
