"""`python -m vision.offline PARCEL --minutes M --out OUT`: see docs/borrowed-gpu.md."""

import time

_STARTED = time.monotonic()

# ruff: noqa: E402
import hashlib
import os
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from .wheels import WheelsUnusable, install


def main() -> int:
    options = _options()
    out: Path = options.out.resolve()
    work = options.work or _work_of(out)
    work.mkdir(parents=True, exist_ok=True)
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # What was compiled once is not compiled again after a kill.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(work / "compiled"))
    try:
        install(_wheels(options.parcel), work / "site")
    except WheelsUnusable as error:
        return _refuse(str(error))
    return _train(options, out, work)


def _train(options: Namespace, out: Path, work: Path) -> int:
    """With all that is needed installed."""
    from ..errors import VisionError
    from .parcel import open_parcel
    from .running import Clock, run

    clock = Clock(work, 60 * options.minutes, _STARTED)
    try:
        run(open_parcel(options.parcel), out, work, clock, _say)
    except VisionError as error:
        return _refuse(str(error))
    return 0


def _options() -> Namespace:
    parser = ArgumentParser("python -m vision.offline", description="Train by a parcel.")
    parser.add_argument("parcel", type=Path, nargs="+", help="Its folder, or both of its folders.")
    parser.add_argument(
        "--minutes",
        type=float,
        required=True,
        help="All that it may take, start and end included. Called again after a kill, it goes "
        "on with what is left of them.",
    )
    parser.add_argument("--out", type=Path, required=True, help="The folder to bring home.")
    parser.add_argument(
        "--work", type=Path, help="What stays there; else a temporary folder that belongs to OUT."
    )
    return parser.parse_args()


def _work_of(out: Path) -> Path:
    name = hashlib.sha256(str(out).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"faceroute-{name}"


def _wheels(folders: list[Path]) -> Path:
    return next((one / "wheels" for one in folders if (one / "wheels").is_dir()), folders[0])


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
