"""The port of an object store between box and uploader."""

from pathlib import Path
from typing import Protocol


class BlobStore(Protocol):
    """Takes files and gives out addresses for them. All raise RetryLater; keys are chosen by content."""

    def store(self, key: str, path: Path, size_bytes: int, sha256: str, content_type: str) -> None:
        """Put the file at the key; does nothing if it lies there already, so that a repetition costs nothing."""

    def url(self, key: str) -> str:
        """An address from which the uploader can fetch it now, signed if the store asks for that."""

    def remove(self, key: str) -> None:
        """Delete the file; missing is fine."""

    def close(self) -> None:
        """Let connections go; calling it again does nothing."""
