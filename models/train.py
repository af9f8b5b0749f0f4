"""Train a network: resumable to the step, on two CPU cores or one large GPU.

    python -m models.train --config default --data ../shared/data --out runs/NAME --samples 2000000
    python -m models.train ... --warm models/weights/u2net-lite-default.pt --minutes 100

The same command again goes on where the last one stopped; SIGTERM and Ctrl-C save and leave.
"""

import argparse
import copy
import signal
import sys
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from models import checkpoint, losses
from models.augment import Batch, Mix, draw
from models.bank import Bank, load_bank
from models.preview import Preview
from models.schedule import Phase, phases, rate_at, size_at
from models.u2net_lite import CONFIGS, Config, build, multiple
from models.weights import load_weights
from packshot.errors import PackshotError, UsageError
from packshot.matting.tensor import IMAGENET_MEAN, IMAGENET_STD

WEIGHT_DECAY = 1e-2
CLIP = 1.0
AHEAD = 3  # batches drawn in advance
AVERAGING = 0.999  # of the exponential moving average; shorter at the start of a run


@dataclass(frozen=True)
class Settings:
    """What a run is; a run folder takes no other. The end is ``samples``, or ``minutes`` of training if not 0."""

    config: str
    samples: int
    minutes: float
    batch: int
    sizes: str
    rate: float
    seed: int
    frozen: str = ""


class Trainer:
    """Network, its average, optimiser and position; ``step`` moves all of them by one batch."""

    def __init__(self, settings: Settings, config: Config, bank: Bank, device: torch.device) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.config, self.bank, self.device = settings, config, bank, device
        self.plan: tuple[Phase, ...] = phases(settings.sizes, multiple(config))
        self.network = build(config).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for part in _parts(self.network, settings.frozen):
            part.eval().requires_grad_(False)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(_groups(self.network), settings.rate, (0.9, 0.99), foreach=True)
        self.forward = torch.compile(self.network) if device.type == "cuda" else self.network
        self.steps = 0
        self.seconds = 0.0  # spent in steps, over all resumed parts of the run
        self.loss = 0.0  # running mean
        self._artist = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,))
        self._ahead: deque[Future[Batch]] = deque()

    def warm_start(self, path: Path) -> None:
        """Begin with the weights of another run; everything else starts anew."""
        state = load_weights(self.config, path).state_dict()
        self.network.load_state_dict(state)
        self.average.load_state_dict(state)

    @property
    def progress(self) -> float:
        """How much of the run is over, 0 to 1."""
        if self.settings.minutes:
            return min(1.0, self.seconds / (60 * self.settings.minutes))
        return min(1.0, self.steps * self.settings.batch / self.settings.samples)

    def step(self) -> Batch:
        """One optimiser step; returns its batch. ``loss`` is not finite afterwards if the step failed."""
        begun = time.monotonic()
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(self.settings.rate, self.progress)
        batch = self._next_batch()
        loss = self._loss(batch)
        value = loss.item()
        self.loss = value if self.steps == 0 or value != value else 0.98 * self.loss + 0.02 * value
        if value == value:  # leaves the weights as they were if not a number
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
            self.optimiser.step()
            self.steps += 1
            self._average()
        self.seconds += time.monotonic() - begun
        return batch

    def _next_batch(self) -> Batch:
        """The batch of this step; on a CPU the following ones are drawn beside the network's work."""
        if self.device.type != "cpu":
            return self._draw(self.steps, size_at(self.plan, self.progress))
        while len(self._ahead) < AHEAD:
            step = self.steps + len(self._ahead)
            size = size_at(self.plan, self.progress)
            self._ahead.append(self._artist.submit(self._draw, step, size))
        return self._ahead.popleft().result()

    def _draw(self, step: int, size: int) -> Batch:
        return draw(self.bank, Mix(), self.settings.batch, size, self.settings.seed, step)

    def _loss(self, batch: Batch) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=_computes_bf16(self.device)):
            outputs = self.forward(normalised(batch.pictures))
        return losses.total(outputs, batch.masks, batch.exact)

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(AVERAGING, (1 + self.steps) / (10 + self.steps))
        pairs = list(zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True))
        floating = [(mean, new) for mean, new in pairs if mean.is_floating_point()]
        torch._foreach_lerp_([mean for mean, _ in floating], [new for _, new in floating], 1 - keep)
        for mean, new in pairs:
            if not mean.is_floating_point():
                mean.copy_(new)

    def state(self) -> dict[str, Any]:
        """All that ``restore`` needs; batches need no random state, they follow from seed and step."""
        return {
            "settings": asdict(self.settings),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
            "seconds": self.seconds,
            "loss": self.loss,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps, self.seconds, self.loss = state["steps"], state["seconds"], state["loss"]


def _computes_bf16(device: torch.device) -> bool:
    """Whether bfloat16 saves time; a CPU that only imitates it once took eight times as long."""
    return device.type != "cpu" or torch.backends.cpu.get_cpu_capability() not in ("DEFAULT", "NO AVX", "AVX2")


def _parts(network: nn.Module, names: str) -> list[nn.Module]:
    """The modules of these names, as ``encoder.0,encoder.1``; raises UsageError where there is none of a name."""
    modules = dict(network.named_modules())
    wanted = [name for name in names.split(",") if name]
    unknown = [name for name in wanted if name not in modules]
    if unknown:
        raise UsageError(f"--frozen: the network has no part {unknown[0]!r}; it has stem, encoder.0, decoder.0, ...")
    return [modules[name] for name in wanted]


def _groups(network: nn.Module) -> list[dict[str, Any]]:
    """Weights decay; biases and BatchNorm do not; what is frozen is left out."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def normalised(pictures: Tensor) -> Tensor:
    """(B, 3, S, S) in [0, 1] as the network's input, channels last."""
    mean = torch.tensor(IMAGENET_MEAN, device=pictures.device).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=pictures.device).view(1, 3, 1, 1)
    return ((pictures - mean) / std).contiguous(memory_format=torch.channels_last)


