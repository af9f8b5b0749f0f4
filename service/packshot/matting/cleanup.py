"""Clean-up by connected components: specks go, handles stay open, several products stay or come out one by one."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import BACKGROUND
from packshot.matting.refine import Matte

Alpha8 = NDArray[np.uint8]
Labels = NDArray[np.int32]

SPECK_SHARE = 0.004  # of the largest island's area
FAINT = 0.1


def drop_specks(matte: Matte, share: float = SPECK_SHARE) -> Matte:
    """The matte without islands whose area is under ``share`` of the largest one's; soft alpha stays as it is.

    Islands are 8-connected where alpha is above .1, so hair that hangs on by a faint link stays. Holes stay open.
    """
    labels, areas = islands((matte.alpha > FAINT).astype(np.uint8))
    small = np.flatnonzero(areas < share * areas.max(initial=0)) + 1
    if not len(small):
        return matte
    speck = np.isin(labels, small)
    near = cv2.dilate(speck.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ((labels == 0) | speck)
    alpha, regions = matte.alpha.copy(), matte.regions.copy()
    alpha[near] = 0
    regions[near] = BACKGROUND
    return replace(matte, alpha=alpha, regions=regions)


def islands(solid: NDArray[np.uint8]) -> tuple[Labels, NDArray[np.float64]]:
    """Labels (h, w), 0 for the background, and the areas of islands 1, 2, ... in pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=8)
    return np.asarray(labels, np.int32), stats[1:, cv2.CC_STAT_AREA].astype(np.float64)


def split_subjects(alpha: Alpha8, share: float = 0.05) -> list[Alpha8]:
    """One alpha (H, W) per product, from left to right; what hangs on to none of them goes to the nearest.

    Products are islands of alpha above one half with at least ``share`` of the largest one's area.
    """
    labels, areas = islands((alpha > 127).astype(np.uint8))
    subjects = np.flatnonzero(areas >= share * areas.max(initial=0)) + 1
    if len(subjects) < 2:
        return [alpha]
    distances = [cv2.distanceTransform((labels != label).astype(np.uint8), cv2.DIST_L2, 3) for label in subjects]
    nearest = np.argmin(np.stack(distances), axis=0)
    parts = [np.where(nearest == index, alpha, 0).astype(np.uint8) for index in range(len(subjects))]
    return sorted(parts, key=lambda part: cv2.boundingRect(part)[0])
