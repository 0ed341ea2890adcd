"""Simulated time series: nuclei drift, push each other aside and divide."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bioloom.errors import InputError
from bioloom.samples import camera, shapes
from bioloom.samples.nuclei import PIXEL_2D, PSF, RADIUS_2D, TOUCHING, cell_table
from bioloom.samples.sample import Sample, check_count, check_shape

DAUGHTER_SIZE = 0.78
# Chromatin is dense just before and just after a division.
CONDENSED_SIZE, CONDENSED_BRIGHTNESS, NEWBORN_BRIGHTNESS = 0.88, 1.35, 1.15
BLEACHING_PER_FRAME = 0.015


def nuclei_timelapse(
    shape: Sequence[int] = (8, 256, 256), n_nuclei: int = 28, seed: int = 0, *, n_divisions: int | None = None
) -> Sample:
    """Simulate nuclei that drift smoothly and divide.

    A label means the same cell in every frame. A cell that divides is last seen in the frame before the division; its
    two daughters have new labels, the parent's type, and `parents` says where they came from.

    Parameters
    ----------
    shape
        (t, y, x); y and x at least 32.
    n_nuclei
        Number of nuclei in the first frame, 60 % of them of type 1.
    seed
        Random seed, 0 or larger.
    n_divisions
        How many of them divide, at random frames. None: every sixth, or none if there is one frame only.

    Returns
    -------
    Sample
        Axes "tyx", spacing (1 second, 0.5, 0.5 micrometer), with `parents`.

    Raises
    ------
    InputError
        If the shape or numbers are no good or the nuclei do not fit.
    """
    import pandas as pd

    shape = check_shape(shape, "tyx")
    n_nuclei, seed = check_count(n_nuclei, "The number of nuclei", 1), check_count(seed, "The seed", 0)
    n_frames, plane = shape[0], shape[1:]
    dividable = n_nuclei if n_frames > 1 else 0
    if n_divisions is None:
        n_divisions = dividable // 6
    if check_count(n_divisions, "The number of divisions", 0) > dividable:
        raise InputError(
            f"{n_divisions} divisions were asked for, but {dividable} are possible with {n_nuclei} nuclei and "
            f"{n_frames} frames. Ask for fewer divisions, or for more nuclei or frames."
        )
    rng = np.random.default_rng(seed)
    aspect, extent = np.ones(2), np.array(plane) - 1.0
    nuclei = shapes.random_nuclei(rng, n_nuclei, 2, RADIUS_2D)
    shapes.place(rng, nuclei, extent, TOUCHING)
    tiles = shapes.textures(rng, 2, aspect)
    field = camera.illumination(rng, (plane[0], plane[1]))
    divides_at = _division_frames(rng, n_nuclei, n_divisions, n_frames)

    ids = np.arange(1, n_nuclei + 1)
    parents = np.zeros(n_nuclei, np.int64)
    velocity = rng.normal(0, 1.1, (n_nuclei, 2))
    image = np.empty(shape, np.uint16)
    labels = np.zeros(shape, np.uint32)
    tables = []
    for frame in range(n_frames):
        newborn = np.zeros(len(ids), bool)
        if frame:
            velocity = 0.8 * velocity + rng.normal(0, 0.7, velocity.shape)
            nuclei.centre += velocity
            nuclei.rotation = shapes.turned(nuclei, rng.normal(0, 0.04, len(nuclei)))
            dividing = np.flatnonzero(divides_at[ids - 1] == frame)
            if len(dividing):
                new_ids = len(parents) + 1 + np.arange(2 * len(dividing))
                parents = np.concatenate([parents, np.repeat(ids[dividing], 2)])
                divides_at = np.concatenate([divides_at, np.full(len(new_ids), -1)])
                staying = np.setdiff1d(np.arange(len(ids)), dividing)
                daughters, apart = _daughters(rng, nuclei.take(dividing))
                nuclei = nuclei.take(staying).joined(daughters)
                velocity = np.concatenate([velocity[staying], np.repeat(velocity[dividing], 2, axis=0) + apart])
                newborn = np.concatenate([newborn[staying], np.ones(len(new_ids), bool)])
                ids = np.concatenate([ids[staying], new_ids])
            _push_apart(nuclei, extent)
        condensed = divides_at[ids - 1] == frame + 1
        shown = nuclei.take(np.arange(len(nuclei)))
        shown.size = nuclei.size * np.where(condensed, CONDENSED_SIZE, 1)
        shown.radii = nuclei.radii * np.where(condensed, CONDENSED_SIZE, 1)[:, None]
        shown.brightness = nuclei.brightness * np.where(
            condensed, CONDENSED_BRIGHTNESS, np.where(newborn, NEWBORN_BRIGHTNESS, 1)
        )
        rows, depth = shapes.draw_labels(shown, plane, aspect)
        light = shapes.emission(shown, rows, depth, tiles, aspect) * np.exp(-BLEACHING_PER_FRAME * frame)
        image[frame] = camera.expose(rng, light, sigma=(PSF, PSF), field=field, photons=150, background=12)
        labels[frame] = np.concatenate([[0], ids]).astype(np.uint32)[rows]
        table = cell_table(shown)
        table["label"] = ids
        table.insert(0, "frame", frame)
        tables.append(table)
    return Sample(
        name="nuclei_timelapse",
        image=image,
        labels=labels,
        cell_types=pd.concat(tables, ignore_index=True),
        axes="tyx",
        spacing=(1.0, PIXEL_2D, PIXEL_2D),
        units=("second", "micrometer", "micrometer"),
        seed=seed,
        parents=pd.DataFrame({"label": np.arange(1, len(parents) + 1), "parent": parents}),
    )


def _division_frames(rng: np.random.Generator, n: int, n_divisions: int, n_frames: int) -> NDArray[np.int64]:
    """First frame of the daughters, per founder; -1 for those that do not divide."""
    frames = np.full(n, -1)
    chosen = rng.permutation(n)[:n_divisions]
    frames[chosen] = rng.integers(1, max(n_frames, 2), len(chosen))
    return frames


def _daughters(rng: np.random.Generator, mothers: shapes.Nuclei) -> tuple[shapes.Nuclei, NDArray[np.float64]]:
    """Two daughters per mother, side by side along her short axis, and the velocity with which they part."""
    daughters = mothers.take(np.repeat(np.arange(len(mothers)), 2))
    sign = np.tile([1.0, -1.0], len(mothers))[:, None]
    axis = daughters.rotation[:, :, 0] * sign
    daughters.centre = daughters.centre + axis * 0.7 * daughters.radii[:, :1]
    daughters.radii = daughters.radii * DAUGHTER_SIZE
    daughters.size = daughters.size * DAUGHTER_SIZE
    daughters.wave_phase = rng.uniform(0, 2 * np.pi, daughters.wave_phase.shape)
    daughters.texture_origin = rng.integers(0, 1 << 16, daughters.texture_origin.shape)
    return daughters, axis * 1.2


def _push_apart(nuclei: shapes.Nuclei, extent: NDArray[np.float64], rounds: int = 40) -> None:
    """Move overlapping nuclei apart and all of them back into the image, in place."""
    margin = np.minimum(0.6 * nuclei.radii.min(axis=1)[:, None], 0.4 * extent)
    reach = 2 * nuclei.radii.max()
    for _ in range(rounds):
        nuclei.centre = nuclei.centre.clip(margin, extent - margin)
        pairs = cKDTree(nuclei.centre).query_pairs(reach, output_type="ndarray")
        offset = nuclei.centre[pairs[:, 1]] - nuclei.centre[pairs[:, 0]]
        distance = np.maximum(np.linalg.norm(offset, axis=1), 1e-6)
        direction = offset / distance[:, None]
        contact = nuclei.reach(pairs[:, 0], direction) + nuclei.reach(pairs[:, 1], direction)
        overlap = shapes.CLOSEST * contact - distance
        tight = overlap > 0
        if not tight.any():
            return
        push = direction[tight] * overlap[tight, None] / 2
        np.add.at(nuclei.centre, pairs[tight, 0], -push)
        np.add.at(nuclei.centre, pairs[tight, 1], push)
    nuclei.centre = nuclei.centre.clip(margin, extent - margin)
