"""Channels and frames of an image, loaded when they are looked at and not before."""

import numpy as np
import pytest

from bioloom import samples
from bioloom.errors import InputError
from bioloom.session.image_stack import ImageStack


def stack(*channels, spacing=(1.0, 1.0), n_frames=None):
    names = tuple(f"c{k}" for k in range(len(channels)))
    return ImageStack(channels, names, spacing, "pixel", n_frames)


def recorded(image, read):
    """The image as a Dask array that notes which frames are computed."""
    da = pytest.importorskip("dask.array")

    def note(block, block_info):
        read.append(block_info[0]["chunk-location"][0])
        return block

    whole = da.from_array(image, chunks=(1, *image.shape[1:]))
    return whole.map_blocks(note, dtype=image.dtype, meta=np.empty((0, 0, 0), image.dtype))


@pytest.fixture(scope="module")
def series():
    return samples.nuclei_timelapse(shape=(4, 64, 72), n_nuclei=4, seed=1)


def test_one_image_is_one_frame():
    sample = samples.nuclei_3d(shape=(8, 48, 56), n_nuclei=2, seed=1)
    one = stack(sample.image, spacing=sample.spatial_spacing)
    assert one.shape == (8, 48, 56)
    assert (list(one.frames()), one.frame_axis) == ([0], None)
    np.testing.assert_array_equal(one.frame(0), sample.image[None])


def test_channels_and_frames(series):
    both = stack(series.image, 2 * series.image, n_frames=4)
    assert both.shape == (64, 72)
    assert (list(both.frames()), both.frame_axis) == ([0, 1, 2, 3], 0)
    frame = both.frame(2)
    assert frame.shape == (2, 64, 72)
    np.testing.assert_array_equal(frame[0], series.image[2])
    np.testing.assert_array_equal(frame[1], 2 * series.image[2])


def test_shapes_that_differ_are_named(series):
    with pytest.raises(InputError, match=r"c0 \(4, 64, 72\), c1 \(4, 64, 71\)\. Choose images of the same pixels"):
        stack(series.image, series.image[..., 1:], n_frames=4)
    one = stack(series.image, n_frames=4)
    assert one.matching(series.labels, "The labels layer") is series.labels
    with pytest.raises(InputError, match=r"The labels layer has the shape \(64, 72\), but the image \(4, 64, 72\)"):
        one.matching(series.labels[0], "The labels layer")


def test_dask_channels_are_computed_frame_by_frame(series):
    read = []
    lazy = recorded(series.image, read)
    many = stack(lazy, lazy + 1, n_frames=4)
    assert many.shape == (64, 72)
    assert many.matching(series.labels, "x") is series.labels
    assert read == []
    frame = many.frame(2)
    assert isinstance(frame, np.ndarray)
    np.testing.assert_array_equal(frame, [series.image[2], series.image[2] + 1])
    assert set(read) == {2}


def test_zarr_channels_are_read_frame_by_frame(series, tmp_path):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(tmp_path / "a.zarr", shape=(4, 64, 72), chunks=(1, 64, 72), dtype="uint16")
    many = stack(array, n_frames=4)
    array[:] = series.image
    (chunk,) = (tmp_path / "a.zarr" / "c" / "1").rglob("0/0")
    chunk.write_bytes(b"damaged")
    np.testing.assert_array_equal(many.frame(2), series.image[2][None])
    with pytest.raises(Exception, match=r"."):
        many.frame(1)


def test_only_annotated_frames_are_yielded(series):
    annotation = np.zeros(series.labels.shape, np.uint8)
    annotation[1, 5, 5], annotation[3, 6, 6] = 1, 2
    found = dict(stack(series.image, n_frames=4).annotated_frames(annotation))
    assert list(found) == [1, 3]
    np.testing.assert_array_equal(found[3], annotation[3])
    single = stack(series.image[0])
    assert list(single.annotated_frames(annotation[0])) == []
    assert [index for index, _ in single.annotated_frames(annotation[1])] == [0]
    with pytest.raises(InputError, match="The annotation has the shape"):
        next(single.annotated_frames(annotation))


def test_the_same_pixels_are_known_again(series):
    image = series.image
    one = stack(image, n_frames=4)
    assert one.same_pixels(stack(image, n_frames=4))
    assert not one.same_pixels(stack(image.copy(), n_frames=4))
    assert not one.same_pixels(stack(image, image, n_frames=4))
    assert not one.same_pixels(stack(image, spacing=(1.0, 1.0, 1.0)))
    assert not one.same_pixels(stack(image, spacing=(2.0, 1.0), n_frames=4))


def test_the_colours_of_an_rgb_image_are_known_again():
    rgb = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    one = stack(*(rgb[..., k] for k in range(3)))
    assert one.same_pixels(stack(*(rgb[..., k] for k in range(3))))
    assert not one.same_pixels(stack(*(rgb[..., k] for k in (0, 2, 1))))
    assert not one.same_pixels(stack(*(rgb[::-1, :, k] for k in range(3))))


def test_lazy_channels_are_known_again(series, tmp_path):
    da = pytest.importorskip("dask.array")
    zarr = pytest.importorskip("zarr")
    lazy = da.from_array(series.image, chunks=(1, 64, 72))
    assert stack(lazy[..., 5:], n_frames=4).same_pixels(stack(lazy[..., 5:], n_frames=4))
    assert not stack(lazy[..., 5:], n_frames=4).same_pixels(stack(lazy[..., :-5], n_frames=4))
    stored = zarr.create_array(tmp_path / "a.zarr", data=series.image)
    assert stack(stored, n_frames=4).same_pixels(stack(stored, n_frames=4))
    assert not stack(stored, n_frames=4).same_pixels(stack(lazy, n_frames=4))
