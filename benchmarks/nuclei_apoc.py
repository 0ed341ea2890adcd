"""APOC in a Python of its own, because it needs numpy<2."""

from __future__ import annotations

import atexit
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Apoc:
    """A process that trains and applies APOC's pixel classifiers; see `apoc_worker.py`."""

    def __init__(self, python: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name, "log.txt").open("w+")  # noqa: SIM115 - the process writes to it
        self._n = 0
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name("apoc_worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        atexit.register(self.close)
        self.version = self._answer()

    def close(self) -> None:
        """End the process and remove its files."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait()
        self._log.close()
        self._folder.cleanup()

    def learn(self, annotated: Sequence[tuple[NDArray[Any], NDArray[Any]]], depth: int, features: str) -> str:
        """Train on images with their annotations; return the path of the classifier."""
        data, model = self._path(".npz"), self._path(".cl")
        arrays = {}
        for number, (image, annotation) in enumerate(annotated):
            arrays |= {f"image{number}": image, f"annotation{number}": annotation}
        np.savez(data, **arrays)
        self._answer("learn", data, model, depth, features)
        data.unlink()
        return str(model)

    def apply(self, model: str, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the classes of all pixels."""
        data, result = self._path(".npz"), self._path(".npy")
        np.savez(data, image=image)
        self._answer("apply", data, model, result)
        classes: NDArray[np.uint8] = np.load(result)
        data.unlink()
        result.unlink()
        return classes

    def _path(self, suffix: str) -> Path:
        self._n += 1
        return Path(self._folder.name) / f"{self._n}{suffix}"

    def _answer(self, *words: object) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if words:
            print(*words, sep="\t", file=self._process.stdin, flush=True)
        for line in self._process.stdout:
            if line.startswith("answer\t"):  # other lines are chatter of the OpenCL compiler
                return line.removeprefix("answer\t").strip()
        self._process.wait()
        self._log.seek(0)
        raise RuntimeError(f"APOC ended: {self._log.read().strip().splitlines()[-1:]}")
