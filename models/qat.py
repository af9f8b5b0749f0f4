"""Quantisation-aware fine-tuning, for weights whose int8 model fails the gate (Jacob et al., CVPR 2018).

    python -m models.release ... --fine-tune 500

The folded graph itself is trained, so BatchNorm is frozen by construction: weights are rounded per channel and
activations to the calibrated int8 grid in the forward pass, gradients pass straight through. Scales stay as calibrated.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from models import losses
from models.augment import Mix, draw
from models.bank import Bank
from models.calibrate import Affine
from models.graph import Convolution, Graph, convolve, execute
from models.train import normalised

CLIP = 1.0


class FakeQuantised(nn.Module):
    """A graph that computes in float what the int8 model computes in integers; its weights can be trained."""

    def __init__(self, graph: Graph, affines: dict[str, Affine]) -> None:
        super().__init__()
        self._graph, self._affines = graph, affines
        kernels = [op for op in graph.ops if isinstance(op, Convolution)]
        self.weights = nn.ParameterDict({op.output: nn.Parameter(torch.from_numpy(op.weight.copy())) for op in kernels})
        self.biases = nn.ParameterDict({op.output: nn.Parameter(torch.from_numpy(op.bias.copy())) for op in kernels})

    def forward(self, x: Tensor) -> Tensor:
        """Logits of normalised pictures (B, 3, S, S), S being the size the graph was traced for."""
        values = {self._graph.input: self._round(self._graph.input, x)}
        for op in self._graph.ops:
            inputs = [values[name] for name in op.inputs]
            if isinstance(op, Convolution):
                y = convolve(op, inputs[0], _round_weight(self.weights[op.output]), self.biases[op.output])
            else:
                y = execute(op, inputs)
            values[op.output] = self._round(op.output, y)
        return values[self._graph.output]

    def _round(self, name: str, x: Tensor) -> Tensor:
        affine = self._affines[name]
        return torch.fake_quantize_per_tensor_affine(x, affine.scale, affine.zero_point, -128, 127)

    def trained(self) -> Graph:
        """The graph with the weights as they are now."""

        def update(op: Convolution) -> Convolution:
            weight, bias = self.weights[op.output], self.biases[op.output]
            return replace(op, weight=weight.detach().cpu().numpy(), bias=bias.detach().cpu().numpy())

        ops = tuple(update(op) if isinstance(op, Convolution) else op for op in self._graph.ops)
        return replace(self._graph, ops=ops)


def _round_weight(weight: Tensor) -> Tensor:
    """Symmetric per output channel, as ``calibrate.quantise_weight``."""
    scale = weight.detach().abs().amax((1, 2, 3)).clamp(min=1e-8) / 127.0
    zero = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -127, 127)


def fine_tune(
    graph: Graph, affines: dict[str, Affine], bank: Bank, steps: int, batch: int = 8, rate: float = 1e-5, seed: int = 2
) -> Graph:
    """Train the int8 graph for ``steps`` at its own input size; the learning rate falls to nothing."""
    network = FakeQuantised(graph, affines).to(bank.photos.device)
    optimiser = torch.optim.Adam(network.parameters(), rate)
    size = graph.shapes[graph.input][1]
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = rate * (1 - step / steps)
        drawn = draw(bank, Mix(), batch, size, seed, step)
        loss = losses.total([network(normalised(drawn.pictures))], drawn.masks, drawn.exact)
        if not np.isfinite(loss.item()):
            return graph  # better the model that was there
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimiser.step()
    return network.trained()
