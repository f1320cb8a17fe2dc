"""`python bare_machine.py ARGUMENTS` runs `vision.offline` as on a machine that has JAX, Pillow,
NumPy and safetensors, and what a parcel carries. Nothing else that is installed can be imported.
"""

import runpy
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.metadata import packages_distributions
from types import ModuleType

from vision.offline.wheels import CARRIED, EXPECTED

WITH_JAX = ("jaxlib", "ml-dtypes", "opt-einsum", "scipy")


class Refusal(MetaPathFinder):
    """Finds nothing, and says so of what is installed and would not be there."""

    def __init__(self) -> None:
        there = {*CARRIED, *EXPECTED, *WITH_JAX}
        self._refused = {
            module
            for module, packages in packages_distributions().items()
            if not there & {package.lower().replace("_", "-") for package in packages}
        }

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        if fullname.partition(".")[0] in self._refused:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


if __name__ == "__main__":
    sys.meta_path.insert(0, Refusal())
    runpy.run_module("vision.offline", run_name="__main__", alter_sys=True)
