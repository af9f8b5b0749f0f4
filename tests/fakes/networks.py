"""The stored tiny networks: a good one with its card, and those that an engine must refuse."""

import hashlib
from dataclasses import replace
from pathlib import Path

from packshot.matting.card import ModelCard
from packshot.platform.resources import load_card

FOLDER = Path(__file__).parent / "networks"


def tiny() -> tuple[ModelCard, Path]:
    """A 16 x 16 network that answers "bright is subject", with its card."""
    return load_card(FOLDER / "tiny.json")


def refused(name: str) -> tuple[ModelCard, Path]:
    """Another stored network under tiny's card, checksum put right: only what is inside gives it away."""
    path = FOLDER / name
    return with_sha256_of(tiny()[0], path.read_bytes()), path


def with_sha256_of(card: ModelCard, data: bytes) -> ModelCard:
    """The card with the checksum of other bytes."""
    return replace(card, sha256=hashlib.sha256(data).hexdigest())
