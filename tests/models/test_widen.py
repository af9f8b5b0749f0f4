"""A widened network computes what the narrower one computed, and what was added can learn."""

import pytest

torch = pytest.importorskip("torch", reason="training starts from torch, which the box does not carry")

from models.u2net_lite import Config, Stage, build
from models.widen import widen
from packshot.errors import UsageError

NARROW = ((4, 4, 8), (3, 6, 12))


def network(*stages: tuple[int, int, int]) -> torch.nn.Module:
    torch.manual_seed(1)
    built = build(Config("trial", 64, 8, tuple(Stage(*stage) for stage in stages))).train()
    with torch.no_grad():
        for _ in range(3):  # statistics of its own, which have to be taken over too
            built(torch.rand(2, 3, 64, 64))
    return built.eval()


@pytest.mark.parametrize("stages", [NARROW, ((4, 8, 8), (3, 6, 12)), ((4, 5, 10), (3, 12, 16))])
def test_widened_network_gives_the_same_masks(stages: tuple[tuple[int, int, int], ...]) -> None:
    narrow, wide = network(*NARROW), network(*stages)
    wide.load_state_dict(widen(narrow.state_dict(), wide))
    picture = torch.rand(1, 3, 64, 64)
    for before, after in zip(narrow(picture), wide(picture), strict=True):
        torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)


def test_what_was_added_gets_a_gradient_from_the_first_step() -> None:
    narrow, wide = network(*NARROW), network((4, 8, 8), (3, 6, 12))
    wide.load_state_dict(widen(narrow.state_dict(), wide))
    wide(torch.rand(1, 3, 64, 64))[-1].sum().backward()
    gradient = wide.encoder[0].up[-1].conv.weight.grad
    assert gradient is not None
    assert gradient[:, 4:8].abs().max() > 0


def test_narrower_network_is_refused() -> None:
    with pytest.raises(UsageError, match="does not fit into"):
        widen(network((4, 8, 8), (3, 6, 12)).state_dict(), network(*NARROW))


def test_network_of_other_levels_is_refused() -> None:
    with pytest.raises(UsageError, match="other blocks or levels"):
        widen(network(*NARROW).state_dict(), network((3, 4, 8), (3, 6, 12)))
