"""Choosing where to compute, on machines with and without OpenCL."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bioloom import device
from bioloom.errors import DeviceError


@pytest.fixture(autouse=True)
def _back_to_numpy():
    yield
    device.select("numpy")


def run(code, variable=None, **more):
    """Run Python with or without BIOLOOM_DEVICE and return what it prints."""
    environment = {k: v for k, v in os.environ.items() if k != device.ENVIRONMENT_VARIABLE} | more
    if variable is not None:
        environment[device.ENVIRONMENT_VARIABLE] = variable
    code = f"from bioloom import device\n{code}"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, timeout=120
    )
    return answer.stdout.strip()


# ---------------------------------------------------------------------------------------------------- choosing
def test_numpy_comes_first_and_always_works():
    first, *others = device.list_devices()
    assert first is device.NUMPY
    assert (first.name, first.engine, first.kind, first.works) == ("numpy", "numpy", "cpu", True)
    assert {d.engine for d in others} <= {"opencl"}
    assert device.list_devices() is device.list_devices()


def test_a_device_that_does_not_work_says_why():
    for one in device.list_devices():
        assert one.works == (one.problem == "")
        assert one.works or len(one.problem) > 10
        assert one.kind in ("cpu", "gpu")
        assert one.memory > 0 or not one.works


def test_without_an_opencl_driver_numpy_is_left_and_the_reason_is_given(tmp_path):
    """The loader finds drivers in the folder that OCL_ICD_VENDORS names, and those that packages bring along."""
    code = (
        "names = [d.name for d in device.list_devices() if d.works]\n"
        "if names == ['numpy']:\n"
        "    assert device.select('auto') is device.NUMPY\n"
        "    for choose in (lambda: device.select('opencl'), lambda: device.push([1])):\n"
        "        try: choose()\n"
        "        except Exception as error: print(type(error).__name__, error)\n"
        "else: print('there is one')"
    )
    told = run(code, OCL_ICD_VENDORS=str(tmp_path), OCL_ICD_FILENAMES="")
    if told == "there is one":
        pytest.skip("a driver that cannot be hidden is installed")
    first, second = told.splitlines()
    assert first.startswith("DeviceError No OpenCL device works here (")
    assert first.endswith("or choose the device 'numpy'.")
    assert second.startswith("DeviceError No OpenCL device works here; `bioloom devices` lists the reasons")


def test_without_pyopencl_the_reason_is_given():
    code = (
        "device._PROBE = device._PROBE.replace('import pyopencl', 'import no_such_module as pyopencl')\n"
        "for d in device.list_devices(): print(d.name, '|', d.problem)\n"
        "try: device.select('opencl')\n"
        "except device.DeviceError as error: print(error)"
    )
    first, second, third = run(code).splitlines()
    assert first.split() == ["numpy", "|"]
    assert second.startswith("opencl | OpenCL cannot be loaded (")
    assert "opencl: OpenCL cannot be loaded (" in third


@pytest.mark.parametrize(
    ("probe", "says"),
    [("import os; os.abort()", "an OpenCL driver ended the process"), ("print('hello')", "could not be asked")],
)
def test_a_driver_that_crashes_hurts_nobody(probe, says):
    code = (
        f"device._PROBE = {probe!r}\n"
        "print(device.current().name)\n"
        "try: device.select('opencl')\n"
        "except device.DeviceError as error: print(error)"
    )
    first, second = run(code).splitlines()
    assert first == "numpy"
    assert says in second
    assert "choose the device 'numpy'" in second


def test_numpy_can_be_chosen_and_stays_chosen():
    assert device.select("numpy") is device.NUMPY
    assert device.current() is device.NUMPY
    assert device.select("NumPy") is device.NUMPY


def test_auto_takes_a_gpu_or_numpy_never_an_opencl_cpu():
    chosen = device.select("auto")
    gpus = [d for d in device.list_devices() if d.kind == "gpu" and d.works]
    assert chosen in gpus if gpus else chosen is device.NUMPY


def test_an_unknown_device_is_answered_by_the_list_of_known_ones():
    device.select("numpy")
    with pytest.raises(DeviceError) as caught:
        device.select("Voodoo 2")
    assert str(caught.value).startswith("No device is called 'Voodoo 2'. There are: numpy")
    for one in device.list_devices():
        assert one.name in str(caught.value)
    assert device.current() is device.NUMPY, "a failed choice changes nothing"


def test_a_broken_device_is_refused_with_its_problem():
    broken = [d for d in device.list_devices() if not d.works]
    working = [d for d in device.list_devices() if d.works]
    for one in broken:
        if any(one.name.lower() in other.name.lower() for other in working):
            continue
        with pytest.raises(DeviceError) as caught:
            device.select(one.name)
        assert one.problem in str(caught.value)


@pytest.mark.parametrize("variable", ["numpy", "NUMPY"])
def test_the_environment_variable_chooses(variable):
    code = "import sys; print(device.current().name, 'pyclesperanto_prototype' in sys.modules)"
    assert run(code, variable) == "numpy False"


@pytest.mark.parametrize("variable", [None, "", "auto"])
def test_without_the_variable_the_choice_is_automatic(variable):
    gpu = any(d.kind == "gpu" and d.works for d in device.list_devices())
    assert run("print(device.current().engine)", variable) == ("opencl" if gpu else "numpy")


def test_a_wrong_variable_is_answered_by_the_list_of_devices():
    code = "try: device.current()\nexcept device.DeviceError as error: print(error)"
    assert run(code, "Voodoo 2").startswith("No device is called 'Voodoo 2'. There are: numpy")


def test_choosing_numpy_loads_no_opencl():
    code = "import sys; device.select('numpy'); device.pull([1]); print('pyopencl' in sys.modules)"
    assert run(code) == "False"


# ---------------------------------------------------------------------------------------------------- arrays
def test_numpy_arrays_are_pulled_as_they_are():
    array = np.arange(6).reshape(2, 3)
    assert device.pull(array) is array
    assert not device.is_opencl(array)
    assert not device.is_dask(array)


def test_dask_arrays_are_known():
    da = pytest.importorskip("dask.array")
    lazy = da.zeros((4, 4))
    assert device.is_dask(lazy)
    assert not device.is_opencl(lazy)


def test_errors_of_a_driver_become_advice():
    def blur():
        raise RuntimeError("clEnqueueNDRangeKernel failed: OUT_OF_RESOURCES\nbuild log follows")

    with pytest.raises(DeviceError) as caught:
        device.on_device(blur)
    assert str(caught.value) == (
        "blur failed on numpy: clEnqueueNDRangeKernel failed: OUT_OF_RESOURCES. "
        "Choose the device 'numpy', or a smaller image."
    )
    assert device.on_device(max, 3, 5) == 5


# ---------------------------------------------------------------------------------------------------- host
def test_a_quarter_of_main_memory_may_be_held():
    total = device.host_memory()
    assert total > 1 << 28
    assert device.memory_budget() == total // 4
    assert device.NUMPY.memory == total


@pytest.mark.skipif(not os.path.exists("/proc/meminfo"), reason="asks Linux")
def test_main_memory_is_what_the_system_says():
    with open("/proc/meminfo", encoding="ascii") as lines:
        kilobytes = int(next(line for line in lines if line.startswith("MemTotal")).split()[1])
    assert device.host_memory() == pytest.approx(1024 * kilobytes, rel=0.02)


def test_there_is_one_thread_pool_with_a_thread_per_core():
    assert 1 <= device.n_cores() <= os.cpu_count()
    pool = device.thread_pool()
    assert isinstance(pool, ThreadPoolExecutor)
    assert device.thread_pool() is pool
    assert pool.submit(lambda: 5).result(5) == 5


# ---------------------------------------------------------------------------------------------------- OpenCL
@pytest.mark.opencl
def test_an_opencl_device_is_found_by_a_part_of_its_name(opencl):
    assert opencl.engine == "opencl"
    assert opencl.works
    assert device.current() == opencl
    assert device.select(opencl.name[1:].upper()).name == opencl.name


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
def test_the_environment_variable_chooses_opencl():
    assert run("print(device.current().engine)", "opencl") == "opencl"


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([[True, False]]), np.uint8),
        (np.array([[0, 255]], np.uint8), np.uint8),
        (np.array([[0, 65535]], np.uint16), np.uint16),
        (np.array([[0, 2**32 - 1]], np.uint32), np.uint32),
        (np.array([[0, 16_777_217]], np.int64), np.uint32),
        (np.array([[0, 2**32 - 1]], np.uint64), np.uint32),
        (np.array([[-5, 7]], np.int32), np.float32),
        (np.array([[-128, 127]], np.int8), np.float32),
        (np.array([[0.1, -2.5]], np.float32), np.float32),
        (np.array([[0.5, 1e300]], np.float64) / [1, 1e280], np.float32),
    ],
)
def test_values_survive_the_way_to_the_device_and_back(values, dtype):
    there = device.push(values)
    assert device.is_opencl(there)
    assert there.dtype == dtype
    back = device.pull(there)
    assert isinstance(back, np.ndarray)
    assert (back.dtype, back.shape) == (dtype, values.shape)
    np.testing.assert_array_equal(back, values.astype(dtype))


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
def test_integers_too_large_for_labels_become_floats_instead_of_others():
    values = np.array([[1, 2**40]], np.uint64)
    np.testing.assert_array_equal(device.pull(device.push(values)), values.astype(np.float32))


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
def test_arrays_keep_their_axes_and_are_pushed_once():
    for shape in ((7,), (5, 7), (3, 5, 7)):
        values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        there = device.push(values)
        np.testing.assert_array_equal(device.pull(there), values)
        assert device.push(there) is there
        flipped = np.flip(values)
        np.testing.assert_array_equal(device.pull(device.push(flipped)), flipped)
    np.testing.assert_array_equal(device.pull(device.push([[1.5, 2.5]])), [[1.5, 2.5]])


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
def test_clesperanto_works_on_the_chosen_device():
    cle = device.clesperanto()
    there = device.on_device(cle.gaussian_blur, device.push(np.eye(9, dtype=np.float32)), sigma_x=1, sigma_y=1)
    assert device.pull(there).sum() == pytest.approx(9, rel=0.05)
    device.select("numpy")
    assert device.clesperanto() is cle, "arrays that are on the device can still be worked on"
