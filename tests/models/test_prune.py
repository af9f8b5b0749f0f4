"""A narrower network that is fitted to a wider one does what that one does, as far as its channels go."""

import pytest

torch = pytest.importorskip("torch", reason="training starts from torch, which the box does not carry")

from models.prune import execution_order, prune, representatives
from models.u2net_lite import Config, Stage, build
from packshot.errors import UsageError

SHAPES = ((4, 8, 8), (3, 8, 16))


def network(seed: int, decoder: tuple[int, int, int] = (4, 8, 8), *stages: tuple[int, int, int]) -> torch.nn.Module:
    torch.manual_seed(seed)
    shapes = tuple(Stage(*stage) for stage in stages or SHAPES)
    return build(Config("trial", 64, 8, shapes, decoder=(Stage(*decoder),))).eval()


def pictures(count: int = 3) -> list[torch.Tensor]:
    torch.manual_seed(5)
    return [torch.rand(2, 3, 64, 64) for _ in range(count)]


def with_copied_channels(big: torch.nn.Module) -> None:
    """Every second channel of the decoder's block says the same as the one before it."""
    with torch.no_grad():
        for values in (*big.decoder.parameters(), *big.decoder.buffers()):
            if values.ndim and len(values) == 8:
                values[1::2] = values[::2].clone()


def test_channels_that_say_the_same_can_be_left_out_without_loss() -> None:
    big, small = network(1), network(2, (4, 4, 4))
    with_copied_channels(big)

    prune(big, small, pictures())

    picture = torch.rand(1, 3, 64, 64)
    assert torch.allclose(small(picture)[-1], big(picture)[-1].clamp(-8, 8), atol=2e-3)


def test_half_the_channels_come_nearer_when_they_are_fitted_than_by_chance() -> None:
    big, small, other = network(1), network(2, (4, 4, 4)), network(3, (4, 4, 4))

    prune(big, small, pictures())

    picture = torch.rand(1, 3, 64, 64)
    wanted = big(picture)[-1]
    error, by_chance = ((net(picture)[-1] - wanted).std() for net in (small, other))
    assert error < by_chance / 2


def test_a_network_of_the_same_shape_becomes_the_same() -> None:
    big, small = network(1), network(2)

    prune(big, small, pictures(1))

    picture = torch.rand(1, 3, 64, 64)
    assert torch.equal(small(picture)[-1], big(picture)[-1])


def test_layers_before_the_first_narrower_one_stay_as_they_are() -> None:
    big, small = network(1), network(2, (4, 4, 4))

    prune(big, small, pictures(1))

    for name, values in big.encoder.state_dict().items():
        assert torch.equal(small.encoder.state_dict()[name], values), name


def test_a_network_of_other_levels_is_refused() -> None:
    with pytest.raises(UsageError, match="other blocks or levels"):
        prune(network(1), network(2, (3, 8, 8)), pictures(1))


def test_channels_are_chosen_from_which_the_others_follow() -> None:
    values = torch.randn(3, 1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mixed = torch.stack([values[0], values[0] * 2, values[1], values[0] - values[1], values[2] * 0.5])

    kept = representatives([torch.cov(mixed)], 3)

    assert kept == sorted(kept)
    assert torch.linalg.matrix_rank(mixed[kept]) == len(kept) == 3


def test_layers_are_listed_as_they_run() -> None:
    order = execution_order(network(1), torch.rand(1, 3, 64, 64))

    assert order[0] == "stem"
    assert order.index("lateral.0") < order.index("decoder.0.entry") < order.index("decoder.0.bottom")
    assert order[-1] == "head.0"
