"""All that `benchmark` tells of a machine, as one document and as a table."""

import os
import platform
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vision.bundles.bundle import Bundle

from .finding import finding
from .heads import heads
from .networks import passes, shares
from .photos import made_of
from .timing import rounded

__all__ = ["machine", "parts", "rounded", "table"]

_TRAININGS = 3  # of which each takes as long as all rounds of another part


def parts(
    bundle: Bundle, starter: Bundle, portrait: bytes, rounds: int
) -> dict[str, Callable[[], dict[str, Any]]]:
    """What can be measured, by name: of a model's bundle, the starter's, and an encoded photo of a
    face."""
    return {
        "networks": partial(passes, bundle, starter, rounds),
        "ceiling": partial(shares, starter, rounds),
        "finding": lambda: finding(made_of(portrait), starter, rounds),
        "heads": partial(heads, starter, portrait, min(rounds, _TRAININGS)),
    }


def machine() -> dict[str, Any]:
    """What it was measured on."""
    processors = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )
    return {"processor": _processor(), "processors": processors, "system": platform.platform()}


def table(document: Mapping[str, Any]) -> Iterator[str]:
    """The document in lines: what was timed with its best and median milliseconds and its ratio."""
    for part, figures in document.items():
        yield f"\n{part}"
        yield from _lines(figures, "  ")


def _lines(figures: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in figures.items():
        if isinstance(value, dict) and "wall_ms" in value:
            yield f"{indent}{name:56} {_timing(value)}"
        elif isinstance(value, dict) and {"median", "low", "high"} <= value.keys():
            yield f"{indent}{name:56} {_ratio(value)}"
        elif isinstance(value, dict):
            yield f"{indent}{name}"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{name:56} {value}"


def _timing(timing: Mapping[str, Any]) -> str:
    wall, cpu = timing["wall_ms"], timing["cpu_ms"]
    told = f"{wall['best']:9.2f} ms at best, {wall['median']:9.2f} in the median, "
    told += f"{cpu['median']:9.2f} of processors"
    if passes := timing.get("passes"):
        told += f"; {_ratio(passes['wall'])} passes"
    return told


def _ratio(ratio: Mapping[str, float]) -> str:
    return f"{ratio['median']:.3g} ({ratio['low']:.3g} to {ratio['high']:.3g})"


def _processor() -> str:
    try:
        about = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in about.splitlines() if "model name" in line]
    has = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f" {flag}" in about]
    return ", ".join([*names[:1], *has])
