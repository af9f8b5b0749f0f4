"""Blended weights lie on the line between the two they come from."""

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="weights are torch files, which the box does not carry")

from models import weights
from models.u2net_lite import CONFIGS, build


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_blend_lies_at_its_share(share: float) -> None:
    torch.manual_seed(0)
    old, new = build(CONFIGS["small"]), build(CONFIGS["small"])
    mixed = weights.blend(old, new, share)
    for key, value in mixed.items():
        expected = (1 - share) * old.state_dict()[key] + share * new.state_dict()[key]
        assert torch.allclose(value.float(), expected.float(), atol=1e-3), key
    assert mixed["stem.conv.weight"].dtype == torch.float16


def test_command_line_writes_weights_that_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("old", "new"):
        torch.save(build(CONFIGS["small"]).state_dict(), tmp_path / f"{name}.pt")
    files = [str(tmp_path / f"{name}.pt") for name in ("old", "new", "mixed")]
    monkeypatch.setattr(sys, "argv", ["weights", files[0], files[1], "--config", "small", "--out", files[2]])
    assert weights.main() == 0
    assert weights.load_weights(CONFIGS["small"], tmp_path / "mixed.pt") is not None


def test_weights_of_two_networks_are_not_blended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("small", "default"):
        torch.save(build(CONFIGS[name]).state_dict(), tmp_path / f"{name}.pt")
    files = [str(tmp_path / f"{name}.pt") for name in ("small", "default", "mixed")]
    monkeypatch.setattr(sys, "argv", ["weights", files[0], files[1], "--config", "small", "--out", files[2]])
    assert weights.main() == 2
    assert "another network than 'small'" in capsys.readouterr().err
    assert not (tmp_path / "mixed.pt").exists()
