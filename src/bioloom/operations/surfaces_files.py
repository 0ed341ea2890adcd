"""Reading and writing surfaces: binary STL and PLY, in the order x, y, z."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.files import replacing
from bioloom.operations.checks import check_surface

SURFACE_SUFFIXES = (".ply", ".stl")

Mesh = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]

_STL_FACE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_PLY_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
_MOST_HEADER = 1 << 16


def write_surface(path: str | Path, surface: Any) -> None:
    """Write a surface as binary STL or PLY.

    Parameters
    ----------
    path
        Ends in ``.stl`` (faces with normals) or ``.ply`` (vertices with a property ``quality``, their value, and
        faces). Missing folders are created; a file that is there is replaced.
    surface
        Vertices (n, 3) as z, y, x, faces (m, 3) and values (n,). The file has x, y, z.

    Raises
    ------
    InputError
        If it is not a surface, has too many vertices for the format, or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SURFACE_SUFFIXES:
        raise InputError(f"Cannot write {path}: surfaces are written as {' or '.join(SURFACE_SUFFIXES)}.")
    vertices, faces, values = check_surface(surface, "The surface")
    if max(len(vertices), len(faces)) >= 1 << 31:
        raise InputError(f"Cannot write {path}: the format holds fewer than 2**31 vertices. Simplify the surface.")
    content = _stl(vertices, faces) if suffix == ".stl" else _ply(vertices, faces, values)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines(content)


def _stl(vertices: NDArray[Any], faces: NDArray[Any]) -> Sequence[bytes]:
    from bioloom.operations._surface_geometry import face_normals

    normals = face_normals(vertices, faces)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    records = np.zeros(len(faces), _STL_FACE)
    records["normal"] = np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)
    records["corners"] = vertices[faces][:, :, ::-1]
    return b"Bioloom".ljust(80), np.array(len(faces), "<u4").tobytes(), records.tobytes()


def _ply(vertices: NDArray[Any], faces: NDArray[Any], values: NDArray[Any]) -> Sequence[bytes]:
    header = (
        "ply\nformat binary_little_endian 1.0\ncomment Bioloom\n"
        f"element vertex {len(vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"property float quality\nelement face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    records = np.zeros(len(faces), [("n", "u1"), ("corners", "<i4", 3)])
    records["n"], records["corners"] = 3, faces
    points = np.column_stack([vertices[:, ::-1], values]).astype("<f4")
    return header.encode("ascii"), points.tobytes(), records.tobytes()


def read_surface(path: str | Path) -> Mesh:
    """Read a surface from a binary STL or PLY file of triangles.

    Parameters
    ----------
    path
        Ends in ``.stl`` or ``.ply``.

    Returns
    -------
    tuple
        Vertices float32 (n, 3) as z, y, x; faces int64 (m, 3); values float32 (n,): the property ``quality`` of a PLY
        file, else 1. Corners of an STL file at the same place are one vertex.

    Raises
    ------
    InputError
        If the file is missing, of another format, or broken.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}.") from error
    suffix = path.suffix.lower()
    if suffix not in SURFACE_SUFFIXES:
        raise InputError(f"Cannot read {path}: surfaces are read from {' and '.join(SURFACE_SUFFIXES)} files.")
    try:
        parts = _read_stl(content) if suffix == ".stl" else _read_ply(content)
    except (ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read {path}: it is no binary {suffix[1:].upper()} file of triangles.") from error
    return check_surface(parts, str(path))


def _read_stl(content: bytes) -> Mesh:
    n = int(np.frombuffer(content, "<u4", 1, 80)[0])
    if len(content) != 84 + n * _STL_FACE.itemsize:
        raise ValueError("size")
    corners = np.frombuffer(content, _STL_FACE, n, 84)["corners"].reshape(-1, 3)
    vertices, faces = np.unique(corners, axis=0, return_inverse=True)
    return (
        vertices[:, ::-1].astype(np.float32), faces.reshape(-1, 3).astype(np.int64), np.ones(len(vertices), np.float32)
    )  # fmt: skip


def _read_ply(content: bytes) -> Mesh:
    end = content.index(b"end_header\n", 0, _MOST_HEADER)
    lines = [line.split() for line in content[:end].decode("ascii").splitlines()]
    if lines[0] != ["ply"] or ["format", "binary_little_endian", "1.0"] not in lines:
        raise ValueError("format")
    elements: list[tuple[str, int, list[list[str]]]] = []
    for words in lines:
        if words[:1] == ["element"]:
            elements.append((words[1], int(words[2]), []))
        elif words[:1] == ["property"]:
            elements[-1][2].append(words[1:])
    (vertex, n, properties), (face, m, lists) = elements
    if vertex != "vertex" or face != "face" or len(lists) != 1 or lists[0][0] != "list" or min(n, m) < 0:
        raise ValueError("elements")
    points = np.dtype([(name, "<" + _PLY_TYPES[kind]) for kind, name in properties])
    corners = np.dtype([("n", "<" + _PLY_TYPES[lists[0][1]]), ("corners", "<" + _PLY_TYPES[lists[0][2]], 3)])
    start = end + len(b"end_header\n")
    if len(content) != start + n * points.itemsize + m * corners.itemsize:
        raise ValueError("size")
    data = np.frombuffer(content, points, n, start)
    faces = np.frombuffer(content, corners, m, start + n * points.itemsize)
    if (faces["n"] != 3).any():
        raise ValueError("triangles")
    values = data["quality"] if "quality" in (points.names or ()) else np.ones(n)
    vertices = np.column_stack([data[axis] for axis in "zyx"]).astype(np.float32)
    return vertices, faces["corners"].astype(np.int64), np.asarray(values, np.float32)
