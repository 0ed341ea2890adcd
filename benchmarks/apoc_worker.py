"""Trains and applies APOC for `nuclei_accuracy.py`; run by a Python with apoc and an OpenCL device.

Commands come in by lines, images by .npz files: ``learn data.npz model.cl depth features``,
``apply data.npz model.cl result.npy``, divided by tabs. Each is answered by a line that begins with "answer" and a tab.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")

import apoc  # noqa: E402
import pyclesperanto_prototype as cle  # noqa: E402


def channels(image: np.ndarray) -> object:
    """Return an RGB image as APOC wants it: a list of channels."""
    return [np.ascontiguousarray(image[..., c]) for c in range(image.shape[-1])] if image.ndim == 3 else image


def bind_device() -> str:
    """Select the first OpenCL device on which a filter runs; drivers are often installed that do not work."""
    for name in cle.available_device_names():
        cle.select_device(name)
        try:
            cle.pull(cle.gaussian_blur(np.zeros((8, 8), np.float32), sigma_x=1, sigma_y=1))
        except Exception:  # every driver fails in its own way
            continue
        return str(name)
    raise SystemExit("no OpenCL device works")


def answer(*words: object) -> None:
    print("\nanswer", *words, sep="\t", flush=True)


def main() -> None:
    answer(f"{apoc.__version__} on {bind_device()}")
    for line in sys.stdin:
        command, data, model, *more = line.strip().split("\t")
        with np.load(data) as arrays:
            if command == "learn":
                depth, features = int(more[0]), more[1]
                classifier = apoc.PixelClassifier(opencl_filename=model, max_depth=depth)
                for number in range(len(arrays) // 2):
                    image, annotation = channels(arrays[f"image{number}"]), arrays[f"annotation{number}"]
                    classifier.train(features, annotation, image, continue_training=number > 0)
                answer("done")
                continue
            image = channels(arrays["image"])
        classifier = apoc.PixelClassifier(opencl_filename=model)
        classes = np.asarray(classifier.predict(image))
        np.save(more[0], classes.astype(np.uint8))
        answer("done")


if __name__ == "__main__":
    main()
