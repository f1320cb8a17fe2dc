"""`python -m vision.offline PARCEL --minutes M --out OUT`; docs/administrator/borrowed-gpu.md."""

import time

_STARTED = time.monotonic()

# ruff: noqa: E402
import hashlib
import json
import os
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path

from ..errors import VisionError
from .clock import RESULT, Clock, Log, time_is_over
from .wheels import WheelsUnusable, install


def main() -> int:
    options = _options()
    out: Path = options.out.resolve()
    parcel = _about(options.parcel)
    if _is_of_another(out, parcel):
        return _refuse(
            f"The folder “{out.name}” holds what was trained by another parcel. Please bring it "
            "home, and name another --out."
        )
    work = _work_of(out, parcel, options.work)
    work.mkdir(parents=True, exist_ok=True)
    clock, log = Clock(work, 60 * options.minutes, _STARTED), Log(out)
    clock.watch(partial(time_is_over, out, log))
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # What was compiled once is not compiled again after a kill.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(work / "compiled"))
    try:
        install(_wheels(options.parcel), work / "site")
    except WheelsUnusable as error:
        return _refuse(str(error))
    return _train(options.parcel, out, work, clock, log)


def _train(folders: list[Path], out: Path, work: Path, clock: Clock, log: Log) -> int:
    """With all that is needed installed."""
    from ..diskspace import full_disk_in_words
    from .parcel import open_parcel
    from .running import run

    try:
        with full_disk_in_words():
            run(open_parcel(folders), out, work, clock, log)
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
        "--work", type=Path, help="Where to keep what stays there; else the temporary folder."
    )
    return parser.parse_args()


def _about(folders: list[Path]) -> bytes:
    """The file that tells a parcel from others; nothing where there is none."""
    files = (folder / "parcel.json" for folder in folders)
    return next((file.read_bytes() for file in files if file.exists()), b"")


def _is_of_another(out: Path, parcel: bytes) -> bool:
    result = out / RESULT
    if not result.exists():
        return False
    return bool(json.loads(result.read_text())["parcel"] != hashlib.sha256(parcel).hexdigest())


def _work_of(out: Path, parcel: bytes, root: Path | None) -> Path:
    """The folder of what stays there, one for each OUT and parcel."""
    name = hashlib.sha256(str(out).encode() + parcel).hexdigest()[:12]
    return (root or Path(tempfile.gettempdir())) / f"faceroute-{name}"


def _wheels(folders: list[Path]) -> Path:
    return next((one / "wheels" for one in folders if (one / "wheels").is_dir()), folders[0])


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