class Stop:
    """SIGTERM and Ctrl-C as a flag that is looked at between steps."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: object) -> None:
        self.asked = True


def run(trainer: Trainer, folder: Path, preview: Preview, every: int, stop: Stop) -> None:
    """Train to the end or until asked to stop; checkpoint, history and preview every ``every`` steps."""
    slow = not sys.stderr.isatty()
    bar = tqdm(total=100.0, initial=100 * trainer.progress, mininterval=60 if slow else 1, bar_format=BAR)
    while trainer.progress < 1 and not stop.asked:
        before = trainer.progress
        batch = trainer.step()
        if trainer.loss != trainer.loss:
            _give_up(folder, trainer, batch)
        bar.update(100 * (trainer.progress - before))
        bar.set_postfix_str(f"loss {trainer.loss:.3f}", refresh=False)
        if trainer.steps % every == 0 or trainer.progress >= 1:
            checkpoint.save(folder, trainer.state())
            checkpoint.append_history(folder, _row(trainer) | preview.look(trainer.average, folder))
            preview.plot(folder)
    checkpoint.save(folder, trainer.state())
    bar.close()


BAR = "{percentage:5.1f}%|{bar}| {elapsed} < {remaining} {postfix}"


def _row(trainer: Trainer) -> dict[str, Any]:
    return {
        "step": trainer.steps,
        "samples": trainer.steps * trainer.settings.batch,
        "minutes": round(trainer.seconds / 60, 2),
        "size": size_at(trainer.plan, trainer.progress),
        "rate": f"{rate_at(trainer.settings.rate, trainer.progress):.2e}",
        "loss": f"{trainer.loss:.4f}",
    }


def _give_up(folder: Path, trainer: Trainer, batch: Batch) -> None:
    path = folder / "bad-batch.pt"
    torch.save(vars(batch), path)
    raise UsageError(
        f"the loss of step {trainer.steps} is not a number; the batch is in {path}."
        " Start again from weights.pt with --warm and a lower --rate"
    )


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--config", choices=[name for name in CONFIGS if not CONFIGS[name].published], default="default"
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of tar files and lists")
    parser.add_argument("--out", type=Path, required=True, help="run folder")
    parser.add_argument("--samples", type=int, default=2_000_000, help="length of the run")
    parser.add_argument("--minutes", type=float, default=0.0, help="length as training time instead; stops count not")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--sizes", default="192:.45,256:.30,320:.25", help="picture side and share of the run")
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--warm", type=Path, help="weights to begin with")
    parser.add_argument("--frozen", default="", help="parts that stay as they are, as stem,encoder.0")
    parser.add_argument("--every", type=int, default=1000, help="steps between checkpoints and previews")
    parser.add_argument("--threads", type=int, default=1, help="on a CPU; more than idle cores is far slower than one")
    parser.add_argument("--limit", type=int, help="pictures of each kind, for a trial")
    return parser


def train(args: argparse.Namespace) -> None:
    """Set up or resume the run that ``args`` describes and train it."""
    names = ("config", "samples", "minutes", "batch", "sizes", "rate", "seed", "frozen")
    settings = Settings(**{name: getattr(args, name) for name in names})
    args.out.mkdir(parents=True, exist_ok=True)
    state = checkpoint.load(args.out, asdict(settings))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config = CONFIGS[settings.config]
    torch.set_num_threads(args.threads)
    stop = Stop()
    bank = load_bank(args.data, config.input_size, device, args.limit)
    trainer = Trainer(settings, config, bank, device)
    if state is not None:
        trainer.restore(state)
    elif args.warm is not None:
        trainer.warm_start(args.warm)
    run(trainer, args.out, Preview(args.data, config, device), args.every, stop)


def main() -> int:
    """Command line; returns the exit code."""
    try:
        train(arguments().parse_args())
    except PackshotError as error:
        print(f"train: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
