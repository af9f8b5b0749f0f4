"""A narrower network begins with what it can reproduce of a wider one: channels chosen, layers fitted one by one.

    python -m models.prune --big default --small slender --weights models/weights/u2net-lite-default.pt --out START.pt

Where a layer has fewer channels, those stay that explain the others best. Then every layer, in the order of execution,
is fitted by least squares: from what the narrower network gives it, it is to make what the wider one makes of its own
(after "Channel pruning for accelerating very deep neural networks", He et al., ICCV 2017, and the asymmetric fit of
"Accelerating very deep convolutional networks", Zhang et al., TPAMI 2016). Blocks and levels must be the same. The
result is for ``models.train --warm``.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.augment import Mix, draw
from models.bank import load_bank
from models.checkpoint import half
from models.train import normalised
from models.u2net_lite import CONFIGS, RSU, ConvBlock, build
from models.weights import load_weights
from packshot.errors import PackshotError, UsageError

POINTS = 3000  # of each picture that a layer is fitted to
RIDGE = 1e-5  # of the mean square of its inputs
LOGIT_LIMIT = 8.0  # what lies beyond is as good as sure
UNSURE = 5.0  # logits nearer to zero than this lie at outlines
OUTLINE_WEIGHT = 5.0  # of those
PER_BATCH = 8
OF_EACH_KIND = 400  # pictures that the batches are drawn from

Batches = Sequence[Tensor]
Channels = dict[str, list[int]]


def prune(big: nn.Module, small: nn.Module, batches: Batches) -> None:
    """Give ``small`` the weights with which it does most nearly what ``big`` does with ``batches`` (B, 3, S, S).

    Both are put in evaluation mode. Raises UsageError if ``small`` has other blocks or levels.
    """
    names = execution_order(small.eval(), batches[0][:1])
    if names != execution_order(big.eval(), batches[0][:1]):
        raise UsageError("the networks have other blocks or levels; only channels can be left out")
    kept = choose_channels(big, small, batches)
    changed = [_shape(big, name) != _shape(small, name) for name in names]
    first = changed.index(True) if any(changed) else len(names)
    for name in names[:first]:
        small.get_submodule(name).load_state_dict(big.get_submodule(name).state_dict())
    for name in names[first:]:
        _fit(big, small, name, kept[name], batches)


def execution_order(network: nn.Module, picture: Tensor) -> list[str]:
    """Names of the convolution blocks and of the convolutions outside them, as they are executed."""
    order: list[str] = []
    with _watched(network, _layers(network), lambda name, _inputs, _output: order.append(name)), torch.no_grad():
        network(picture)
    return order


def _layers(network: nn.Module) -> list[str]:
    blocks = [name for name, module in network.named_modules() if isinstance(module, ConvBlock)]
    bare = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    return [*blocks, *(name for name in bare if name.removesuffix(".conv") not in blocks)]


@contextmanager
def _watched(network: nn.Module, names: Sequence[str], see: Callable[[str, Any, Tensor], None]) -> Iterator[None]:
    """Calls ``see`` with name, inputs and output of every module that has run."""

    def hook(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda _module, inputs, output: see(name, inputs, output)

    handles = [network.get_submodule(name).register_forward_hook(hook(name)) for name in names]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _convolution(network: nn.Module, name: str) -> nn.Conv2d:
    layer = network.get_submodule(name)
    found = layer.conv if isinstance(layer, ConvBlock) else layer
    if not isinstance(found, nn.Conv2d):
        raise TypeError(name)
    return found


def _shape(network: nn.Module, name: str) -> torch.Size:
    return _convolution(network, name).weight.shape


def choose_channels(big: nn.Module, small: nn.Module, batches: Batches) -> Channels:
    """Which channels of each of the wider network's layers the narrower one keeps, in rising order.

    The first and the last layer of a block are added up, and so keep the same.
    """
    blocks = {name: module for name, module in small.named_modules() if isinstance(module, RSU)}
    layers = _layers(small)
    seen = _covariances(big, [*layers, *blocks], batches)
    kept = {name: representatives([seen[name]], _shape(small, name)[0]) for name in layers}
    for name, block in blocks.items():
        entry, last = f"{name}.entry", f"{name}.up.{len(block.up) - 1}"
        kept[entry] = kept[last] = representatives([seen[entry], seen[name]], _shape(small, entry)[0])
    return kept


def _covariances(network: nn.Module, names: Sequence[str], batches: Batches) -> dict[str, Tensor]:
    """(C, C) float64 of every module's output, over all places of all pictures."""
    sums: dict[str, Tensor] = {}

    def add(name: str, _inputs: Any, output: Tensor) -> None:
        values = output.transpose(0, 1).flatten(1).double()
        values = torch.cat([values, values.new_ones(1, values.shape[1])])
        sums[name] = sums.get(name, 0) + values @ values.T

    with _watched(network, names, add), torch.no_grad():
        for batch in batches:
            network(batch)
    return {name: _covariance(total / total[-1, -1]) for name, total in sums.items()}


