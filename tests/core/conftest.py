"""An OpenCL device for the tests that need one."""

import os

import pytest

from bioloom import device
from bioloom.errors import DeviceError


@pytest.fixture
def opencl():
    """Compute on an OpenCL device, and on NumPy again afterwards.

    Where BIOLOOM_REQUIRE_OPENCL is set, as in the environment that is there to test OpenCL, a missing device is a
    failure and not a reason to skip.
    """
    try:
        chosen = device.select("opencl")
    except DeviceError as error:
        if os.environ.get("BIOLOOM_REQUIRE_OPENCL"):
            raise
        pytest.skip(str(error))
    yield chosen
    device.select("numpy")
