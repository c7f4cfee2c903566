"""Strengths of ROIs from a map of the brain, a NIfTI file in MNI space."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from brainray.atlas.interface import Atlas, Floats
from brainray.errors import ScenarioError

RADIUS_MM = 6.0
"""Of the sphere around an ROI's coordinate: a functional peak, smoothed as maps usually are."""
SPACES = {2: "aligned", 3: "Talairach", 4: "MNI", 5: "another template"}
"""NIfTI's codes of spaces in which MNI coordinates may have a meaning; 3 is refused."""


def strengths_of_map(
    path: Path, atlas: Atlas, radius_mm: float = RADIUS_MM, threshold: float = 0.0
) -> dict[str, float]:
    """Return the strength of each ROI: the mean of a map in a sphere around its coordinate.

    A map with noise everywhere, e.g. of z values, wants a threshold: every ROI above it counts
    as observed.

    Args:
        path: a ``.nii`` or ``.nii.gz`` file with one volume.
        atlas: whose ROIs to read.
        radius_mm: of the sphere, above 0.
        threshold: means at or below it become 0, at least 0: what lies below a map's baseline
            is not excited.

    Returns:
        ROI to strength in the map's unit, at least 0. ROIs around which the map is not known
        (NaN) are left out.

    Raises:
        ScenarioError: it is no such file, it has several volumes, it is not in MNI space, ROIs
            lie outside, no ROI is above the threshold, or nibabel is not installed.
    """
    volume_XYZ, affine = _load(path)
    to_voxel = np.linalg.inv(affine)
    center_RX = atlas.coordinates @ to_voxel[:3, :3].T + to_voxel[:3, 3]
    limit = np.array(volume_XYZ.shape) - 0.5
    outside = np.flatnonzero(((center_RX < -0.5) | (center_RX > limit)).any(axis=1))
    if len(outside):
        raise _unusable(
            path,
            f"{len(outside)} of {len(atlas.rois)} ROIs lie outside, the first is "
            f"{atlas.names[outside[0]]!r}; it must be in MNI space and show the whole brain",
        )
    reach = radius_mm * np.linalg.norm(to_voxel[:3, :3], axis=1)
    strengths = {}
    for name, center_X in zip(atlas.names, center_RX, strict=True):
        mean = _mean_around(volume_XYZ, affine, center_X, reach, radius_mm)
        if mean is not None:
            strengths[name] = mean if mean > threshold else 0.0
    if not any(strengths.values()):
        raise _unusable(path, f"no ROI is above {threshold}; it is empty, or of another threshold")
    return strengths


def _load(path: Path) -> tuple[Floats, Floats]:
    try:
        import nibabel
    except ImportError as error:
        raise ScenarioError(
            f"activation.map: reading {path} needs {error.name}; install brainray[brain]"
        ) from error
    if not path.is_file() or not path.name.endswith((".nii", ".nii.gz")):
        raise _unusable(path, "must be a NIfTI file, .nii or .nii.gz")
    try:
        image: Any = nibabel.load(path)
        if not isinstance(image, nibabel.Nifti1Image):
            raise _unusable(path, "holds an image of another kind than NIfTI")
        volume = np.asarray(image.get_fdata(dtype=np.float32), dtype=np.float64)
    except (
        OSError,
        EOFError,
        ValueError,
        zlib.error,
        nibabel.filebasedimages.ImageFileError,
        nibabel.spatialimages.HeaderDataError,
    ) as error:
        reason = " ".join(str(error).split())
        raise _unusable(path, f"cannot be read: {reason}") from error
    if volume.ndim == 4 and volume.shape[3] == 1:
        volume = volume[..., 0]
    if volume.ndim != 3 or 0 in volume.shape:
        size = " x ".join(map(str, volume.shape))
        raise _unusable(path, f"is {size}, must be one volume, x by y by z")
    code = int(image.header["sform_code"]) or int(image.header["qform_code"])
    if code not in SPACES or SPACES[code] == "Talairach":
        raise _unusable(
            path, f"its header names space {code}, must be 4 (MNI), or 2 or 5 if it is aligned"
        )
    affine = np.asarray(image.affine, dtype=np.float64)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-9:
        raise _unusable(path, "its header has no usable affine matrix")
    return volume, affine


def _mean_around(
    volume_XYZ: Floats, affine: Floats, center_X: Floats, reach: Floats, radius_mm: float
) -> float | None:
    """Return the mean of the voxels whose centers lie in the sphere, None if none is known.

    A sphere so small that it holds no voxel's center takes the nearest voxel.
    """
    last = np.array(volume_XYZ.shape) - 1
    low = np.clip(np.floor(center_X - reach), 0, last).astype(int)
    high = np.clip(np.ceil(center_X + reach), 0, last).astype(int)
    box = tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))
    voxel_XYZ3 = np.moveaxis(np.indices(volume_XYZ[box].shape), 0, -1) + low
    distance_mm = np.linalg.norm((voxel_XYZ3 - center_X) @ affine[:3, :3].T, axis=-1)
    inside = distance_mm <= max(radius_mm, float(distance_mm.min()))
    values = volume_XYZ[box][inside]
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _unusable(path: Path, reason: str) -> ScenarioError:
    return ScenarioError(f"activation.map: {path}: {reason}")
