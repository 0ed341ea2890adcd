"""Pictures of objects: the right crop, at the same scale, of the right frame and layer."""

import numpy as np
import pandas as pd
import pytest

from bioloom.errors import InputError
from bioloom.session.gallery import Gallery, GallerySource, in_order, object_boxes


def scene(last=4_000_000_000):
    """Two objects, one at the corner of the image, and a ramp to tell pixels apart."""
    labels = np.zeros((40, 50), np.uint32)
    labels[10:18, 20:30], labels[36:40, 0:6] = 7, last
    image = np.add.outer(np.arange(40), np.arange(50)).astype(np.uint8)
    return labels, image


def test_boxes_of_volumes_with_gaps():
    rng = np.random.default_rng(0)
    labels = (rng.integers(0, 40, (5, 6, 7)) * (rng.random((5, 6, 7)) > 0.5)).astype(np.int64) * 2**33
    ids = np.unique(labels[labels > 0])
    wanted = [
        [
            f(labels == i)[k]
            for k in range(3)
            for f in (lambda m: np.argwhere(m).min(0), lambda m: np.argwhere(m).max(0) + 1)
        ]
        for i in ids
    ]
    boxes = object_boxes(labels, ids)
    np.testing.assert_array_equal(boxes[:, :6], wanted)
    areas = np.array([np.count_nonzero(labels == i, axis=(1, 2)) for i in ids])
    np.testing.assert_array_equal(areas[np.arange(len(ids)), boxes[:, 6]], areas.max(axis=1))
    assert object_boxes(labels, np.array([5]))[0, 1] == 0


def test_a_picture_at_the_scale_of_the_image_is_the_crop_itself():
    labels, image = scene()
    gallery = Gallery([GallerySource(labels, [image], [(0, 255)], [(1, 1, 1)])], np.zeros(2, int), np.zeros(2, int),
                      np.array([4_000_000_000, 7]))  # fmt: skip
    picture = gallery.picture(1, 20, side=20, outline=None)
    np.testing.assert_array_equal(picture[..., 0], image[4:24, 15:35])
    twice = gallery.picture(1, 40, side=20, outline=None)
    np.testing.assert_array_equal(twice[::2, ::2], picture)
    outlined = gallery.picture(1, 20, side=20, outline=(250, 0, 9))
    edge = (outlined[..., :3] == (250, 0, 9)).all(-1)
    ring = labels == 7
    ring[11:17, 21:29] = False
    np.testing.assert_array_equal(edge, ring[4:24, 15:35])
    corner = gallery.picture(0, 20, side=20, outline=None)
    assert (corner[-6:, :, 0] == 24).all(), "outside the image it is dark grey"
    assert (corner[:, :6, 0] == 24).all()
    assert corner[5, 12, 0] > 24


def test_pictures_of_frames_slices_and_several_layers():
    labels, image = scene()
    movie = np.stack([labels, np.where(labels == 7, 0, labels)])
    volume = np.zeros((9, 40, 50), np.int32)
    volume[2:7, 5:15, 5:15] = 7
    bright = np.zeros(volume.shape, float)
    bright[4] = 1
    sources = [
        GallerySource(movie, [np.stack([image, image])], [(0, 255)], [(0, 1, 0)], has_frames=True),
        GallerySource(volume, [bright], [(0, 1)], [(1, 0, 0)]),
    ]
    gallery = Gallery(sources, np.array([1, 0, 0, 0]), np.array([0, 1, 0, 5]), np.array([7, 7, 7, 7]))
    assert (gallery.picture(0, 8, side=8, outline=None)[..., 0] == 255).all(), "the middle plane"
    assert gallery.box(1) is None, "there is no object 7 in frame 1"
    assert gallery.box(3) is None, "there is no frame 5"
    assert (gallery.picture(1, 8)[..., :3] == 24).all()
    green = gallery.picture(2, 8, side=8, outline=None)
    assert green[..., 1].min() > 20
    assert green[..., 0].max() == 0
    sheet = gallery.montage([0, 2, 1], columns=2, size=16, outlines=[(255, 0, 255)] * 3)
    assert sheet.shape == (34, 34, 4)
    assert (sheet[16:18] == 255).all()
    assert (sheet[18:, 18:] == 255).all(), "no fourth picture"


def outlined(gallery, row, size=32):
    return (gallery.picture(row, size)[..., :3] == (255, 230, 0)).all(-1)


