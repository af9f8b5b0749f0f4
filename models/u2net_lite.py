"""U²-Net-lite: nested U-structures that fit a Raspberry Pi and an Edge TPU.

After "U²-Net: Going Deeper with Nested U-Structure for Salient Object Detection" (Qin et al., Pattern Recognition
2020). What differs: a stride-2 stem keeps every block at half resolution or below, skips between stages are added
through 1x1 convolutions, resizing is nearest x2 (the same in every resize convention), RSU-4F with its dilations is
gone, and the deployed network gives one logit map at half the input size; sigmoid and upsampling belong to the host.

    python -m models.u2net_lite        prints parameters and multiply-accumulates of every configuration
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Stage:
    """One RSU block: ``height`` levels, ``mid`` channels inside, ``out`` channels at its end."""

    height: int
    mid: int
    out: int
    dilated: bool = False  # RSU-4F: dilation 1, 2, 4, 8 instead of pooling; no Edge TPU maps it


@dataclass(frozen=True)
class Config:
    """A variant of the network; ``input_size`` is the side of the square it is released for.

    ``decoder`` are the stages on the way up, deepest first; where there are none they mirror those on the way down.
    """

    name: str
    input_size: int
    stem: int  # channels of the stride-2 stem; 0 = no stem, work at full resolution
    stages: tuple[Stage, ...]
    published: bool = False  # concatenated skips, bilinear, six fused side outputs as in the paper
    decoder: tuple[Stage, ...] = ()

    @property
    def upward(self) -> tuple[Stage, ...]:
        """The decoder's stages, deepest first."""
        return self.decoder or self.stages[-2::-1]


def _stages(*shape: tuple[int, int, int]) -> tuple[Stage, ...]:
    return tuple(Stage(*stage) for stage in shape)


CONFIGS = {
    config.name: config
    for config in (
        Config("small", 256, 16, _stages((5, 8, 16), (4, 16, 32), (4, 24, 48), (3, 48, 96), (3, 64, 128))),
        Config("default", 384, 16, _stages((6, 16, 16), (5, 32, 32), (4, 32, 64), (3, 64, 128), (3, 96, 192))),
        Config(
            "slender",
            384,
            16,
            _stages((6, 16, 16), (5, 32, 32), (4, 32, 64), (3, 64, 128), (3, 48, 96)),
            decoder=_stages((3, 32, 64), (4, 16, 32), (5, 16, 16), (6, 8, 8)),
        ),
        Config("large", 448, 20, _stages((6, 16, 20), (5, 32, 48), (4, 56, 112), (3, 72, 144), (3, 96, 192))),
        Config(
            "u2netp",
            320,
            0,
            (*_stages((7, 16, 64), (6, 16, 64), (5, 16, 64), (4, 16, 64)), *2 * (Stage(4, 16, 64, dilated=True),)),
            published=True,
        ),
    )
}


class ConvBlock(nn.Module):
    """3x3 convolution, BatchNorm, ReLU6: (B, in, H, W) -> (B, out, H / stride, W / stride)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        # Stride 2 pads right and bottom, which is TFLite's SAME; torch's symmetric padding would need a PAD operator.
        self.pad = nn.ZeroPad2d((0, 1, 0, 1)) if stride == 2 else nn.Identity()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, stride, padding=0 if stride == 2 else 1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, normalise, clip."""
        return functional.relu6(self.norm(self.conv(self.pad(x))))


class RSU(nn.Module):
    """Residual U-block: (B, in, H, W) -> (B, out, H, W); H and W divide by 2 ** (height - 2)."""

    def __init__(self, channels_in: int, stage: Stage) -> None:
        super().__init__()
        mid, out, inner = stage.mid, stage.out, stage.height - 2
        self.entry = ConvBlock(channels_in, out)
        self.down = nn.ModuleList([ConvBlock(out, mid), *(ConvBlock(mid, mid) for _ in range(inner))])
        self.bottom = ConvBlock(mid, mid)
        self.up = nn.ModuleList([*(ConvBlock(2 * mid, mid) for _ in range(inner)), ConvBlock(2 * mid, out)])

    def forward(self, x: Tensor) -> Tensor:
        """Down the levels and up again, plus the entry."""
        entry = self.entry(x)
        skips = [self.down[0](entry)]  # (B, mid, H, W)
        for block in list(self.down)[1:]:
            skips.append(block(functional.max_pool2d(skips[-1], 2)))  # (B, mid, H / 2, W / 2) and so on down
        x = self.bottom(skips[-1])
        for level, block in enumerate(self.up):
            if level:
                x = _double(x)
            x = block(torch.cat([x, skips[-1 - level]], 1))  # 2 mid channels in; the last gives ``out``
        total: Tensor = entry + x
        return total


class U2NetLite(nn.Module):
    """The whole network: (B, 3, S, S) normalised RGB -> logits, coarsest first, the last (B, 1, S / 2, S / 2).

    The outputs before the last supervise the decoder's deeper stages in training and are cut away in the export.
    S must divide by ``multiple``.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        outs, upward = [stage.out for stage in config.stages], [stage.out for stage in config.upward]
        skips, deep = outs[-2::-1], [outs[-1], *upward[:-1]]
        self.stem = ConvBlock(3, config.stem, stride=2)
        self.encoder = nn.ModuleList(map(RSU, [config.stem, *outs[:-1]], config.stages))
        self.lateral = nn.ModuleList(nn.Conv2d(below, skip, 1) for below, skip in zip(deep, skips, strict=True))
        self.decoder = nn.ModuleList(map(RSU, skips, config.upward))
        self.head = nn.ModuleList(nn.Conv2d(out, 1, 3, padding=1) for out in upward)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Logit maps, coarsest first."""
        x = self.stem(x)  # (B, stem, S / 2, S / 2)
        skips: list[Tensor] = []
        for stage, block in enumerate(self.encoder):
            x = block(functional.max_pool2d(x, 2) if stage else x)  # S / 2, S / 4 ... S / 32
            skips.append(x)
        logits = []
        for lateral, block, head, skip in zip(self.lateral, self.decoder, self.head, skips[-2::-1], strict=True):
            x = block(_double(lateral(x)) + skip)  # S / 16 ... S / 2
            logits.append(head(x))
        return logits


