"""Resizes split by channels: none is too large any more, and every number is as before."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="graphs are traced with torch, which the box does not carry")

from models import tflite_writer
from models.calibrate import affines, observe
from models.compare import Peeping
from models.graph import Graph, Resize, run, trace
from models.narrow import narrow_resizes
from models.u2net_lite import CONFIGS, Config, Stage, build
from packshot.errors import UsageError

LIMIT = 32 * 32 * 5  # of 8 channels at 32 px: two parts; of 12 at 16 px: none


@pytest.fixture(scope="module")
def graph() -> Graph:
    torch.manual_seed(1)
    network = build(Config("trial", 64, 8, (Stage(4, 8, 8), Stage(3, 6, 12))))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.bias.data.uniform_(-0.2, 0.4)
    return trace(network.eval(), 64)


def largest(graph: Graph) -> int:
    return max(int(np.prod(graph.shapes[op.output])) for op in graph.ops if isinstance(op, Resize))


def test_no_resize_is_larger_than_the_limit_and_the_result_is_the_same(graph: Graph) -> None:
    narrow, picture = narrow_resizes(graph, LIMIT), torch.randn(1, 3, 64, 64)

    assert largest(graph) > LIMIT >= largest(narrow)
    torch.testing.assert_close(run(narrow, picture)[narrow.output], run(graph, picture)[graph.output])
    assert {name: value.shape[1:] for name, value in run(narrow, picture).items()} == {
        name: torch.Size(shape) for name, shape in narrow.shapes.items()
    }


def test_int8_file_gives_the_same_integers(graph: Graph) -> None:
    narrow, pictures = narrow_resizes(graph, LIMIT), torch.randn(4, 3, 64, 64)
    masks = []
    for each in (graph, narrow):
        scales = affines(each, observe(each, [pictures]))
        masks.append(Peeping(tflite_writer.write(each, scales), each)(pictures[:1])[each.output])

    np.testing.assert_array_equal(masks[0], masks[1])


def test_graph_whose_resizes_are_small_stays_as_it_is(graph: Graph) -> None:
    assert narrow_resizes(graph, 10**6) is graph


def test_a_resize_that_two_operators_feed_on_before_cannot_be_split() -> None:
    published = trace(build(CONFIGS["u2netp"]), 64)
    with pytest.raises(UsageError, match="it cannot be split"):
        narrow_resizes(published, 64 * 64)
