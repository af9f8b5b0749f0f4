"""``python -m tests.update.driver ROOT REPOSITORY BOOT``: an install with real environments, to be killed."""

import dataclasses
import os
import sys
from pathlib import Path

from packshot.errors import PackshotError
from packshot.update.builder import VenvBuilder
from tests.update.house import House


def real_house(root: Path, boot: int) -> House:
    """A box with the real builder and the played daemon."""
    house = House(root, boot_number=boot)
    house.box = dataclasses.replace(house.box, builder=VenvBuilder(house.layout.memory / "scratch"))
    return house


def main(root: str, repository: str, boot: str) -> int:
    house = real_house(Path(root), int(boot))
    house.start()
    os.write(1, b"begin\n")
    try:
        house.install(Path(repository))
    except PackshotError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
