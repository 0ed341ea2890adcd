"""Nuclei as wobbly ellipsoids: placing them, and drawing them into label and emission images.

Lengths here are in pixels of x. A pixel of z may be longer: `aspect` is the length of a pixel along each axis.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bioloom.errors import InputError

Floats = NDArray[np.float64]

ROUND, ELONGATED = 1, 2
TYPE_2_BRIGHTNESS = 1.5
# Fraction of the sum of two radii below which two centres never come: neighbours then touch but do not hide each other.
CLOSEST = 0.9
WOBBLE_WAVES = 3


@dataclass
class Nuclei:
    """A population of nuclei; row i of every array describes nucleus i in `ndim` dimensions."""

    centre: Floats  # (n, ndim)
    radii: Floats  # (n, ndim), along the columns of `rotation`
    rotation: Floats  # (n, ndim, ndim)
    wave: Floats  # (n, WOBBLE_WAVES, ndim), the outline's deviation from an ellipsoid
    wave_height: Floats  # (n, WOBBLE_WAVES)
    wave_phase: Floats  # (n, WOBBLE_WAVES)
    texture_origin: NDArray[np.int64]  # (n, ndim)
    cell_type: NDArray[np.int64]  # (n,)
    size: Floats  # (n,)
    brightness: Floats  # (n,)

    def __len__(self) -> int:
        return len(self.size)

    def take(self, index: NDArray[np.int64]) -> Nuclei:
        """Return the nuclei at `index`, as copies."""
        return Nuclei(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    def joined(self, other: Nuclei) -> Nuclei:
        """Return these nuclei followed by those of `other`."""
        return Nuclei(**{f.name: np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)})

    def reach(self, index: NDArray[np.int64], direction: Floats) -> Floats:
        """Distance from the centre to the ellipsoid's surface along unit vectors `direction` (m, ndim)."""
        local = np.einsum("ija,ij->ia", self.rotation[index], direction) / self.radii[index]
        return np.asarray(1.0 / np.linalg.norm(local, axis=1))


def random_nuclei(rng: np.random.Generator, n: int, ndim: int, radius: float) -> Nuclei:
    """Draw `n` nuclei of both types with a mean radius, not placed yet (all centres are 0)."""
    cell_type = rng.permutation(np.where(np.arange(n) < round(0.6 * n), ROUND, ELONGATED))
    elongated = cell_type == ELONGATED
    size = np.exp(rng.normal(0, 0.13, n)).clip(0.7, 1.4)
    ratio = np.where(elongated, rng.uniform(1.6, 2.1, n), rng.uniform(1.0, 1.2, n))
    radii = np.empty((n, ndim))
    # Equal area in the plane for both types: size alone does not tell them apart.
    radii[:, -1] = radius * size * np.sqrt(ratio)
    radii[:, -2] = radius * size / np.sqrt(ratio)
    turn = rng.uniform(0, np.pi, n)
    rotation = _rotations(ndim, turn, -1, -2)
    if ndim == 3:
        radii[:, 0] = radius * size * rng.uniform(0.7, 0.85, n)
        tilt = rng.normal(0, 0.2, n)
        rotation = rotation @ _rotations(ndim, tilt, 0, -1)
    wave = rng.normal(size=(n, WOBBLE_WAVES, ndim))
    wave *= rng.uniform(2, 4, (n, WOBBLE_WAVES, 1)) / np.linalg.norm(wave, axis=2, keepdims=True)
    return Nuclei(
        centre=np.zeros((n, ndim)),
        radii=radii,
        rotation=rotation,
        wave=wave,
        wave_height=rng.uniform(0.01, 0.04, (n, WOBBLE_WAVES)),
        wave_phase=rng.uniform(0, 2 * np.pi, (n, WOBBLE_WAVES)),
        texture_origin=rng.integers(0, 1 << 16, (n, ndim)),
        cell_type=cell_type,
        size=size,
        brightness=np.exp(rng.normal(0, 0.1, n)) * np.where(elongated, TYPE_2_BRIGHTNESS, 1.0),
    )


def _rotations(ndim: int, angle: Floats, a: int, b: int) -> Floats:
    rotation = np.tile(np.eye(ndim), (len(angle), 1, 1))
    rotation[:, a, a] = rotation[:, b, b] = np.cos(angle)
    rotation[:, a, b] = -np.sin(angle)
    rotation[:, b, a] = np.sin(angle)
    return rotation


def turned(nuclei: Nuclei, angle: Floats) -> Floats:
    """Rotations of `nuclei` after a further turn by `angle` (n,) in the plane of y and x."""
    return np.asarray(_rotations(nuclei.centre.shape[1], angle, -1, -2) @ nuclei.rotation)