def _covariance(moments: Tensor) -> Tensor:
    """From second moments of values with a one behind them."""
    mean = moments[:-1, -1]
    return moments[:-1, :-1] - torch.outer(mean, mean)


def representatives(covariances: Sequence[Tensor], count: int) -> list[int]:
    """The ``count`` channels from which the others follow best, one after the other; in rising order.

    Each of the (C, C) ``covariances`` counts the same, whatever its scale.
    """
    left = [matrix / matrix.trace().clamp(min=1e-30) for matrix in covariances]
    if count >= len(left[0]):
        return list(range(count))
    chosen: list[int] = []
    for _ in range(count):
        gain = torch.stack([matrix.square().sum(0) / (matrix.diagonal() + 1e-9) for matrix in left]).sum(0)
        gain[chosen] = -1.0
        best = int(gain.argmax())
        chosen.append(best)
        left = [matrix - torch.outer(matrix[best], matrix[best]) / (matrix[best, best] + 1e-12) for matrix in left]
    return sorted(chosen)


@torch.no_grad()
def _fit(big: nn.Module, small: nn.Module, name: str, kept: list[int], batches: Batches) -> None:
    """Give one layer the weights that make most nearly what the same layer of ``big`` makes."""
    layer, convolution, source = small.get_submodule(name), _convolution(small, name), big.get_submodule(name)
    squares, products = torch.zeros(()), torch.zeros(())
    for number, batch in enumerate(batches):
        inputs = _seen(small, convolution, batch)[0]
        x, y = _points(inputs, _seen(big, _convolution(big, name), batch)[1][:, kept], convolution, number)
        squares, products = squares + x @ x.T, products + x @ y.T
    slack = RIDGE * squares.diagonal()[:-1].mean() + 1e-9
    squares.diagonal()[:-1].add_(slack)
    solved = torch.linalg.solve(squares, products).float()  # (inputs + 1, outputs)
    convolution.weight.copy_(solved[:-1].T.reshape(convolution.weight.shape))
    if convolution.bias is not None:
        convolution.bias.copy_(solved[-1])
    if isinstance(layer, ConvBlock) and isinstance(source, ConvBlock):
        for part in ("weight", "bias", "running_mean", "running_var"):
            getattr(layer.norm, part).copy_(getattr(source.norm, part)[kept])
        layer.norm.get_buffer("running_mean").sub_(solved[-1])


def _seen(network: nn.Module, convolution: nn.Conv2d, batch: Tensor) -> tuple[Tensor, Tensor]:
    """Input and output of one convolution."""
    found: list[tuple[Tensor, Tensor]] = []
    handle = convolution.register_forward_hook(lambda _layer, inputs, output: found.append((inputs[0], output)))
    try:
        network(batch)
    finally:
        handle.remove()
    return found[0]


def _points(inputs: Tensor, outputs: Tensor, convolution: nn.Conv2d, seed: int) -> tuple[Tensor, Tensor]:
    """What lies under the kernel, and a one, (C * kernel² + 1, N), and what is to come of it, (D, N); float64.

    Logits, of one channel, are cut at ``LOGIT_LIMIT``; those at outlines count more.
    """
    kernel = convolution.kernel_size[0]
    under = functional.unfold(inputs, kernel, padding=kernel // 2)
    places = torch.randperm(under.shape[2], generator=torch.Generator().manual_seed(seed))[:POINTS]
    x = under[:, :, places].transpose(0, 1).flatten(1).double()
    y = outputs.flatten(2)[:, :, places].transpose(0, 1).flatten(1).double()
    x = torch.cat([x, x.new_ones(1, x.shape[1])])
    if convolution.out_channels > 1:
        return x, y
    share = torch.where(y.abs() < UNSURE, OUTLINE_WEIGHT, 1.0).sqrt()  # squares of the misfit are summed
    return x * share, y.clamp(-LOGIT_LIMIT, LOGIT_LIMIT) * share


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--big", choices=CONFIGS, required=True)
    parser.add_argument("--small", choices=CONFIGS, required=True)
    parser.add_argument("--weights", type=Path, required=True, help="of the wider network")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of tar files and lists")
    parser.add_argument("--pictures", type=int, default=48, help="to fit to")
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    try:
        small, size = build(CONFIGS[args.small]), CONFIGS[args.small].input_size
        bank = load_bank(args.data, size, torch.device("cpu"), OF_EACH_KIND)
        drawn = [draw(bank, Mix(), PER_BATCH, size, args.seed, step) for step in range(args.pictures // PER_BATCH)]
        prune(load_weights(CONFIGS[args.big], args.weights), small, [normalised(batch.pictures) for batch in drawn])
    except PackshotError as error:
        print(f"prune: {error}", file=sys.stderr)
        return error.exit_code
    torch.save(half(small.state_dict()), args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
