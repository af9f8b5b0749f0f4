"""Clean-up of alpha by connected components: specks go, handles stay open, several products stay."""

import cv2
import numpy as np
from numpy.typing import NDArray

Alpha8 = NDArray[np.uint8]

SPECK_SHARE = 0.002  # of the largest component's mass
VISIBLE = 128


def remove_specks(alpha: Alpha8, share: float = SPECK_SHARE) -> Alpha8:
    """Zero every island whose area is under ``share`` of the largest one's; soft alpha stays as it is.

    Islands are 8-connected where alpha > 0, so hair that hangs on to the subject by a faint link stays.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 0).astype(np.uint8), connectivity=8)
    if count <= 2:
        return alpha
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    areas[0] = 0
    keep = areas >= share * areas.max()
    keep[0] = False
    return np.where(keep[labels], alpha, 0).astype(np.uint8)
