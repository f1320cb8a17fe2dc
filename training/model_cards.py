"""The model card of a version, written from its manifest and its report."""

from collections.abc import Mapping
from typing import Any


def model_card(manifest: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """A model card in Markdown (Mitchell et al., "Model cards for model reporting", FAT* 2019).

    `manifest` is a bundle's; `report` is what `vision.report` gave, or empty.
    """
    metrics = report.get("metrics") or manifest.get("metrics", {})
    return f"# {manifest['name']}\n\n{metrics.get('n', 0)} images were held back to test it.\n"
