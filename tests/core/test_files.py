"""Files are whole or not there, and what cannot be read says why."""

import os
import stat
import sys

import numpy as np
import pandas as pd
import pytest
import tifffile

from bioloom import samples
from bioloom.errors import Cancelled, InputError
from bioloom.files import IMAGE_SUFFIXES, read_image, replacing, write_image
from bioloom.measure import measure
from bioloom.tables import load_table, save_table

posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX systems")


@pytest.fixture(scope="module")
def nuclei():
    return samples.nuclei_2d(shape=(64, 80), n_nuclei=4, seed=1)


# ---------------------------------------------------------------------------------------------------- writing
@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), Cancelled()])
def test_an_existing_file_survives_a_write_that_fails(tmp_path, error):
    path = tmp_path / "result.csv"
    path.write_text("precious", encoding="utf-8")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half", encoding="utf-8")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_text(encoding="utf-8") == "precious"
    assert os.listdir(tmp_path) == ["result.csv"]


def test_the_file_appears_only_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "folder" / "result.tif"
    with replacing(path) as temporary:
        temporary.write_bytes(b"first half")
        assert not path.exists()
        assert temporary.suffix == ".tif"
        assert temporary.parent == path.parent
    assert path.read_bytes() == b"first half"
    assert os.listdir(path.parent) == ["result.tif"]


def test_an_image_that_cannot_be_stored_leaves_the_old_one(tmp_path, nuclei):
    path = tmp_path / "labels.tif"
    write_image(path, nuclei.labels)
    for wrong in (np.array([["a", "b"]], object), nuclei.labels.astype(np.int64) - 1):
        with pytest.raises(InputError):
            write_image(path, wrong)
        np.testing.assert_array_equal(read_image(path), nuclei.labels)
    assert os.listdir(tmp_path) == ["labels.tif"]


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path):
    class Unprintable:
        def __str__(self):
            raise ValueError("no text")

    path = tmp_path / "table.csv"
    save_table(path, pd.DataFrame({"label": [1]}))
    with pytest.raises(ValueError, match="no text"):
        save_table(path, pd.DataFrame({"label": [1, 2], "thing": ["x", Unprintable()]}))
    assert load_table(path)["label"].tolist() == [1]
    assert os.listdir(tmp_path) == ["table.csv"]


def test_a_place_that_cannot_be_written_to_is_said(tmp_path, nuclei):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match=r"Cannot write .*file.*Choose a folder that you may write to"):
        write_image(tmp_path / "file" / "labels.tif", nuclei.labels)
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(InputError, match=r"Cannot write .*folder\.tif"):
        write_image(tmp_path / "folder.tif", nuclei.labels)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.tif"]


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_said(tmp_path, nuclei):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match=r"Permission denied\. Choose a folder"):
            write_image(tmp_path / "labels.tif", nuclei.labels)
    finally:
        tmp_path.chmod(0o700)


@posix
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_new_files_get_the_usual_permissions(tmp_path, nuclei, mask):
    before = os.umask(mask)
    try:
        write_image(tmp_path / "labels.tif", nuclei.labels)
        (tmp_path / "plain").write_text("x", encoding="utf-8")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o666 & ~mask}


@posix
def test_a_replaced_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "table.csv"
    for mode in (0o640, 0o600, 0o664):
        save_table(path, pd.DataFrame({"label": [mode]}))
        path.chmod(mode)
        save_table(path, pd.DataFrame({"label": [mode, mode]}))
        assert stat.S_IMODE(path.stat().st_mode) == mode


# ---------------------------------------------------------------------------------------------------- images
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 7), (3, 5, 7), (4, 6, 3), (2, 3, 5, 7)])
def test_images_come_back_as_they_were(tmp_path, dtype, shape):
    image = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    write_image(tmp_path / "image.tif", image)
    back = read_image(tmp_path / "image.tif")
    assert (back.dtype, back.shape) == (dtype, shape)
    np.testing.assert_array_equal(back, image)


def test_files_are_compressed_without_loss(tmp_path):
    labels = samples.nuclei_2d(shape=(256, 256), n_nuclei=20, seed=1).labels
    write_image(tmp_path / "labels.TIFF", labels)
    assert (tmp_path / "labels.TIFF").stat().st_size < labels.nbytes / 5
    np.testing.assert_array_equal(read_image(tmp_path / "labels.TIFF"), labels)


@pytest.mark.parametrize("dtype", [np.uint64, np.int64])
def test_wide_labels_are_stored_where_they_fit(tmp_path, dtype):
    labels = np.array([[0, 7], [2**32 - 1, 16_777_217]], dtype)
    write_image(tmp_path / "labels.tif", labels)
    back = read_image(tmp_path / "labels.tif")
    assert back.dtype == np.uint32
    np.testing.assert_array_equal(back, labels)
    labels[0, 0] = 2**32
    with pytest.raises(InputError, match=r"7…4294967296 do not fit.*Relabel the image first"):
        write_image(tmp_path / "labels.tif", labels)
    np.testing.assert_array_equal(read_image(tmp_path / "labels.tif"), back)


def test_negative_wide_values_are_refused(tmp_path):
    with pytest.raises(InputError, match="-3…5 do not fit"):
        write_image(tmp_path / "labels.tif", np.array([[-3, 5]]))
    assert os.listdir(tmp_path) == []


