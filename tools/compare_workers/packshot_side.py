"""packshot's side of ``compare_rembg.py``: one JSON job per line on standard input, one JSON answer per line."""

import json
import sys
from pathlib import Path
from time import perf_counter, process_time

from packshot.accelerator.litert import LiteRT
from packshot.composer import Composer
from packshot.cutout import Cutter
from packshot.encode.photo import FileDecoder
from packshot.encode.picture import FileEncoder
from packshot.platform.memory import keep_freed_memory
from packshot.platform.resources import package_path, released_model
from packshot.presets import presets_from_toml
from packshot.wiring.devices import default_threads

PRESET_OF = {"png": "cutout", "web": "web", "amazon-main": "amazon-main"}


def peak_kib() -> int:
    """The largest resident size of this process so far (getrusage would count what its parent had)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def main() -> None:
    """Serve jobs until the input ends."""
    keep_freed_memory()
    card, path = released_model()
    cutter = Cutter(LiteRT(path, card, threads=default_threads()), FileDecoder())
    composer = Composer(FileEncoder())
    presets = presets_from_toml(package_path("presets.toml").read_text(), "presets.toml")
    for line in sys.stdin:
        job = json.loads(line)
        data = Path(job["photo"]).read_bytes()
        began, worked = perf_counter(), process_time()
        result = cutter.cut(data)
        cut = perf_counter()
        picture = composer.picture(result, presets[PRESET_OF[job["name"]]])
        ended = perf_counter()
        stages = {name: ms for name, ms in result.stage_ms.items() if name != "total"}
        stages["compose and encode"] = (ended - cut) * 1000
        if job.get("save"):
            Path(job["save"]).write_bytes(picture.data)
        times = {"ms": (ended - began) * 1000, "cpu_ms": (process_time() - worked) * 1000}
        print(json.dumps({**times, "bytes": len(picture.data), "peak_kib": peak_kib(), "stages": stages}), flush=True)
    cutter.close()


if __name__ == "__main__":
    main()
