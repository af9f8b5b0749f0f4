"""What the contracts' tests share: folders in memory, since a storefront flushes every picture it takes."""

from tests.support.memory import tmp_path as tmp_path
