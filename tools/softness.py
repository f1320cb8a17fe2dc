"""What softening sharp crops to a percentile of the training crops does.

Its figures are in docs/experiments/softness.md.

    tools/softness.py DATASET CHART.svg    (an imported dataset's name; FACEROUTE_DATA_DIR as ever)

Reads 450 crops of the validation split, drawn at random, as they are and edited, with the shipped
model's weights and each target; prints a table and draws the chart. An hour on two cores.
"""

import io
import os
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
PERCENTILES = (None, 75, 65, 50, 35, 20)
CROPS = 450
WIDTH, ROW, LEFT, ZERO, YEAR = 760, 30, 190, 420, 50  # pixels

Edit = Callable[[Image.Image], Image.Image]
Figures = dict[str, dict[str, float]]
"""By edit: `mae` and `bias` in years, `gender` and `race` right in shares."""


def noisy(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image)
    added = pixels + rng.normal(0, 8, pixels.shape)
    return Image.fromarray(added.round().clip(0, 255).astype(np.uint8))


def edits() -> dict[str, tuple[Edit, Edit]]:
    """What is done to a crop of 200 pixels, and to the one of 96 that is made of it."""
    rng = np.random.default_rng(0)

    def same(image: Image.Image) -> Image.Image:
        return image

    def noise(image: Image.Image) -> Image.Image:
        return noisy(image, rng)

    wide, wider = ImageFilter.UnsharpMask(1, 100, 0), ImageFilter.UnsharpMask(2, 100, 0)
    return {
        "as it is": (same, same),
        "blurred by 1 px": (lambda one: one.filter(ImageFilter.GaussianBlur(1)), same),
        "blurred by 2 px": (lambda one: one.filter(ImageFilter.GaussianBlur(2)), same),
        "sharpened, 1 px 100%": (lambda one: one.filter(wide), same),
        "sharpened, 2 px 100%": (lambda one: one.filter(wider), same),
        "noise, σ 8": (noise, same),
        "sharpened at 96 px": (same, lambda one: one.filter(wide)),
        "noise at 96 px": (same, noise),
    }


def measured(name: str) -> dict[int | None, Figures]:
    """The figures by percentile, of the dataset of a name."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")
    django.setup()
    from training.datasets import curations
    from training.models import Dataset
    from vision.bundles.bundle import Bundle, load_bundle
    from vision.crops.reading import sample
    from vision.crops.softness import softness
    from vision.data.crop_files import read_example
    from vision.inference.engine import Engine

    curated = curations.curated(Dataset.objects.get(name=name), "full")
    known = [
        softness(read_example(curated.train[index], 96)) for index in sample(len(curated.train))
    ]
    chosen = random.Random(1).sample(list(curated.validation), CROPS)  # noqa: S311
    images = [Image.open(io.BytesIO(one.path.read_bytes())).convert("RGB") for one in chosen]
    crops = {edit: np.stack([cut(one, *how) for one in images]) for edit, how in edits().items()}
    truth = np.array(
        [(one.labels["age"], one.labels["gender"], one.labels["race"]) for one in chosen]
    )
    bundle = load_bundle(ROOT / "weights" / "starter")
    found = {}
    for percentile in PERCENTILES:
        said = {} if percentile is None else {"softness": float(np.percentile(known, percentile))}
        engine = Engine(Bundle({**bundle.manifest, "reading": said}, bundle.tensors))
        found[percentile] = {edit: figures(engine, of, truth) for edit, of in crops.items()}
    return found


def cut(image: Image.Image, before: Edit, after: Edit) -> NDArray[np.uint8]:
    small = before(image).resize((96, 96), Image.Resampling.BILINEAR)
    return np.asarray(after(small))


def figures(engine: Any, crops: NDArray[np.uint8], truth: NDArray[np.int64]) -> dict[str, float]:
    faces = engine.predict(crops)
    error = np.array([face.age.years for face in faces]) - truth[:, 0]
    labels = [list(face.gender.probabilities.values()) for face in faces]
    races = [list(face.race.probabilities.values()) for face in faces]
    return {
        "mae": float(np.abs(error).mean()),
        "bias": float(error.mean()),
        "gender": float((np.argmax(labels, axis=1) == truth[:, 1]).mean()),
        "race": float((np.argmax(races, axis=1) == truth[:, 2]).mean()),
    }


def table(found: dict[int | None, Figures]) -> str:
    """Markdown: the figures, and how each edit moves the mean age and the MAE."""
    names = list(next(iter(found.values())))
    lines = [f"| target | MAE | bias | gender | race | {' | '.join(names[1:])} |"]
    lines.append("|---" * (len(names) + 4) + "|")
    for percentile, of in found.items():
        plain = of["as it is"]
        moved = [
            f"{of[name]['bias'] - plain['bias']:+.2f}, {of[name]['mae'] - plain['mae']:+.2f}"
            for name in names[1:]
        ]
        told = [f"{plain['mae']:.3f}", f"{plain['bias']:+.2f}"]
        told += [f"{plain[key]:.4f}" for key in ("gender", "race")]
        lines.append(f"| {percentile or 'none'} | {' | '.join(told + moved)} |")
    return "\n".join(lines)


def chart(found: dict[int | None, Figures]) -> str:
    """SVG: for each edit, how far it moves the mean age, with no target and with the median."""
    names = list(found[None])[1:]
    rows = [_bars(place, name, found) for place, name in enumerate(names)]
    height = 70 + ROW * len(names)
    ticks = [
        f'<text x="{ZERO + YEAR * year}" y="{height - 8}" text-anchor="middle">{year:+d}</text>'
        for year in range(-3, 7)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            'font-family="sans-serif" font-size="13">',
            '<rect width="100%" height="100%" fill="white"/>',
            '<text x="10" y="20">By how many years an edit moves the mean age of 450 crops: '
            'crops as they are <tspan fill="#c2410c">■</tspan>, '
            'softened to the median <tspan fill="#1d4ed8">■</tspan></text>',
            *rows,
            f'<line x1="{ZERO}" y1="32" x2="{ZERO}" y2="{height - 24}" stroke="black"/>',
            *ticks,
            "</svg>\n",
        ]
    )


def _bars(place: int, name: str, found: dict[int | None, Figures]) -> str:
    top = 40 + ROW * place
    parts = [f'<text x="{LEFT}" y="{top + 15}" text-anchor="end">{name}</text>']
    for row, (percentile, colour) in enumerate(((None, "#c2410c"), (50, "#1d4ed8"))):
        of = found[percentile]
        wide = YEAR * (of[name]["bias"] - of["as it is"]["bias"])
        left, y = ZERO + min(0.0, wide), top + 10 * row
        parts.append(
            f'<rect x="{left:.1f}" y="{y}" width="{abs(wide):.1f}" height="9" fill="{colour}"/>'
        )
    return "".join(parts)


def main(arguments: Sequence[str]) -> None:
    name, target = arguments
    found = measured(name)
    sys.stdout.write(f"{table(found)}\n")
    Path(target).write_text(chart(found))


if __name__ == "__main__":
    main(sys.argv[1:])
