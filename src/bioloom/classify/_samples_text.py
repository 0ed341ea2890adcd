"""Training samples as one line of a classifier's file: compressed bins, in letters and digits."""

from __future__ import annotations

import base64
import json
import zlib

import numpy as np

from bioloom.classify.samples import TrainingSamples, hashed, stratified

MAX_BYTES = 32 << 20
"""Samples that take more than this uncompressed are thinned before they are written, and are not read."""


def encode_samples(samples: TrainingSamples) -> str | None:
    """Return samples as text of one line, thinned if they are too many; None if even their bins are too many."""
    per_item = samples.bins.dtype.itemsize * samples.bins.shape[1] + 10
    limit = (MAX_BYTES - 4 * sum(len(e) for e in samples.edges)) // per_item
    if limit < len(np.unique(samples.classes)):
        return None
    samples = thinned(samples, limit)
    ids, numbers = np.unique(samples.classes, return_inverse=True)
    parts = [
        *(np.ascontiguousarray(e, "<f4") for e in samples.edges),
        np.ascontiguousarray(samples.bins.T, samples.bins.dtype.newbyteorder("<")),
        numbers.astype("<u2"),
        samples.groups.astype("<u8"),
    ]
    packed = zlib.compress(b"".join(part.tobytes() for part in parts), 6)
    shape = {"bytes": samples.bins.dtype.itemsize, "classes": ids.tolist(), "edges": [len(e) for e in samples.edges]}
    head = json.dumps({"items": len(samples), **shape}, separators=(",", ":"))
    return f"{head} {base64.b64encode(packed).decode('ascii')}"


def decode_samples(text: str, n_features: int) -> TrainingSamples:
    """Read samples.

    Raises
    ------
    ValueError, TypeError, KeyError, binascii.Error, zlib.error
        If the text is anything else, or too large.
    """
    head, _, data = text.partition(" ")
    shape = json.loads(head)
    items, size = int(shape["items"]), int(shape["bytes"])
    ids, n_edges = np.array(shape["classes"], np.int64), [int(e) for e in shape["edges"]]
    if len(n_edges) != n_features or size not in (1, 2) or items < 1 or any(not 0 <= e < 256**size for e in n_edges):
        raise ValueError("its training samples do not fit its features")
    if ids.ndim != 1 or not 0 < len(ids) <= 1000 or ids.min() < 1 or (np.diff(ids) <= 0).any():
        raise ValueError("the classes of its training samples are wrong")
    sizes = [4 * sum(n_edges), items * n_features * size, 2 * items, 8 * items]
    if sum(sizes) > MAX_BYTES:
        raise ValueError("its training samples are too many")
    unpack = zlib.decompressobj()
    # One byte more than there should be tells of bombs without unpacking them.
    raw = unpack.decompress(base64.b64decode(data, validate=True), sum(sizes) + 1)
    if len(raw) != sum(sizes) or not unpack.eof:
        raise ValueError("its training samples are not as many as they should be")
    edge_part, bin_part, class_part, group_part = (
        raw[start : start + size] for start, size in zip(np.cumsum([0, *sizes[:3]]).tolist(), sizes, strict=True)
    )
    all_edges = np.frombuffer(edge_part, "<f4").astype(np.float32)
    edges = np.split(all_edges, np.cumsum(n_edges)[:-1])
    bins = np.frombuffer(bin_part, f"<u{size}").reshape(n_features, items).T.astype(f"u{size}", order="C")
    numbers = np.frombuffer(class_part, "<u2")
    groups = np.frombuffer(group_part, "<u8").astype(np.uint64)
    if not all(np.isfinite(e).all() and (e[1:] > e[:-1]).all() for e in edges):
        raise ValueError("the bins of its training samples are wrong")
    if (bins.max(axis=0) > np.array(n_edges)).any() or numbers.max() >= len(ids):
        raise ValueError("its training samples are out of range")
    return TrainingSamples(bins, edges, ids[numbers], groups)


def thinned(samples: TrainingSamples, limit: int) -> TrainingSamples:
    """Return at most `limit` samples, of all classes evenly; those of a class are chosen by a hash."""
    if len(samples) <= limit:
        return samples
    return samples.at(stratified(samples.classes, hashed(samples.groups, np.arange(len(samples))), limit))
