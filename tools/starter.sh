#!/bin/sh
# Makes weights/starter anew from the weights of an earlier starter, calibrated on UTKFace.
#
#     tools/starter.sh UTKFACE.zip COMMIT NAME
#
# COMMIT is one whose weights/starter has the weights. What is kept of the card written by hand is
# the paragraph on how they were trained.
set -eu
images=$1 commit=$2 name=$3
root=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

manage() {
    FACEROUTE_DATA_DIR="$scratch/data" DATABASE_URL='' "$root/.venv/bin/python" "$root/manage.py" "$@"
}

git -C "$root" archive "$commit" weights/starter | tar -x -C "$scratch"
"$root/.venv/bin/python" "$root/tools/starter_trained_on.py" "$scratch/weights/starter" "$images"
manage import_dataset "$images" --name UTKFace
manage shell -v 0 -c "
from pathlib import Path
from training.registry.versions import register_bundle
from vision.bundles.bundle import read_manifest
before = Path('$scratch/weights/starter')
register_bundle(before, read_manifest(before)['name'], activate=True)"
manage calibrate --dataset UTKFace --name "$name"
manage shell -v 0 -c "
import json
from pathlib import Path
from training.models import ModelVersion
report = ModelVersion.objects.get(name='$name').report
made, heading = Path('$scratch/data/models/$name'), '## How it was trained\n\n'
(made / 'report.json').write_text(json.dumps(report) + '\n')
card = Path('$scratch/weights/starter/MODEL_CARD.md').read_text()
by_hand = card.split(heading)[1].split('\n\n')[0]
card = (made / 'MODEL_CARD.md').read_text()
(made / 'MODEL_CARD.md').write_text(card.replace(heading, heading + by_hand + '\n\n'))"
cp "$scratch/data/models/$name/"* "$root/weights/starter/"
