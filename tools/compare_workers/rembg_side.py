"""rembg's side of ``compare_rembg.py``; runs in rembg's own environment."""

import json
import os
import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from time import perf_counter

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


def main() -> None:
    """Serve jobs until the input ends."""
    photo, mask, model, matting = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4] == "matting"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["U2NET_HOME"] = folder  # the one folder rembg takes models from
        path = Path(folder) / "network.onnx"
        if model:
            shutil.copy(model, path)
        else:
            network(np.load(mask), path)
        session = new_session("u2net_custom", model_path=str(path))
        data = photo.read_bytes()
        for line in sys.stdin:
            began = perf_counter()
            cutout = remove(Image.open(BytesIO(data)), session=session, alpha_matting=matting)
            picture = finish(cutout, line.strip())
            ms = (perf_counter() - began) * 1000
            peak = peak_kib()
            print(json.dumps({"ms": ms, "bytes": len(picture), "peak_kib": peak}), flush=True)


if __name__ == "__main__":
    main()
