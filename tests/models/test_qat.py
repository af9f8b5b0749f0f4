"""Fine-tuning trains what the int8 model really computes."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fine-tuning needs torch, which the box does not carry")

from models import losses, qat, tflite_writer
from models.augment import Mix, draw
from models.bank import load_bank
from models.calibrate import affines, observe
from models.compare import Peeping
from models.graph import Graph, trace
from models.train import normalised
from models.u2net_lite import CONFIGS, build
from tests.models.tiny_data import write_tiny_data

SIDE = 64


@pytest.fixture(scope="module")
def graph() -> Graph:
    torch.manual_seed(3)
    return trace(build(CONFIGS["small"]), SIDE)


def test_forward_is_the_int8_model_to_a_few_steps_of_its_output(graph: Graph) -> None:
    pictures = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)).clamp(-2, 2)
    scales = affines(graph, observe(graph, [pictures]))
    int8 = Peeping(tflite_writer.write(graph, scales), graph)(pictures[:1])[graph.output]
    with torch.no_grad():
        fake = qat.FakeQuantised(graph, scales)(pictures[:1]).numpy()
    steps = np.abs(fake - int8) / scales[graph.output].scale
    assert steps.mean() < 2
    assert steps.max() < 12


def test_fine_tuning_lowers_the_loss_of_the_int8_model(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> None:
    bank = load_bank(write_tiny_data(tmp_path_factory.mktemp("data")), SIDE, torch.device("cpu"))
    batch = draw(bank, Mix(), 8, SIDE, seed=9, step=0)
    scales = affines(graph, observe(graph, [normalised(batch.pictures)]))
    scales[graph.output] = type(scales[graph.output])(0.08, 0)  # room for logits to grow

    def loss(of: Graph) -> float:
        with torch.no_grad():
            logits = qat.FakeQuantised(of, scales)(normalised(batch.pictures))
        return losses.total([logits], batch.masks, batch.exact).item()

    tuned = qat.fine_tune(graph, scales, bank, steps=25, rate=1e-3)
    assert loss(tuned) < 0.9 * loss(graph)
    assert [op.output for op in tuned.ops] == [op.output for op in graph.ops]
