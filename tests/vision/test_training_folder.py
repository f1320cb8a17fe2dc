"""The folder of a training is that of one training, also after a kill in its first moment."""

import json
import os
from pathlib import Path

import pytest

from vision.training.checkpoints import CheckpointUnusable
from vision.training.folder import claim_folder
from vision.training.head_recipes import HEAD_RECIPES


def test_a_kill_while_a_folder_is_claimed_leaves_it_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(descriptor: int) -> None:
        os.ftruncate(descriptor, 10)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            claim_folder(tmp_path, HEAD_RECIPES["full"], data="some")
    claim_folder(tmp_path, HEAD_RECIPES["full"], data="some")
    with pytest.raises(CheckpointUnusable, match="other images"):
        claim_folder(tmp_path, HEAD_RECIPES["full"], data="others")


def test_a_folder_that_a_version_of_before_claimed_is_gone_on_with(tmp_path: Path) -> None:
    recipe = HEAD_RECIPES["full"]
    claimed = {"recipe": recipe.as_json(), "data": "some", "trunk": "a"}
    (tmp_path / "training.json").write_text(json.dumps(claimed))
    claim_folder(tmp_path, recipe, data="some", backbone="a")
    with pytest.raises(CheckpointUnusable, match="another backbone"):
        claim_folder(tmp_path, recipe, data="some", backbone="b")
