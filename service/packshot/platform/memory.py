"""What the C library does with memory that was freed: keep it for the next photo, or hand it back."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
LARGEST_KEPT = 1 << 28  # bytes


def keep_freed_memory() -> bool:
    """Have glibc reuse freed pictures; says whether it will (elsewhere nothing happens).

    By default it maps every large array anew and unmaps it afterwards, and the kernel clears the pages each time: a
    third of the time of a cutout.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library, musl for one
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)) and bool(mallopt(M_TRIM_THRESHOLD, LARGEST_KEPT))