def place(rng: np.random.Generator, nuclei: Nuclei, extent: Floats, touching: float) -> None:
    """Give the nuclei centres inside `extent` (ndim,); a fraction `touching` is set against another nucleus.

    Raises
    ------
    InputError
        If they do not fit.
    """
    n, ndim = nuclei.centre.shape
    placed = np.zeros(n, bool)
    joins = np.less(rng.random(n), touching)
    # Nuclei may be cut by the border of the image, but their centre is seen.
    margin = np.minimum(0.6 * nuclei.radii.min(axis=1)[:, None], 0.4 * extent)
    everyone = np.arange(n)
    for i in range(n):
        for attempt in range(600):
            joining = bool(joins[i]) and i > 0 and attempt < 300
            if joining:
                partner = rng.integers(i, size=1)
                direction = rng.normal(size=(1, ndim))
                direction /= np.linalg.norm(direction)
                contact = nuclei.reach(partner, direction) + nuclei.reach(everyone[i : i + 1], direction)
                centre = nuclei.centre[partner[0]] + direction[0] * contact * rng.uniform(CLOSEST, 0.98)
            else:
                centre = rng.uniform(margin[i], extent - margin[i])
            if np.any(centre < margin[i]) or np.any(centre > extent - margin[i]):
                continue
            gap = CLOSEST if joining or attempt >= 300 else 1.15
            if _is_free(nuclei, i, centre, everyone[placed], gap):
                nuclei.centre[i] = centre
                placed[i] = True
                break
        else:
            raise InputError(
                f"{n} nuclei do not fit into this image: there was room for {i}. Ask for fewer or a larger shape."
            )


def _is_free(nuclei: Nuclei, i: int, centre: Floats, others: NDArray[np.int64], gap: float) -> bool:
    offset = nuclei.centre[others] - centre
    distance = np.linalg.norm(offset, axis=1)
    near = distance < gap * (nuclei.radii[others].max(axis=1) + nuclei.radii[i].max())
    if not near.any():
        return True
    others, distance, offset = others[near], distance[near], offset[near]
    if np.any(distance == 0):
        return False
    direction = offset / distance[:, None]
    contact = nuclei.reach(others, direction) + nuclei.reach(np.full(len(others), i), direction)
    return bool(np.all(distance >= gap * contact))


def draw_labels(nuclei: Nuclei, shape: tuple[int, ...], aspect: Floats) -> tuple[NDArray[np.uint32], Floats]:
    """Draw the nuclei, each pixel going to the nucleus in which it lies deepest.

    Returns
    -------
    labels : numpy.ndarray
        uint32; nucleus i has the id i + 1 and is one connected region (neighbours share a side or face).
    depth : numpy.ndarray
        0 in the centre of a nucleus to 1 at its outline; inf outside.
    """
    labels = np.zeros(shape, np.uint32)
    depth = np.full(shape, np.inf)
    for i in range(len(nuclei)):
        half = np.sqrt(np.sum((nuclei.rotation[i] * nuclei.radii[i]) ** 2, axis=1)) * 1.12
        low = np.floor((nuclei.centre[i] - half) / aspect).astype(int).clip(0)
        high = np.ceil((nuclei.centre[i] + half) / aspect).astype(int) + 1
        box = tuple(slice(a, min(b, size)) for a, b, size in zip(low, high, shape, strict=True))
        grid = np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in box), indexing="ij"), axis=-1)
        local = (grid * aspect - nuclei.centre[i]) @ nuclei.rotation[i] / nuclei.radii[i]
        distance = np.linalg.norm(local, axis=-1)
        direction = local / np.maximum(distance, 1e-9)[..., None]
        waves = np.cos(direction @ nuclei.wave[i].T + nuclei.wave_phase[i])
        own = distance / (1 + waves @ nuclei.wave_height[i])
        inside = (own < 1) & (own < depth[box])
        labels[box][inside] = i + 1
        depth[box][inside] = own[inside]
    _drop_fragments(labels)
    depth[labels == 0] = np.inf
    return labels, depth


def _drop_fragments(labels: NDArray[np.uint32]) -> None:
    for i, box in enumerate(ndimage.find_objects(labels.astype(np.int32))):
        if box is None:
            continue
        parts, count = ndimage.label(labels[box] == i + 1)
        if count > 1:
            largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
            labels[box][(parts > 0) & (parts != largest)] = 0


def textures(rng: np.random.Generator, ndim: int, aspect: Floats) -> tuple[Floats, Floats]:
    """Two periodic tiles of chromatin texture with mean 1: smooth for type 1, speckled for type 2."""
    side = (256, 256) if ndim == 2 else (48, 128, 128)
    soft = ndimage.gaussian_filter(rng.normal(size=side), 5 / aspect, mode="wrap")
    speckle = ndimage.gaussian_filter(rng.normal(size=side), 1.5 / aspect, mode="wrap")
    smooth = 1 + 0.06 * soft / soft.std()
    grains = np.exp(0.38 * speckle / speckle.std())
    return smooth, grains / grains.mean()


def emission(
    nuclei: Nuclei,
    labels: NDArray[np.uint32],
    depth: Floats,
    tiles: tuple[Floats, Floats],
    aspect: Floats,
) -> Floats:
    """Light emitted per pixel, 1 being a mean nucleus of type 1. The texture moves along with its nucleus."""
    light = np.zeros(labels.shape)
    for i, box in enumerate(ndimage.find_objects(labels.astype(np.int32), max_label=len(nuclei))):
        if box is None:
            continue
        tile = tiles[0] if nuclei.cell_type[i] == ROUND else tiles[1]
        origin = nuclei.texture_origin[i] - np.round(nuclei.centre[i] / aspect).astype(int)
        pattern = tile[
            np.ix_(*((np.arange(s.start, s.stop) + o) % t for s, o, t in zip(box, origin, tile.shape, strict=True)))
        ]
        own = labels[box] == i + 1
        # A nucleus is thinner at its rim.
        thickness = 0.6 + 0.5 * np.sqrt(1 - depth[box][own] ** 2)
        light[box][own] = nuclei.brightness[i] * thickness * pattern[own]
    return light
