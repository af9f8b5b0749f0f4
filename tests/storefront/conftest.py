"""What the storefront's tests share: folders in memory, since box, uploader and shop flush at every step."""

from tests.support.memory import tmp_path as tmp_path
