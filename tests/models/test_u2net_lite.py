"""The network's shape: budgets kept, published figures met, geometry as TFLite sees it."""

import pytest

torch = pytest.importorskip("torch", reason="the network is defined in torch, which the box does not carry")

from models.u2net_lite import CONFIGS, build, multiple, multiply_accumulates, parameter_count

BUDGET_GMAC = {"small": 0.7, "default": 3.0, "large": 6.0}


@pytest.mark.parametrize("name", BUDGET_GMAC)
def test_variant_keeps_its_budget(name: str) -> None:
    config = CONFIGS[name]
    assert multiply_accumulates(build(config), config.input_size) <= BUDGET_GMAC[name] * 1e9


def test_published_small_u2net_has_the_published_parameters_and_arithmetic() -> None:
    network = build(CONFIGS["u2netp"])
    assert parameter_count(network) == 1_131_181
    assert multiply_accumulates(network, 320) == pytest.approx(19.8e9, rel=0.01)


def test_macs_of_one_convolution_by_hand() -> None:
    layer = torch.nn.Conv2d(3, 8, 3, padding=1)
    assert multiply_accumulates(layer, 10) == 10 * 10 * 8 * 3 * 9


@pytest.mark.parametrize("name", BUDGET_GMAC)
def test_logit_maps_double_up_to_half_the_input(name: str) -> None:
    config = CONFIGS[name]
    side = 2 * multiple(config)
    logits = build(config).eval()(torch.zeros(2, 3, side, side))
    assert [tuple(x.shape) for x in logits] == [(2, 1, side // n, side // n) for n in (16, 8, 4, 2)]
    assert config.input_size % multiple(config) == 0


def test_published_network_gives_six_maps_and_their_fusion_at_full_size() -> None:
    maps = build(CONFIGS["u2netp"]).eval()(torch.zeros(1, 3, 64, 64))
    assert [tuple(x.shape) for x in maps] == [(1, 1, 64, 64)] * 7


def test_stem_reads_no_pixel_left_of_or_above_its_own() -> None:
    stem = build(CONFIGS["small"]).eval().stem
    picture = torch.zeros(1, 3, 16, 16, requires_grad=True)
    stem.conv(stem.pad(picture))[0, :, 2, 3].sum().backward()
    touched = picture.grad[0].abs().sum(0).nonzero()
    assert touched.min(0).values.tolist() == [4, 6]  # rows 4-6, columns 6-8: TFLite's SAME at stride 2
    assert touched.max(0).values.tolist() == [6, 8]
