"""Training pictures: what is held out stays out, and bad data is named."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from models import data
from packshot.errors import UsageError
from tests.models.scenes import product_scenes
from tests.models.tiny_data import HELD_OUT, PER_SET, SIDE, write_tiny_data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_data(tmp_path)


def test_training_pairs_leave_out_the_lists_and_every_view_of_their_renders(folder: Path) -> None:
    names = set(data.training_pairs(folder, 32).names)
    assert len(names) == 3 * PER_SET - 5
    assert not names & {"duts-tr/n01_5", "duts-tr/n01_4", "ccp-person/0005"}
    assert not names & {"product-render/Lamp_00", "product-render/Lamp_01"}


def test_bare_renders_and_backgrounds_leave_out_their_held_out_twins(folder: Path) -> None:
    assert data.training_cutouts(folder, 32).names == tuple(
        f"product-render/{n}" for n in ("Cup_00", "Cup_01", "Pen_00", "Pen_01")
    )
    assert HELD_OUT["empty"] not in data.training_backgrounds(folder, 32).names


def test_calibration_pictures_are_on_no_validation_list(folder: Path) -> None:
    splits = data.Splits(folder)
    names = data.calibration_pictures(folder, 32, 10).names
    assert len(names) == 10
    assert not any(splits.held_out(name) for name in names)


def test_calibration_asks_for_more_than_there_is(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"holds \d+ calibration pictures, 200 are needed"):
        data.calibration_pictures(folder, 32, 200)


def test_picture_and_mask_belong_together(folder: Path) -> None:
    pairs = data.training_pairs(folder, SIDE)
    scenes = list(product_scenes(PER_SET, SIDE))
    for number in range(4):
        index = pairs.names.index(f"duts-tr/n01_{number}")
        rgb, alpha = scenes[number]
        assert np.array_equal(pairs.images[index], rgb)
        assert np.array_equal(pairs.masks[index], np.rint(alpha * 255))


def test_cutouts_carry_colour_and_alpha_in_rgba_order(folder: Path) -> None:
    cutouts = data.training_cutouts(folder, SIDE)
    rgb, alpha = next(product_scenes(1, SIDE))
    assert np.array_equal(cutouts.images[0][..., 3], np.rint(alpha * 255))
    solid = alpha == 1
    assert np.array_equal(cutouts.images[0][solid, :3], rgb[solid])


def test_empty_scenes_are_all_background(folder: Path) -> None:
    (_, rgb, mask), *_ = data.validation_originals(folder, "empty")
    assert rgb.shape == (SIDE, SIDE, 3)
    assert not mask.any()


def test_limit_spreads_over_all_sets(folder: Path) -> None:
    names = data.training_pairs(folder, 32, limit=4).names
    assert {name.partition("/")[0] for name in names} == {"duts-tr", "ccp-person", "product-render"}


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"val_product\.txt: No such file"):
        data.training_pairs(tmp_path / "nowhere", 32)


def test_missing_archive_is_named(folder: Path) -> None:
    (folder / "ccp-person.tar").unlink()
    with pytest.raises(UsageError, match=r"no ccp-person\*\.tar"):
        data.training_pairs(folder, 32)


def test_archive_cut_short_is_named(folder: Path) -> None:
    path = folder / "duts-tr-01.tar"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UsageError, match=r"duts-tr-01\.tar"):
        data.training_pairs(folder, 32)


def test_picture_that_is_none_is_named(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"n01_0 \(images\) is not a picture"):
        data.decode("n01_0", b"RIFF no webp", 32, "images")


def test_list_that_names_a_picture_nobody_has(folder: Path) -> None:
    (folder / "val_general.txt").write_text("n99_1\n")
    with pytest.raises(UsageError, match=r"n99_1 of val_general\.txt is missing"):
        list(data.validation_originals(folder, "general"))


def test_picture_without_a_mask(folder: Path) -> None:
    path = folder / "ccp-person.tar"
    with tarfile.open(path) as tar:
        kept = [(member, tar.extractfile(member).read()) for member in tar if "masks/0001" not in member.name]  # type: ignore[union-attr]
    from tests.models.tiny_data import write_tar

    write_tar(path, {member.name: content for member, content in kept})
    with pytest.raises(UsageError, match=r"1 pictures .* have no mask"):
        data.training_pairs(folder, 32)
