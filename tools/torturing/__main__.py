"""``./tools/torture --cycles N --seed S --uploaders K``; imports little, because every process born here reads it."""

import sys


def main() -> int:
    """Run the loop with the arguments of the command line; returns the exit code."""
    from tools.torturing.run import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
