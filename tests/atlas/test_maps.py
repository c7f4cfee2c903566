import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from brainray.atlas.maps import strengths_of_map
from brainray.errors import ScenarioError
from brainray.testing.small_atlas import small_atlas

ATLAS = small_atlas({"fear": {"A": 1.0, "B": 1.0, "C": 1.0}}, {"fear": "emotion.fear"})
"""At x -40, z 10 and y -22.5, -7.5 and 7.5 mm."""
SHAPE = (46, 55, 46)
MNI = np.array([[-4.0, 0, 0, 90], [0, 4, 0, -126], [0, 0, 4, -72], [0, 0, 0, 1]])


def grid(affine: np.ndarray = MNI) -> np.ndarray:
    """The coordinates of all voxels in mm, shape ``(X, Y, Z, 3)``."""
    return np.stack(np.indices(SHAPE), axis=-1) @ affine[:3, :3].T + affine[:3, 3]


def ball(center: tuple[float, float, float], affine: np.ndarray = MNI) -> np.ndarray:
    return (np.linalg.norm(grid(affine) - center, axis=-1) <= 10).astype(np.float32)


def save(
    path: Path, volume: np.ndarray, affine: np.ndarray = MNI, code: int = 4, name: str = "map.nii"
) -> Path:
    image = nibabel.Nifti1Image(volume.astype(np.float32), affine)
    image.set_sform(affine, code=code)
    image.set_qform(None, code=0)
    nibabel.save(image, path / name)
    return path / name


@pytest.mark.parametrize("name", ["map.nii", "map.nii.gz"])
@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_the_mean_around_each_roi(tmp_path, name, flip):
    affine = MNI * [[flip], [1], [1], [1]]
    affine[0, 3] = 90.0 * flip
    volume = 3 * ball((-40, -22.5, 10), affine) - 2 * ball((-40, 7.5, 10), affine)
    found = strengths_of_map(save(tmp_path, volume, affine, name=name), ATLAS)
    assert found == {"A": pytest.approx(3.0), "B": pytest.approx(0.0, abs=0.7), "C": 0.0}


def test_it_is_the_mean_of_the_voxels_in_the_sphere(tmp_path):
    volume = grid()[..., 1] + 200
    near = np.linalg.norm(grid() - [-40, 7.5, 10], axis=-1) <= 6
    assert near.sum() > 5
    found = strengths_of_map(save(tmp_path, volume), ATLAS)
    assert found["C"] == pytest.approx(volume[near].mean(), rel=1e-6)


def test_a_threshold_and_voxels_that_are_not_known(tmp_path):
    volume = np.ones(SHAPE, dtype=np.float32) + ball((-40, -22.5, 10))
    volume[np.linalg.norm(grid() - [-40, 7.5, 10], axis=-1) < 12] = np.nan
    found = strengths_of_map(save(tmp_path, volume), ATLAS, threshold=1.5)
    assert found == {"A": 2.0, "B": 0.0}


def test_a_sphere_smaller_than_a_voxel_takes_the_nearest(tmp_path):
    found = strengths_of_map(save(tmp_path, ball((-40, -22.5, 10))), ATLAS, radius_mm=0.1)
    assert found["A"] == 1.0


def test_one_volume_in_four_dimensions_is_one_volume(tmp_path):
    volume = ball((-40, -22.5, 10))
    flat = strengths_of_map(save(tmp_path, volume), ATLAS)
    assert strengths_of_map(save(tmp_path, volume[..., None], name="4d.nii"), ATLAS) == flat


class TestRefused:
    @pytest.mark.parametrize(
        ("volume", "message"),
        [
            (np.ones((*SHAPE, 2)), r"is 46 x 55 x 46 x 2, must be one volume"),
            (np.zeros(SHAPE), r"no ROI is above 0\.0; it is empty"),
            (-np.ones(SHAPE), r"no ROI is above 0\.0"),
            (np.full(SHAPE, np.nan), r"no ROI is above 0\.0"),
            (
                np.ones((46, 20, 46)),
                r"3 of 3 ROIs lie outside, the first is 'A'; it must be in MNI",
            ),
        ],
    )
    def test_what_is_in_it(self, tmp_path, volume, message):
        path = save(tmp_path, volume)
        with pytest.raises(ScenarioError, match=rf"activation\.map: .*map\.nii: {message}"):
            strengths_of_map(path, ATLAS)

    @pytest.mark.parametrize("code", [1, 3])
    def test_another_space(self, tmp_path, code):
        path = save(tmp_path, np.ones(SHAPE), code=code)
        with pytest.raises(ScenarioError, match=rf"header names space {code}, must be 4 \(MNI\)"):
            strengths_of_map(path, ATLAS)

    @pytest.mark.parametrize("name", ["map.nii", "map.nii.gz"])
    def test_what_is_no_image(self, tmp_path, name):
        path = tmp_path / name
        path.write_bytes(b"no image" * 100)
        with pytest.raises(ScenarioError, match=r"activation\.map: .*: cannot be read: "):
            strengths_of_map(path, ATLAS)

    @pytest.mark.parametrize("name", ["map.nii", "map.nii.gz"])
    def test_half_a_file(self, tmp_path, name):
        path = save(tmp_path, np.random.default_rng(0).random(SHAPE), name=name)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(ScenarioError, match=r"activation\.map: .*: cannot be read: "):
            strengths_of_map(path, ATLAS)

    @pytest.mark.parametrize("name", ["missing.nii", "map.mgz"])
    def test_no_such_file(self, tmp_path, name):
        with pytest.raises(ScenarioError, match=r"must be a NIfTI file, \.nii or \.nii\.gz"):
            strengths_of_map(tmp_path / name, ATLAS)

    def test_without_the_extra_it_names_it(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "nibabel", None)
        with pytest.raises(ScenarioError, match=r"needs nibabel; install brainray\[brain\]"):
            strengths_of_map(tmp_path / "map.nii", ATLAS)
