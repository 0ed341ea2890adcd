"""Labels looked up for whole images, and objects inside outlines, beside the plain way to do it."""

import numpy as np
import pandas as pd
import pytest

from bioloom.errors import InputError
from bioloom.explore import points_in_polygon
from bioloom.session.image_lasso import Region, ellipse, ids_inside, rows_inside
from bioloom.session.label_codes import LabelCodes, colour_codes
from bioloom.session.selection import Selection


def blobs(seed, shape=(40, 50), n=30, largest=60):
    """Rectangles of random labels over one another."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int64)
    for _ in range(n):
        y, x = rng.integers(0, shape[0] - 5), rng.integers(0, shape[1] - 5)
        labels[y : y + rng.integers(1, 12), x : x + rng.integers(1, 12)] = rng.integers(1, largest)
    return labels


@pytest.mark.parametrize("factor", [1, 50_000_000, 2**40])
@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_codes_of_any_labels(factor, dtype):
    labels = (blobs(0) * factor).astype(dtype)
    rng = np.random.default_rng(1)
    ids = rng.permutation(np.unique(labels[labels > 0]))[:15]
    codes = rng.integers(2, 250, 15).astype(np.uint8)
    known = dict(zip(ids.tolist(), codes.tolist(), strict=True))
    wanted = np.array([[known.get(int(v), 1) if v else 0 for v in row] for row in labels])
    found = LabelCodes(ids, codes)
    np.testing.assert_array_equal(found.of(labels), wanted)
    np.testing.assert_array_equal(found.of(labels[::-2, ::3]), wanted[::-2, ::3])
    assert found.of(labels.dtype.type(ids[0])) == codes[0]
    assert found.of(np.int64(-3)) == 1


def test_colours_are_numbered_and_too_many_are_rounded():
    few = np.array([[1, 2, 3, 255], [9, 9, 9, 0], [1, 2, 3, 255]], np.uint8)
    codes, palette = colour_codes(few)
    np.testing.assert_array_equal(palette[codes], few)
    assert codes.dtype == np.uint8
    assert palette[0, 3] == 0
    many = np.random.default_rng(0).integers(0, 256, (200_000, 4)).astype(np.uint8)
    many[:, 3] = 255
    codes, palette = colour_codes(many)
    assert len(palette) <= 65_535
    assert np.abs(palette[codes].astype(int) - many).max() <= 16
    assert colour_codes(np.zeros((0, 4), np.uint8))[0].shape == (0,)


@pytest.mark.parametrize(("alphas", "wanted"), [([255, 255], 255), ([255, 70, 0], 70), ([0], 255), ([], 255)])
def test_labels_that_no_table_knows_do_not_outshine_the_others(alphas, wanted):
    colours = np.full((len(alphas), 4), 200, np.uint8)
    colours[:, 3] = alphas
    assert colour_codes(colours)[1][1].tolist() == [153, 153, 153, wanted]


@pytest.mark.parametrize("seed", range(20))
def test_objects_inside_an_outline_as_counted_pixel_by_pixel(seed):
    rng = np.random.default_rng(seed)
    labels = blobs(seed)
    polygon = rng.uniform(-8, 58, (rng.integers(3, 12), 2))
    y, x = np.indices(labels.shape)
    inside = points_in_polygon(x.ravel(), y.ravel(), polygon[:, ::-1]).reshape(labels.shape)
    ids = np.unique(labels[labels > 0])[::2]
    share = np.array([inside[labels == i].mean() for i in ids])
    for rule, wanted in (("any", share > 0), ("most", share > 0.5), ("whole", share == 1)):
        assert ids_inside(labels, polygon, ids, rule).tolist() == ids[wanted].tolist()


def test_a_lasso_that_crosses_itself_takes_what_it_goes_around():
    labels = np.arange(1, 401).reshape(20, 20)
    ids = np.unique(labels)
    twice = np.array([(2, 2), (2, 12), (12, 12), (12, 2), (2, 2), (2, 8), (8, 8), (8, 2)], float)
    assert set(labels[3:12, 3:12].ravel()) <= set(ids_inside(labels, twice, ids).tolist())


def test_rows_of_frames_unsorted_filtered_and_with_gaps():
    plane = np.zeros((30, 30), np.int64)
    plane[5:10, 5:10], plane[15:20, 5:10] = 3, 4_000_000_000
    movie = np.stack([plane, plane[::-1]])
    table = pd.DataFrame({"frame": [1, 0, 1], "label": [3, 4_000_000_000, 4_000_000_000]})
    selection = Selection(table)
    region = Region(np.array([(0, 0), (0, 29), (12, 29), (12, 0)], float), (0, slice(None), slice(None)))
    assert rows_inside(movie, region, selection).tolist() == [False, False, False], "object 3 of frame 0 has no row"
    done = []
    mask = rows_inside(movie, region, selection, all_frames=True, rule="any", progress=lambda *a: done.append(a))
    assert mask.tolist() == [False, False, True]
    assert done == [(1, 2), (2, 2)]
    across = Region(region.polygon, (slice(None), 4, slice(None)))
    with pytest.raises(InputError, match="Time is drawn"):
        rows_inside(movie, across, selection)


def test_bad_outlines_are_refused():
    plane = np.ones((5, 5), np.int32)
    with pytest.raises(InputError, match="NaN"):
        ids_inside(plane, [(0, 0), (0, np.nan), (1, 1)], np.array([1]))
    with pytest.raises(InputError, match="rule"):
        ids_inside(plane, [(0, 0), (0, 3), (3, 3)], np.array([1]), "half")
    assert len(ids_inside(plane, [(0, 0), (3, 3)], np.array([1]))) == 0
    assert ellipse((10, 2), (4, 20)).mean(0) == pytest.approx((7, 11))
