"""The released networks in every runtime, beside U²-Net† as rembg runs it: medians and ratios of interleaved runs.

    python -m tools.bench_model [--rounds 30] [--json FILE]

LiteRT and onnxruntime run in the environment of this checkout, tflite-runtime in the one that ``test-tflite-runtime``
makes (Python 3.11; left out where it is missing, and said so). Every engine has a process of its own; all run once a
round, so that a noisy machine is noisy for each. U²-Net† has its published shape and random weights.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tools.bench_workers import single_ops, u2netp_onnx

WORKER = Path(__file__).with_name("bench_workers") / "network_side.py"
RELEASED = Path(__file__).parents[1] / "models" / "released"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
OLD_RUNTIME = CACHE / "packshot/tflite-runtime/bin/python"
REFERENCE = ("onnxruntime", "U²-Net† float", 1)
# int8 GMAC/s of one thread: Cortex-A72 without dot product; Cortex-A76 with it (published XNNPACK figures)
BOARDS = {"Raspberry Pi 4": 19.0, "Raspberry Pi 5": 95.0}


@dataclass(frozen=True)
class Candidate:
    """One engine with one network on so many threads."""

    engine: str
    network: str
    path: Path
    threads: int

    @property
    def key(self) -> tuple[str, str, int]:
        """What its row is called."""
        return self.engine, self.network, self.threads


class Worker:
    """A candidate in a process of its own."""

    def __init__(self, candidate: Candidate) -> None:
        python = str(OLD_RUNTIME) if candidate.engine == "tflite-runtime" else sys.executable
        command = [python, str(WORKER), candidate.engine, str(candidate.path), str(candidate.threads)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def run(self) -> float:
        """Milliseconds of one inference; raises OSError if the worker has died."""
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("the worker has no pipes")
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise OSError(f"{' '.join(self._process.args[1:])} died")  # type: ignore[arg-type, index]
        return float(answer)

    def close(self) -> None:
        """Let the process end."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(30)


def released() -> dict[str, Path]:
    """Configuration -> its .tflite."""
    index = json.loads((RELEASED / "released.json").read_text())
    cards = {name: json.loads((RELEASED / card).read_text()) for name, card in index.items() if "." not in name}
    return {name: RELEASED / card["runtime"]["file"] for name, card in cards.items()}


def candidates(published: Path) -> Iterator[Candidate]:
    """Every engine with every network it can run, on one and two threads."""
    for threads in (1, 2):
        yield Candidate("onnxruntime", "U²-Net† float", published, threads)
        for name, path in released().items():
            yield Candidate("litert", f"{name} int8", path, threads)
            if OLD_RUNTIME.exists():
                yield Candidate("tflite-runtime", f"{name} int8", path, threads)
            for ending, kind in ((".onnx", "float"), (".int8.onnx", "int8")):
                twin = path.with_name(path.name.replace(".int8.tflite", ending))
                if twin.exists():
                    yield Candidate("onnxruntime", f"{name} {kind}", twin, threads)


def measure(chosen: list[Candidate], rounds: int) -> dict[tuple[str, str, int], float]:
    """Median milliseconds of each, all run once a round."""
    workers = {candidate.key: Worker(candidate) for candidate in chosen}
    times: dict[tuple[str, str, int], list[float]] = {key: [] for key in workers}
    for _ in range(rounds):
        for key, worker in workers.items():
            times[key].append(worker.run())
    for worker in workers.values():
        worker.close()
    return {key: median(values) for key, values in times.items()}


def print_times(medians: dict[tuple[str, str, int], float]) -> None:
    """A row a candidate, with how many times faster than the reference it is."""
    print("| engine | network | threads | ms | against U²-Net† float, 1 thread |\n|---|---|---|---|---|")
    for (engine, network, threads), ms in medians.items():
        print(f"| {engine} | {network} | {threads} | {ms:.1f} | {medians[REFERENCE] / ms:.1f} |")


def print_profile(name: str, path: Path) -> None:
    """Share of each kind of operator, and the five dearest operators, of LiteRT on one thread."""
    rows = list(single_ops.profile(path))
    total = sum(ms for _, _, ms in rows)
    kinds: Counter[str] = Counter()
    for kind, _, ms in rows:
        kinds[kind] += ms  # type: ignore[assignment]  # a Counter adds floats as well
    print(f"\n{name}: operators alone, LiteRT, 1 thread (sum {total:.1f} ms)")
    print("  " + ", ".join(f"{kind} {100 * ms / total:.0f} %" for kind, ms in kinds.most_common()))
    dearest = sorted(rows, key=lambda row: -row[2])[:5]
    print("  dearest: " + ", ".join(f"{label} {ms:.2f} ms" for _, label, ms in dearest))


def print_predictions() -> None:
    """What boards should take, from their arithmetic alone."""
    print("\nPredicted, not measured: network alone, 1 thread, ms\n\n| network | " + " | ".join(BOARDS) + " |")
    print("|---" * (len(BOARDS) + 1) + "|")
    for name, path in released().items():
        gmac = json.loads(path.with_name(path.name.replace(".int8.tflite", ".json")).read_text())["network"]["gmac"]
        print(f"| {name} int8 | " + " | ".join(f"{1000 * gmac / speed:.0f}" for speed in BOARDS.values()) + " |")


def main() -> None:
    """Print three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path, help="also write the medians here")
    args = parser.parse_args()
    if not OLD_RUNTIME.exists():
        print("tflite-runtime left out: run tools/test-tflite-runtime first", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        published = Path(folder) / "u2netp.onnx"
        gmac = u2netp_onnx.write(published) / 1e9
        medians = measure(list(candidates(published)), args.rounds)
    print(f"U²-Net† here: {gmac:.1f} GMAC; {args.rounds} interleaved rounds, medians\n")
    print_times(medians)
    for name, path in released().items():
        print_profile(name, path)
    print_predictions()
    if args.json:
        args.json.write_text(json.dumps([[*key, ms] for key, ms in medians.items()]) + "\n")


if __name__ == "__main__":
    main()
