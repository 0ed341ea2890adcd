"""Runs APOC for `test_apoc_parity.py`; started with a Python that has apoc and an OpenCL device that works.

Each line of the input is a request in JSON, each line of the output that begins with "answer" and a tab is its result.
Arrays travel as .npz files: {"do": "predict" | "train" | "features", "model": …, "class": …, "data": …, "out": …}.
"""

import json
import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")

import apoc  # noqa: E402
import pyclesperanto_prototype as cle  # noqa: E402


def bind_device():
    """Select the first OpenCL device on which a filter runs; drivers are often installed that do not work."""
    for name in cle.available_device_names():
        cle.select_device(name)
        try:
            cle.pull(cle.gaussian_blur(np.zeros((8, 8), np.float32), sigma_x=1, sigma_y=1))
        except Exception:  # every driver fails in its own way
            continue
        return str(name)
    raise SystemExit("no OpenCL device works")


def answer(value):
    print("\nanswer", json.dumps(value), sep="\t", flush=True)


def predict(request, data):
    """Let a file predict; pixels are given by their image, objects by their labels and image, tables by columns."""
    classifier = getattr(apoc, request["class"])(opencl_filename=request["model"])
    image = data.get("image")
    if request["class"] == "TableRowClassifier":
        return classifier.predict({name: data[name] for name in request["columns"]})
    if request["class"].startswith("Object") and request["class"] != "ObjectSegmenter":
        return classifier.predict(data["labels"], image)
    return classifier.predict(list(image) if request.get("channels") else image)


def train(request, data):
    """Train a classifier, which writes its file."""
    options = {k: request[k] for k in ("positive_class_identifier", "output_probability_of_class") if k in request}
    classifier = getattr(apoc, request["class"])(
        opencl_filename=request["model"], max_depth=request["max_depth"], num_ensembles=request["trees"], **options
    )
    if request["class"] == "TableRowClassifier":
        classifier.train({name: data[name] for name in request["columns"]}, data["classes"])
    elif request["class"].startswith("Object") and request["class"] != "ObjectSegmenter":
        classifier.train(request["features"], data["labels"], data["annotation"], data.get("image"))
    else:
        classifier.train(request["features"], data["annotation"], data["image"])


def features(request, data):
    """Measure objects as an ObjectClassifier does; values are those of the labels from 1 on."""
    found, _ = apoc.ObjectClassifier(request["model"])._make_features(
        " ".join(request["columns"]), cle.push(data["labels"]), None, data.get("image")
    )
    return {name: np.asarray(values)[1:] for name, values in found.items()}


def main():
    answer(f"{apoc.__version__} on {bind_device()}")
    for line in sys.stdin:
        request = json.loads(line)
        with np.load(request["data"]) as arrays:
            data = dict(arrays)
        if request["do"] == "train":
            train(request, data)
        elif request["do"] == "features":
            np.savez(request["out"], **features(request, data))
        else:
            np.savez(request["out"], result=np.asarray(predict(request, data)))
        answer("done")


if __name__ == "__main__":
    main()
