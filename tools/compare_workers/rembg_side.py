"""rembg's side of ``compare_rembg.py``; runs in rembg's own environment.

    rembg_side.py --model NET.onnx [--mask MASK.npy] [--matting | --decontaminate]

One JSON job per line on standard input, one JSON answer per line.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from PIL import Image
from rembg import new_session, remove


def answering(model: Path, mask: np.ndarray, path: Path) -> None:
    """The network, of random weights, made to answer with ``mask`` (320, 320) in [0, 1] after all its arithmetic."""
    net = onnx.load(str(model))
    output = net.graph.output[0]
    net.graph.initializer.append(numpy_helper.from_array(np.array(1e-30, np.float32), "next_to_nothing"))
    net.graph.initializer.append(numpy_helper.from_array(mask[np.newaxis, np.newaxis].astype(np.float32), "mask"))
    net.graph.node.append(helper.make_node("Mul", [output.name, "next_to_nothing"], ["nearly_zero"]))
    net.graph.node.append(helper.make_node("Add", ["nearly_zero", "mask"], ["answer"]))
    output.name = "answer"
    onnx.save(net, str(path))


def with_sigmoid(model: Path, path: Path) -> None:
    """Our float network with the sigmoid that rembg expects of a network and packshot applies itself."""
    net = onnx.load(str(model))
    output = net.graph.output[0]
    net.graph.node.append(helper.make_node("Sigmoid", [output.name], ["probability"]))
    output.name = "probability"
    onnx.save(net, str(path))


def show_at_its_size(session: Any) -> None:
    """Have the session scale photos to what the network was made for; it would always take 320 px."""
    size, normalize = session.inner_session.get_inputs()[0].shape[2:], session.normalize
    session.normalize = lambda image, mean, std, _size: normalize(image, mean, std, (size[1], size[0]))


def finish(cutout: Image.Image, job: str) -> bytes:
    """The picture of a job from rembg's RGBA, with Pillow."""
    out = BytesIO()
    if job == "png":
        cutout.save(out, "PNG")
        return out.getvalue()
    subject = cutout.crop(cutout.getchannel("A").getbbox())
    side = 2048 if job == "web" else 1800
    scale = min(1.0, side / max(subject.size))
    subject = subject.resize([round(length * scale) for length in subject.size], Image.Resampling.LANCZOS)
    if job == "web":
        subject.save(out, "WEBP", quality=85)
        return out.getvalue()
    square = Image.new("RGB", (2000, 2000), (255, 255, 255))
    square.paste(subject, ((2000 - subject.width) // 2, (2000 - subject.height) // 2), subject)
    square.save(out, "JPEG", quality=92)
    return out.getvalue()


def peak_kib() -> int:
    """The largest resident size of this process so far (getrusage would count what its parent had)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def timed(stages: dict[str, float], name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """The same call, its milliseconds counted as a stage."""

    def call(*arguments: Any, **options: Any) -> Any:
        began = perf_counter()
        result = work(*arguments, **options)
        stages[name] = stages.get(name, 0.0) + (perf_counter() - began) * 1000
        return result

    return call


def decoded(photo: Path) -> Image.Image:
    """What ``remove`` would decode by and by."""
    image = Image.open(photo)
    image.load()
    return image


def serve(session: Any, options: dict[str, bool]) -> None:
    """Do the jobs of standard input."""
    network = session.inner_session.run
    predict = session.predict
    for line in sys.stdin:
        job = json.loads(line)
        stages: dict[str, float] = {}
        session.inner_session.run = timed(stages, "network", network)
        session.predict = timed(stages, "network and mask", predict)
        began, worked = perf_counter(), process_time()
        image = timed(stages, "decode", decoded)(job["photo"])
        cutout = timed(stages, "remove in all", remove)(image, session=session, **options)
        picture = timed(stages, "compose and encode", finish)(cutout, job["name"])
        times = {"ms": (perf_counter() - began) * 1000, "cpu_ms": (process_time() - worked) * 1000}
        if job.get("save"):
            Path(job["save"]).write_bytes(picture)
        print(json.dumps({**times, "bytes": len(picture), "peak_kib": peak_kib(), "stages": stages}), flush=True)


def main() -> None:
    """Make a session and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--mask", type=Path, help="what the network answers with, whatever it finds")
    parser.add_argument("--matting", action="store_true")
    parser.add_argument("--decontaminate", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["U2NET_HOME"] = folder  # the one folder rembg takes models from
        path = Path(folder) / "network.onnx"
        if arguments.mask:
            answering(arguments.model, np.load(arguments.mask), path)
        else:
            with_sigmoid(arguments.model, path)
        session = new_session("u2net_custom", model_path=str(path))
        show_at_its_size(session)
        serve(session, {"alpha_matting": arguments.matting, "decontaminate": arguments.decontaminate})


if __name__ == "__main__":
    main()
