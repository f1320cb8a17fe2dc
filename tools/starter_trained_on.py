"""Writes into a starter's bundle what it was trained on, which no run of a site can tell: a list of
the contents, and how many of the last training had which label.

    .venv/bin/python tools/starter_trained_on.py weights/starter UTKFACE

The first starter learnt from every content of UTKFace whose MD5 modulo 10 is 2 to 9, the second to
the sixth from what the recipe `full` then dealt to training, of the archive whose fingerprint
they recorded.
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from vision.attributes import AGE, AGE_BINS, Labels, age_bin, labelled
from vision.bundles.bundle import MANIFEST, add_trained_on, load_bundle, read_manifest
from vision.bundles.trained_on import of_examples
from vision.data.cleaning import Reason
from vision.data.former_splits import FormerImage, former_selection
from vision.data.inspection import inspect
from vision.data.labelled_files import LabelledFile, LabelledFiles
from vision.data.selection import FULL
from vision.durable_files import write_durably
from vision.errors import PhotoError

FINGERPRINT = "aeb07441f5a28bf8ff2f1a5552771e4de07887c8af55afc309ab6965b4cbce5b"
# How the first starter's manifest names the images it learnt from, having no fingerprint.
FIRST = "MD5 of a file's content modulo 10: 2-9 trained, 1 validated, 0 held back"


def main(bundle: Path, utkface: Path) -> None:
    """Raises vision.errors.VisionError, and SystemExit where the archive is another one."""
    with LabelledFiles(utkface) as files, ThreadPoolExecutor(2) as pool:
        images = list(pool.map(_image, files))
    selection = former_selection(FULL, images)
    if selection.fingerprint != FINGERPRINT:
        raise SystemExit(f"{utkface} is not the archive that the starters were trained on.")
    dealt = {c.digest for c, split in selection.chosen if split == "train"}
    learnt = {i.digest: i for i in images if i.digest in dealt or (i.digest and i.bucket % 10 > 1)}
    found = of_examples(learnt, [i.perceptual_hash for i in learnt.values()], FINGERPRINT)
    found |= of_examples((), (), FIRST)
    before = load_bundle(bundle).trained_on
    add_trained_on(bundle, found if before is None else found | before)
    trained = [c.labels for c, split in selection.chosen if split == "train" and c.labels]
    _tell_labels(bundle, trained)
    sys.stdout.write(f"{bundle.name}: {len(found)} contents\n")


def _tell_labels(bundle: Path, trained: Sequence[Labels]) -> None:
    """The facts that `training.exams.label_facts` keeps of a run's labels; those of the test are
    told by its figures."""
    manifest = read_manifest(bundle)
    ages = Counter(age_bin(labels[AGE.name]) for labels in trained)
    train, test = {AGE.name: {decade: ages[decade] for decade in AGE_BINS}}, {}
    for one in labelled():
        numbers = Counter(labels.get(one.name) for labels in trained)
        train[one.name] = {label: numbers[n] for n, label in enumerate(one.labels)}
    for name, counts in train.items():
        groups = manifest["metrics"]["groups"]
        test[name] = {label: sum(g["n"] for g in groups if g[name] == label) for label in counts}
    manifest["labels"] = {"classes": {"train": train, "test": test}, "agreement": None}
    write_durably(bundle / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())


def _image(file: LabelledFile) -> FormerImage:
    bucket = int(hashlib.md5(file.data, usedforsecurity=False).hexdigest(), 16) % 20
    refused = Reason(file.refusal) if file.refusal else None
    try:
        look = inspect(file.data).perceptual_hash
    except PhotoError:
        return FormerImage(file.name, "", file.labels, refused or Reason.UNREADABLE, "", 0, bucket)
    digest = hashlib.sha256(file.data).hexdigest()
    return FormerImage(file.name, digest, file.labels, refused, "", look, bucket)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