def test_the_plane_of_a_volume_is_where_the_object_is_largest():
    volume = np.zeros((12, 40, 40), np.int32)
    # A C on its side: nothing of it is in its middle plane but its back, and its upper arm is the larger one.
    volume[1:3, 5:25, 5:20] = 1
    volume[9:11, 5:15, 5:20] = 1
    volume[1:11, 5:7, 5:8] = 1
    # Two pieces that are apart, the lower one at the border of the volume.
    volume[0, 30:40, 30:40] = volume[6:8, 32:36, 0:4] = 2
    # The same in all planes: the middle one is shown.
    volume[3:10, 30:34, 10:14] = 3
    # Flat, at the last plane and in a corner.
    volume[11, 38:40, 0:3] = 4
    ids = np.array([1, 2, 3, 4])
    gallery = Gallery([GallerySource(volume)], np.zeros(4, int), np.zeros(4, int), ids)
    assert [int(gallery.box(row)[6]) for row in range(4)] == [1, 0, 6, 11]
    for row in range(4):
        assert outlined(gallery, row).any()
    # A ring that stands on its edge is cut at the plane with most of it, never through its hole only.
    z, y, x = np.ogrid[:41, :41, :9]
    far = np.hypot(z - 20, y - 20)
    ring = ((far > 14) & (far < 18) & (x > 2) & (x < 6)).astype(np.uint16)
    gallery = Gallery([GallerySource(ring)], np.zeros(1, int), np.zeros(1, int), np.array([1]))
    assert ring[gallery.box(0)[6]].sum() == ring.sum(axis=(1, 2)).max()
    assert outlined(gallery, 0).any()


def test_an_object_thinner_than_the_pixels_of_the_picture_has_an_outline():
    labels = np.zeros((400, 400), np.uint8)
    for row, label in ((7, 1), (201, 2), (398, 3)):
        labels[row, 3:] = label
    labels[10:200, 0] = 4
    gallery = Gallery([GallerySource(labels)], np.zeros(4, int), np.zeros(4, int), np.arange(1, 5))
    for row in range(4):
        assert outlined(gallery, row).sum() > 15


@pytest.mark.parametrize("n_frames", [0, 2])
@pytest.mark.parametrize("n_planes", [0, 3])
def test_arrays_on_disk_give_the_same_pictures(tmp_path, n_frames, n_planes):
    zarr = pytest.importorskip("zarr")
    labels, image = scene()
    for n in filter(None, (n_planes, n_frames)):
        labels, image = np.stack([labels] * n), np.stack([image] * n)
    pair = []
    for kept in (lambda a, name: a, lambda a, name: zarr.create_array(tmp_path / name, data=a, chunks=a.shape)):
        source = GallerySource(kept(labels, "l"), [kept(image, "i")], [(0, 255)], [(1, 0, 1)], n_frames > 0)
        gallery = Gallery([source], np.zeros(2, int), np.full(2, max(n_frames - 1, 0)), np.array([4_000_000_000, 7]))
        pair.append(gallery.montage([1, 0], 2, 24))
    np.testing.assert_array_equal(*pair)
    assert len(np.unique(pair[0])) > 20


def test_order_by_a_column():
    rows = np.array([4, 0, 2, 3])
    values = np.array([1.0, 99, np.nan, 5, 1.0])
    assert in_order(rows, values).tolist() == [4, 0, 3, 2]
    assert in_order(rows, values, descending=True).tolist() == [3, 4, 0, 2]
    assert in_order(rows, None).tolist() == rows.tolist()
    assert in_order(rows, np.array(["b", "x", "a", "c", "b"])).tolist() == [2, 4, 0, 3]
    assert in_order([], values).tolist() == []


def test_order_by_texts():
    names = pd.Series(["cell 10", "cell 2", None, "cell 1"])
    assert in_order([0, 1, 2, 3], names).tolist() == [3, 1, 0, 2]
    assert in_order([0, 1, 2, 3], names, descending=True).tolist() == [0, 1, 3, 2]
    sizes = pd.Series(pd.Categorical(["low", "high", "middle", None], ["low", "middle", "high"], ordered=True))
    assert in_order([3, 2, 1, 0], sizes).tolist() == [0, 2, 1, 3]


def test_images_that_do_not_fit_are_refused():
    labels, image = scene()
    with pytest.raises(InputError, match="does not fit"):
        GallerySource(labels, [image[1:]], [(0, 1)], [(1, 1, 1)])
    with pytest.raises(InputError, match="Limits"):
        GallerySource(labels, [image])
