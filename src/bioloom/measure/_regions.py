"""Numba kernels that add up, per object, where its pixels are and what values they have.

Label images come as (z, y, x) uint32 or uint64, a plane having one z. The kernels walk along the rows in runs of equal
labels: an object is looked up once per run, and the sums of the coordinates of a run are closed formulas.
Coordinates are counted from the first pixel of the object, so that no digits are lost far from the origin.

Pixels may change while kernels run, since a layer that is measured can be painted: labels that are not in `ids` are
skipped, and no index is taken from a pixel without a check.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from bioloom.measure._compile import kernel

Array = NDArray[Any]

# columns of the table of coordinate sums
COUNT, Z, Y, X, ZZ, YY, XX, ZY, ZX, YX = range(10)
N_SUMS = 10


@kernel
def mark_labels(labels: Array, first_row: int, last_row: int, present: Array) -> None:
    """Set `present[label]` for every label in the rows [first_row, last_row)."""
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        line = labels[row // ny, row % ny]
        previous = line[0]
        if previous < present.size:
            present[previous] = True
        for x in range(1, nx):
            label = line[x]
            if label != previous:
                previous = label
                if label < present.size:
                    present[label] = True


@kernel
def list_runs(labels: Array, first_row: int, last_row: int, found: Array) -> int:
    """Write the label of every run into `found` as far as it reaches; return the number of runs."""
    ny, nx = labels.shape[1], labels.shape[2]
    n = 0
    for row in range(first_row, last_row):
        line = labels[row // ny, row % ny]
        for x in range(nx):
            if x == 0 or line[x] != line[x - 1]:
                if n < found.size:
                    found[n] = line[x]
                n += 1
    return n


@kernel
def position_of(label: int, table: Array, ids: Array) -> int:
    """Row of a label in the sorted `ids`, -1 if it is not there: by a lookup table, or by bisection without one."""
    if table.size > 0:
        return int(table[label]) if label < table.size else -1
    if ids.size == 0:
        return -1
    low, high = 0, ids.size - 1
    while low < high:
        middle = (low + high) >> 1
        if ids[middle] < label:
            low = middle + 1
        else:
            high = middle
    return low if ids[low] == label else -1


@kernel
def add_coordinates(
    labels: Array,
    table: Array,
    ids: Array,
    first_row: int,
    last_row: int,
    first: Array,
    low: Array,
    high: Array,
    sums: Array,
) -> None:
    """Add rows [first_row, last_row) to the first pixel, the bounding box and the coordinate sums of each object."""
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        z, y = row // ny, row % ny
        line = labels[z, y]
        x = 0
        while x < nx:
            label = line[x]
            start = x
            x += 1
            while x < nx and line[x] == label:
                x += 1
            if label == 0:
                continue
            k = position_of(label, table, ids)
            if k < 0:
                continue
            if sums[k, COUNT] == 0:
                first[k, 0], first[k, 1], first[k, 2] = z, y, start
                low[k, 0], low[k, 1], low[k, 2] = z, y, start
                high[k, 0], high[k, 1], high[k, 2] = z + 1, y + 1, x
            else:
                low[k, 1] = min(low[k, 1], y)
                low[k, 2] = min(low[k, 2], start)
                high[k, 0] = z + 1
                high[k, 1] = max(high[k, 1], y + 1)
                high[k, 2] = max(high[k, 2], x)
            n = x - start
            dz, dy, dx = z - first[k, 0], y - first[k, 1], start - first[k, 2]
            sum_x = n * dx + n * (n - 1) // 2
            sums[k, COUNT] += n
            sums[k, Z] += n * dz
            sums[k, Y] += n * dy
            sums[k, X] += sum_x
            sums[k, ZZ] += n * dz * dz
            sums[k, YY] += n * dy * dy
            sums[k, XX] += n * dx * dx + dx * n * (n - 1) + (n - 1) * n * (2 * n - 1) // 6
            sums[k, ZY] += n * dz * dy
            sums[k, ZX] += dz * sum_x
            sums[k, YX] += dy * sum_x


@kernel
def add_intensities(
    labels: Array,
    image: Array,
    table: Array,
    ids: Array,
    first_row: int,
    last_row: int,
    counts: Array,
    shift: Array,
    sums: Array,
    extremes: Array,
) -> None:
    """Add values that are not NaN: their count, sum and sum of squares above `shift`, minimum and maximum.

    `shift` is the first finite value met in the object: sums of differences keep their digits where a small spread
    sits on a large value.
    """
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        z, y = row // ny, row % ny
        line, values = labels[z, y], image[z, y]
        x = 0
        while x < nx:
            label = line[x]
            start = x
            x += 1
            while x < nx and line[x] == label:
                x += 1
            if label == 0:
                continue
            k = position_of(label, table, ids)
            if k < 0:
                continue
            if counts[k] == 0:
                for i in range(start, x):
                    value = float(values[i])
                    if value - value == 0.0:
                        shift[k] = value
                        break
            base = shift[k]
            n = 0
            total = squares = 0.0
            smallest, largest = extremes[k, 0], extremes[k, 1]
            for i in range(start, x):
                value = float(values[i])
                if value == value:
                    n += 1
                    difference = value - base
                    total += difference
                    squares += difference * difference
                    smallest = min(smallest, value)
                    largest = max(largest, value)
            counts[k] += n
            sums[k, 0] += total
            sums[k, 1] += squares
            extremes[k, 0], extremes[k, 1] = smallest, largest


@kernel
def add_weighted_coordinates(
    labels: Array,
    image: Array,
    table: Array,
    ids: Array,
    first_row: int,
    last_row: int,
    first: Array,
    sums: Array,
) -> None:
    """Add value, value × z, value × y and value × x (from the object's first pixel), NaN left out."""
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        z, y = row // ny, row % ny
        line, values = labels[z, y], image[z, y]
        x = 0
        while x < nx:
            label = line[x]
            start = x
            x += 1
            while x < nx and line[x] == label:
                x += 1
            if label == 0:
                continue
            k = position_of(label, table, ids)
            if k < 0:
                continue
            total = along = 0.0
            for i in range(start, x):
                value = float(values[i])
                if value == value:
                    total += value
                    along += value * (i - start)
            sums[k, 0] += total
            sums[k, 1] += total * (z - first[k, 0])
            sums[k, 2] += total * (y - first[k, 1])
            sums[k, 3] += along + total * (start - first[k, 2])


@kernel
def gather_values(
    labels: Array,
    image: Array,
    table: Array,
    ids: Array,
    first_row: int,
    last_row: int,
    cursor: Array,
    ends: Array,
    gathered: Array,
) -> None:
    """Copy the values that are not NaN: those of object k to `cursor[k]`, which moves along, up to `ends[k]`."""
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        line, values = labels[row // ny, row % ny], image[row // ny, row % ny]
        x = 0
        while x < nx:
            label = line[x]
            start = x
            x += 1
            while x < nx and line[x] == label:
                x += 1
            if label == 0:
                continue
            k = position_of(label, table, ids)
            if k < 0:
                continue
            at = cursor[k]
            for i in range(start, x):
                value = values[i]
                if value == value and at < ends[k]:
                    gathered[at] = value
                    at += 1
            cursor[k] = at


@kernel
def select(values: Array, start: int, stop: int, rank: int) -> float:
    """Return the value that sorting values[start:stop] would put at `rank`, rearranging them (Hoare 1961)."""
    low, high, wanted = start, stop - 1, start + rank
    state = 12345
    while low < high:
        # A pivot drawn by a small generator: ramps and plateaus, common in images, must not make this quadratic.
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        pivot = values[low + state % (high - low + 1)]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            break
    return float(values[wanted])


@kernel
def medians(gathered: Array, starts: Array, stops: Array, out: Array) -> None:
    """Median of gathered[starts[k]:stops[k]] for each k; NaN where there is none. Reorders `gathered`."""
    for k in range(out.size):
        start, stop = starts[k], stops[k]
        n = stop - start
        if n == 0:
            out[k] = float("nan")
            continue
        upper = select(gathered, start, stop, n // 2)
        if n % 2 == 1:
            out[k] = upper
        else:
            lower = float(gathered[start])
            for i in range(start + 1, start + n // 2):
                lower = max(lower, float(gathered[i]))
            out[k] = lower / 2 + upper / 2
