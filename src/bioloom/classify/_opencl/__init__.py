"""The pixel classifier on an OpenCL device: features, bins and forests by fixed kernels, kept on the device.

The kernels (``*.cl``) are compiled once per device and take forests, edges and weights of filters as data. They run on
the context of pyclesperanto-prototype that :mod:`bioloom.device` has bound, and give what the NumPy engine gives: the
arithmetic is the same, operation by operation.
"""

from bioloom.classify._opencl.blocks import DeviceBlocks

__all__ = ["DeviceBlocks"]
