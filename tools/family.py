"""What a process and all that descend from it take of the machine (Linux)."""

import contextlib
import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def family(pid: int) -> set[int]:
    """The process and all that descend from it."""
    parents, found = _parents(), {pid}
    while new := {child for child, parent in parents.items() if parent in found} - found:
        found |= new
    return found


def memory(*pids: int) -> float:
    """MB (PSS) of the processes and all that descend from them."""
    kilobytes = 0
    for pid in set().union(*map(family, pids)):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024


def processor_seconds(pid: int) -> float:
    """Seconds of processors that the process and all that descend from it, or did, have taken."""
    ticks = 0
    for each in family(pid):
        with contextlib.suppress(OSError):
            ticks += sum(map(int, _stat(each)[11:15]))
    return ticks / _TICKS


def _parents() -> dict[int, int]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found[int(folder.name)] = int(_stat(int(folder.name))[1])
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
