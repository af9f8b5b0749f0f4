"""A smaller network that begins with a larger one's channels computes what those channels compute."""

import pytest

torch = pytest.importorskip("torch", reason="training starts from torch, which the box does not carry")

from models.slim import slim
from models.u2net_lite import CONFIGS, Config, Stage, build
from packshot.errors import UsageError


def network(*stages: tuple[int, int, int]) -> torch.nn.Module:
    torch.manual_seed(1)
    return build(Config("trial", 64, 8, tuple(Stage(*stage) for stage in stages))).eval()


def test_same_shape_gives_the_same_network() -> None:
    big, small = network((4, 4, 8), (3, 4, 8)), build(Config("trial", 64, 8, (Stage(4, 4, 8), Stage(3, 4, 8)))).eval()
    small.load_state_dict(slim(big, small))
    picture = torch.rand(1, 3, 64, 64)
    assert torch.equal(big(picture)[-1], small(picture)[-1])


def test_first_block_of_fewer_channels_gives_the_leading_channels_of_the_larger_one() -> None:
    big, small = network((3, 6, 8), (3, 6, 12)), network((3, 6, 4), (3, 4, 6))
    small.load_state_dict(slim(big, small))
    stem = torch.rand(1, 8, 32, 32)
    assert torch.allclose(big.encoder[0].entry(stem)[:, :4], small.encoder[0].entry(stem), atol=1e-6)


def test_joined_inputs_keep_both_halves() -> None:
    big, small = network((3, 6, 8), (3, 6, 12)), network((3, 4, 8), (3, 4, 6))
    state = slim(big, small)
    weight, source = state["encoder.0.up.0.conv.weight"], big.state_dict()["encoder.0.up.0.conv.weight"]
    assert torch.equal(weight[:, :4], source[:4, :4])
    assert torch.equal(weight[:, 4:], source[:4, 6:10])


def test_block_of_fewer_levels_keeps_the_outer_ones() -> None:
    big, small = network((5, 4, 8), (3, 4, 8)), network((4, 4, 8), (3, 4, 8))
    state, source = slim(big, small), big.state_dict()
    assert torch.equal(state["encoder.0.down.0.conv.weight"], source["encoder.0.down.0.conv.weight"])
    assert torch.equal(state["encoder.0.up.2.conv.weight"], source["encoder.0.up.3.conv.weight"])


def test_larger_network_cannot_be_cut_out_of_a_smaller_one() -> None:
    with pytest.raises(UsageError, match="cannot be cut out of"):
        slim(network((3, 4, 8), (3, 4, 8)), network((3, 8, 8), (3, 4, 8)))


def test_released_small_is_a_part_of_the_default() -> None:
    slim(build(CONFIGS["default"]), build(CONFIGS["small"]))
