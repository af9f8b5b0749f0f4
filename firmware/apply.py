"""Bring a board's boot configuration, kernel options and system files to what ``boards/`` says, or show the difference.

A board is made of layers: ``boards/common``, ``boards/BOARD``, and the extras that are asked for. A layer has
``files/`` (a tree that is copied as it stands) and ``layer.toml``:

    [blocks]   # file on the board -> file of the layer; kept between two marker lines at the file's end
    [words]    # file on the board -> words that its line of kernel options must have

Needs Python 3.11 and nothing else, because it runs before packshot is installed.
"""

import argparse
import difflib
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

BOARDS = Path(__file__).resolve().parent / "boards"
BEGIN, END = "# >>> packshot: written by firmware/apply, changes are lost", "# <<< packshot"
BACKUP = ".before-packshot"
Edit = Callable[[str], str]


@dataclass(frozen=True)
class Change:
    """One file that is not yet as it should be; ``before`` None means that it is missing."""

    path: Path
    before: str | None
    after: str
    mode: int
    edited: bool  # a file of the system's, of which the first state is kept


def main() -> int:
    """0 when nothing differs or all was applied, 1 when ``--diff`` found something, 2 when it cannot be done."""
    args = parse_arguments()
    try:
        changes = list(plan(layers_of(args.board, args.extras), args.root))
    except (OSError, ValueError) as error:
        print(f"firmware: {error}", file=sys.stderr)
        return 2
    if args.diff:
        sys.stdout.writelines(line for change in changes for line in difference(change, args.root))
        return 1 if changes else 0
    for change in changes:
        write(change)
        print(f"wrote {change.path}")
    print(f"{len(changes)} changes; restart the board" if changes else "nothing to change")
    return 0


def parse_arguments() -> argparse.Namespace:
    """Boards and extras are named by the folders that exist."""
    boards = sorted(folder.name for folder in BOARDS.iterdir() if folder.name != "common")
    extras = sorted({folder.name for folder in BOARDS.glob("*/extras/*")})
    parser = argparse.ArgumentParser(prog="firmware/apply", description="Make a stock board ours.")
    parser.add_argument("board", choices=boards)
    parser.add_argument("--with", dest="extras", action="append", default=[], choices=extras, metavar="EXTRA")
    parser.add_argument("--root", type=Path, default=Path("/"), help="the board's file system (default: /)")
    parser.add_argument("--diff", action="store_true", help="show what would change and change nothing")
    parser.epilog = f"extras: {', '.join(extras)}"
    return parser.parse_args()


def layers_of(board: str, extras: list[str]) -> list[Path]:
    """Folders of the layers, the most general first; raises ValueError for an extra this board does not have."""
    layers = [BOARDS / "common", BOARDS / board]
    for extra in extras:
        found = [layer / "extras" / extra for layer in layers[:2] if (layer / "extras" / extra).is_dir()]
        if not found:
            raise ValueError(f"{board} has no extra {extra}")
        layers += found
    return layers


def plan(layers: list[Path], root: Path) -> Iterator[Change]:
    """What is not yet as the layers want it; raises ValueError when a file to edit is missing or unfit."""
    yield from _copies(layers, root)
    for name, edits in _edits(layers).items():
        path = root / name
        if not path.is_file():
            raise ValueError(f"{path} does not exist; is this the right board, and its boot partition mounted?")
        before = path.read_text("utf-8")
        after = before
        for edit in edits:
            after = edit(after)
        if after != before:
            yield Change(path, before, after, path.stat().st_mode & 0o777, edited=True)


def _copies(layers: list[Path], root: Path) -> Iterator[Change]:
    wanted = {
        file.relative_to(layer / "files"): file
        for layer in layers
        for file in sorted((layer / "files").rglob("*"))
        if file.is_file()
    }
    for name, file in wanted.items():
        path, text, mode = root / name, file.read_text("utf-8"), 0o755 if os.access(file, os.X_OK) else 0o644
        before = path.read_text("utf-8") if path.is_file() else None
        if before != text or path.stat().st_mode & 0o777 != mode:
            yield Change(path, before, text, mode, edited=False)


def _edits(layers: list[Path]) -> dict[str, list[Edit]]:
    """File on the board -> its edits; the blocks of all layers are one block."""
    blocks: dict[str, str] = {}
    words: dict[str, list[str]] = {}
    for layer in layers:
        settings = layer / "layer.toml"
        table = tomllib.loads(settings.read_text("utf-8")) if settings.exists() else {}
        for name, source in table.get("blocks", {}).items():
            blocks[name] = blocks.get(name, "") + (layer / source).read_text("utf-8")
        for name, wanted in table.get("words", {}).items():
            words.setdefault(name, []).extend(wanted)
    edits: dict[str, list[Edit]] = {name: [_block_edit(text)] for name, text in blocks.items()}
    for name, wanted in words.items():
        edits.setdefault(name, []).append(_words_edit(name, wanted))
    return edits


def _block_edit(block: str) -> Edit:
    return lambda text: with_block(text, block)


def _words_edit(name: str, wanted: list[str]) -> Edit:
    return lambda text: with_append(text, wanted) if name.endswith("extlinux.conf") else with_words(text, wanted)


def with_block(text: str, block: str) -> str:
    """The text with the block between its markers at the end, an older one replaced."""
    found = re.compile(rf"\n*{re.escape(BEGIN)}\n.*?{re.escape(END)}\n?", re.S)
    rest = found.sub("\n", text).rstrip("\n")
    return f"{rest}\n\n{BEGIN}\n{block.rstrip()}\n{END}\n".lstrip("\n")


def with_words(line: str, wanted: list[str]) -> str:
    """A line of kernel options with the wanted words; ``name=value`` replaces an older value of that name."""
    words = line.split()
    for word in wanted:
        name, equals, _ = word.partition("=")
        same = [old for old in words if old == word or (equals and old.startswith(f"{name}="))]
        if same != [word]:
            words = [old for old in words if old not in same] + [word]
    return " ".join(words) + "\n"


def with_append(text: str, wanted: list[str]) -> str:
    """extlinux.conf with the words on the APPEND line of every entry; raises ValueError if there is none."""
    found = re.compile(r"^(\s*APPEND[ \t]+)(.*)$", re.M)
    if not found.search(text):
        raise ValueError("extlinux.conf has no APPEND line")
    return found.sub(lambda line: line[1] + with_words(line[2], wanted).rstrip("\n"), text)


def difference(change: Change, root: Path) -> Iterator[str]:
    """A unified diff, with the mode where a file is new."""
    name = change.path.relative_to(root)
    if change.before is None:
        yield f"new file, mode {change.mode:o}\n"
    elif change.before == change.after:
        yield f"{name}: mode becomes {change.mode:o}\n"
    before, after = (change.before or "").splitlines(True), change.after.splitlines(True)
    yield from difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")


def write(change: Change) -> None:
    """The whole file or none of it, flushed: a board that loses power here must still boot."""
    change.path.parent.mkdir(parents=True, exist_ok=True)
    backup = change.path.with_name(change.path.name + BACKUP)
    if change.edited and change.before is not None and not backup.exists():
        _write_file(backup, change.before, change.mode)
    _write_file(change.path, change.after, change.mode)


def _write_file(path: Path, text: str, mode: int) -> None:
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.chmod(mode)
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


if __name__ == "__main__":
    sys.exit(main())
