"""packshot's side of ``compare_rembg.py``: job names on standard input, one JSON line each on standard output."""

import json
import sys
from pathlib import Path
from time import perf_counter

from packshot.accelerator.litert import LiteRT
from packshot.composer import Composer
from packshot.cutout import Cutter
from packshot.encode.photo import FileDecoder
from packshot.encode.picture import FileEncoder
from packshot.platform.resources import package_path, released_model
from packshot.presets import presets_from_toml

PRESET_OF = {"png": "cutout", "web": "web", "amazon-main": "amazon-main"}


def peak_kib() -> int:
    """The largest resident size of this process so far (getrusage would count what its parent had)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def main() -> None:
    """Serve jobs until the input ends."""
    data = Path(sys.argv[1]).read_bytes()
    card, path = released_model()
    cutter, composer = Cutter(LiteRT(path, card), FileDecoder()), Composer(FileEncoder())
    presets = presets_from_toml(package_path("presets.toml").read_text(), "presets.toml")
    for line in sys.stdin:
        began = perf_counter()
        picture = composer.picture(cutter.cut(data), presets[PRESET_OF[line.strip()]])
        ms = (perf_counter() - began) * 1000
        peak = peak_kib()
        print(json.dumps({"ms": ms, "bytes": len(picture.data), "peak_kib": peak}), flush=True)
    cutter.close()


if __name__ == "__main__":
    main()