def test_masks_become_bytes(tmp_path, nuclei):
    mask = nuclei.labels > 0
    write_image(tmp_path / "mask.tif", mask)
    back = read_image(tmp_path / "mask.tif")
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back.astype(bool), mask)
    assert set(np.unique(back)) == {0, 1}


def test_images_are_not_written_with_loss(tmp_path, nuclei):
    with pytest.raises(InputError, match=r"labels\.jpg was asked for. Use a name ending in \.tif"):
        write_image(tmp_path / "labels.jpg", nuclei.labels)
    with pytest.raises(InputError, match=r"labels\.png: PNG holds one plane"):
        write_image(tmp_path / "labels.png", nuclei.labels.astype(np.uint32) * 70_000)
    assert os.listdir(tmp_path) == []


def test_other_image_types_are_read(tmp_path, nuclei):
    from skimage.io import imsave

    grey = (nuclei.image // 16).astype(np.uint8)
    imsave(tmp_path / "image.png", grey, check_contrast=False)
    np.testing.assert_array_equal(read_image(tmp_path / "image.png"), grey)
    imsave(tmp_path / "image.JPG", grey, check_contrast=False)
    assert np.abs(read_image(tmp_path / "image.JPG").astype(int) - grey).mean() < 6
    imsave(tmp_path / "deep.png", nuclei.image, check_contrast=False)
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), nuclei.image)
    assert read_image(tmp_path / "deep.png").dtype == np.uint16
    imsave(tmp_path / "colours.png", np.stack([grey, grey, grey // 2], axis=-1), check_contrast=False)
    assert read_image(tmp_path / "colours.png").shape == (64, 80, 3)
    np.save(tmp_path / "image.npy", nuclei.image)
    np.testing.assert_array_equal(read_image(str(tmp_path / "image.npy")), nuclei.image)
    tifffile.imwrite(tmp_path / "hyper.tif", np.stack([nuclei.image] * 3)[:, None], imagej=True)
    assert read_image(tmp_path / "hyper.tif").shape == (3, *nuclei.image.shape)


class Attack:
    """Runs code when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_pickles_in_npy_files_are_refused_and_not_run(tmp_path):
    content = np.empty(1, object)
    content[0] = Attack(tmp_path / "hacked")
    np.save(tmp_path / "bad.npy", content, allow_pickle=True)
    with pytest.raises(InputError, match=r"Cannot read .*bad\.npy"):
        read_image(tmp_path / "bad.npy")
    assert os.listdir(tmp_path) == ["bad.npy"]


def test_an_archive_of_arrays_is_not_taken_for_an_image(tmp_path):
    np.savez(tmp_path / "many.npz", a=np.arange(3))
    (tmp_path / "many.npz").rename(tmp_path / "many.npy")
    with pytest.raises(InputError, match=r"Cannot read .*many\.npy"):
        read_image(tmp_path / "many.npy")


@pytest.mark.parametrize("suffix", [".tif", ".npy", ".png", ".jpg"])
@pytest.mark.parametrize("content", [b"", b"this is no image at all", b"II*\x00\xff\xff"])
def test_damaged_files_are_said_to_be(tmp_path, suffix, content):
    path = tmp_path / f"image{suffix}"
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"Cannot read .*The file may be damaged or of another type than its name says"
    ):
        read_image(path)


def test_a_tiff_that_was_cut_off_is_refused(tmp_path, nuclei):
    path = tmp_path / "image.tif"
    write_image(path, nuclei.image)
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(InputError, match="damaged"):
        read_image(path)


def test_files_that_are_not_there_or_no_images_are_said(tmp_path):
    with pytest.raises(InputError, match=r"There is no file .*missing\.tif\. Check the path"):
        read_image(tmp_path / "missing.tif")
    with pytest.raises(InputError, match="There is no file"):
        read_image(tmp_path)
    for name in ("movie.mp4", "no_suffix"):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(InputError) as caught:
            read_image(tmp_path / name)
        assert ", ".join(IMAGE_SUFFIXES) in str(caught.value)


# ---------------------------------------------------------------------------------------------------- tables
def test_tables_come_back_as_they_were(tmp_path, nuclei):
    table = measure(nuclei.labels, nuclei.image, properties=["area", "intensity_mean"])
    table["note"] = ["Zelle, groß", 'a "quoted" µm', "two\nlines", np.nan][: len(table)]
    table.loc[0, "intensity_mean"] = np.nan
    save_table(tmp_path / "table.csv", table)
    pd.testing.assert_frame_equal(load_table(tmp_path / "table.csv"), table, check_dtype=False)
    assert (tmp_path / "table.csv").read_bytes().decode("utf-8").startswith(",".join(table.columns))


def test_tables_have_a_format_by_their_name(tmp_path):
    with pytest.raises(InputError, match=r"table\.xlsx does not say which kind.* Use a name ending in \.csv"):
        save_table(tmp_path / "table.xlsx", pd.DataFrame({"label": [1]}))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\xd8broken", b"a,b\n1,2,3,4\n5\n1,2,3,4,5,6\n"])
def test_what_is_no_table_is_refused(tmp_path, content):
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"Cannot read .*table\.csv as a table|is empty"):
        load_table(tmp_path / "table.csv")


def test_a_missing_table_is_said(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        load_table(tmp_path / "table.csv")