class PublishedRSU(nn.Module):
    """RSU-L and RSU-4F as published: ReLU, biased convolutions, bilinear resizing, ceil-mode pooling or dilation."""

    def __init__(self, channels_in: int, stage: Stage) -> None:
        super().__init__()
        mid, out, height = stage.mid, stage.out, stage.height
        self.dilated = stage.dilated
        rate = [2**level if stage.dilated else 1 for level in range(height)]
        self.entry = published_conv(channels_in, out)
        self.down = nn.ModuleList(
            published_conv(mid if level else out, mid, rate[level]) for level in range(height - 1)
        )
        self.bottom = published_conv(mid, mid, rate[-1] if stage.dilated else 2)
        self.up = nn.ModuleList(
            published_conv(2 * mid, mid if level else out, rate[level]) for level in reversed(range(height - 1))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Down the levels and up again, plus the entry."""
        entry = self.entry(x)
        skips: list[Tensor] = []
        x = entry
        for level, block in enumerate(self.down):
            pooled = level > 0 and not self.dilated
            x = block(functional.max_pool2d(x, 2, ceil_mode=True) if pooled else x)
            skips.append(x)
        x = self.bottom(x)
        for block, skip in zip(self.up, reversed(skips), strict=True):
            x = block(torch.cat([_like(x, skip), skip], 1))
        total: Tensor = entry + x
        return total


class U2NetPublished(nn.Module):
    """U²-Net as published: (B, 3, S, S) -> six side logit maps and their fusion, all (B, 1, S, S), the fusion last."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        outs = [stage.out for stage in config.stages]
        self.encoder = nn.ModuleList(map(PublishedRSU, [3, *outs[:-1]], config.stages))
        self.decoder = nn.ModuleList(PublishedRSU(2 * stage.out, stage) for stage in config.stages[-2::-1])
        self.side = nn.ModuleList(nn.Conv2d(out, 1, 3, padding=1) for out in reversed(outs))
        self.fuse = nn.Conv2d(len(outs), 1, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Six side maps and their fusion."""
        size = x
        skips: list[Tensor] = []
        for stage, block in enumerate(self.encoder):
            x = block(functional.max_pool2d(x, 2, ceil_mode=True) if stage else x)
            skips.append(x)
        maps = [self.side[0](x)]
        for block, side, skip in zip(self.decoder, list(self.side)[1:], skips[-2::-1], strict=True):
            x = block(torch.cat([_like(x, skip), skip], 1))
            maps.append(side(x))
        maps = [_like(logit, size) for logit in maps]
        return [*maps, self.fuse(torch.cat(maps, 1))]


def published_conv(channels_in: int, channels_out: int, dilation: int = 1) -> nn.Sequential:
    """3x3 convolution with bias and dilation, BatchNorm, ReLU."""
    conv = nn.Conv2d(channels_in, channels_out, 3, padding=dilation, dilation=dilation)
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out), nn.ReLU())


def _double(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 2 H, 2 W), nearest."""
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def _like(x: Tensor, reference: Tensor) -> Tensor:
    return functional.interpolate(x, size=reference.shape[-2:], mode="bilinear", align_corners=False)


def build(config: Config) -> nn.Module:
    """A freshly initialised network of this configuration, in training mode."""
    return U2NetPublished(config) if config.published else U2NetLite(config)


def multiple(config: Config) -> int:
    """Input sides must divide by this: one halving for the stem, one per stage, and those inside each stage."""
    return int(2 ** max((config.stem > 0) + n + stage.height - 2 for n, stage in enumerate(config.stages)))


def parameter_count(network: nn.Module) -> int:
    """Number of trained values, BatchNorm's included."""
    return sum(parameter.numel() for parameter in network.parameters())


def multiply_accumulates(network: nn.Module, size: int, deployed: bool = True) -> int:
    """Multiply-accumulates of all convolutions for one (3, size, size) picture.

    ``deployed`` leaves out the side outputs that only training needs.
    """
    total = 0

    def count(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output[0, 0].numel() * module.weight.numel()

    skipped = set(list(network.head)[:-1]) if deployed and isinstance(network, U2NetLite) else set()
    hook: Callable[..., None] = count
    handles = [m.register_forward_hook(hook) for m in network.modules() if m not in skipped]
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, size, size))
    for handle in handles:
        handle.remove()
    return total


def main() -> None:
    """Print one line per configuration."""
    print(f"{'config':10}{'input':>6}{'parameters':>12}{'GMAC':>8}")
    for config in CONFIGS.values():
        network = build(config)
        gmac = multiply_accumulates(network, config.input_size) / 1e9
        print(f"{config.name:10}{config.input_size:6}{parameter_count(network):12,}{gmac:8.2f}")


if __name__ == "__main__":
    main()
