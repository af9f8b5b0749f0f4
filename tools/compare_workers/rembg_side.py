"""rembg's side of ``compare_rembg.py``; runs in rembg's own environment.

    rembg_side.py (--mask MASK.npy | --model NET.onnx) [--matting | --decontaminate]

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
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from rembg import new_session, remove

SIDE, CHANNELS, LAYERS = 320, 32, 21  # 3x3 convolutions: 0.09 + 21 * 0.94 = 19.8 GMAC, as U²-Net† has


def network(mask: np.ndarray, path: Path) -> None:
    """Write an ONNX network that does U²-Net†'s arithmetic and answers with ``mask`` (320, 320) in [0, 1]."""
    rng = np.random.default_rng(1)
    nodes, weights, name = [], [], "input"
    for index in range(LAYERS + 1):
        shape = (CHANNELS, 3 if index == 0 else CHANNELS, 3, 3)
        kernel = (rng.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"w{index}"))
        nodes.append(helper.make_node("Conv", [name, f"w{index}"], [f"c{index}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"]))
        name = f"r{index}"
    weights.append(numpy_helper.from_array(np.full((1, CHANNELS, 1, 1), 1e-12, np.float32), "last"))
    weights.append(numpy_helper.from_array(mask[np.newaxis, np.newaxis].astype(np.float32), "mask"))
    nodes.append(helper.make_node("Conv", [name, "last"], ["nearly_zero"]))
    nodes.append(helper.make_node("Add", ["nearly_zero", "mask"], ["output"]))
    shape_in, shape_out = [1, 3, SIDE, SIDE], [1, 1, SIDE, SIDE]
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape_in)
    answer = helper.make_tensor_value_info("output", TensorProto.FLOAT, shape_out)
    graph = helper.make_graph(nodes, "arithmetic", [given], [answer], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))


def with_sigmoid(model: Path, path: Path) -> None:
    """Our float network with the sigmoid that rembg expects of a network and packshot applies itself."""
    net = onnx.load(str(model))
    output = net.graph.output[0]
    net.graph.node.append(helper.make_node("Sigmoid", [output.name], ["probability"]))
    output.name = "probability"
    onnx.save(net, str(path))


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
    parser.add_argument("--mask", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--matting", action="store_true")
    parser.add_argument("--decontaminate", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["U2NET_HOME"] = folder  # the one folder rembg takes models from
        path = Path(folder) / "network.onnx"
        if arguments.model:
            with_sigmoid(arguments.model, path)
        else:
            network(np.load(arguments.mask), path)
        session = new_session("u2net_custom", model_path=str(path))
        serve(session, {"alpha_matting": arguments.matting, "decontaminate": arguments.decontaminate})


if __name__ == "__main__":
    main()
