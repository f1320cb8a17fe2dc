"""`check_files`: files that no row names, rows whose files are gone, and predictions that are not
their photo's owner's."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from faceroute_site.stored_files import KINDS, Findings
from predictions import access

_EXAMPLES = 3
_WHAT_TO_DO = {
    "photos": "They are in a backup, or lost; results are shown without them.",
    "datasets": "Importing the same images again puts them back, and so does a backup.",
    "models": (
        "The machine that made a version may still have it (store_files puts it back), or a backup."
    ),
}


class Command(BaseCommand):
    help = (
        "Compare the files of photos, datasets and models with the database. Nothing is changed, "
        "unless --repair says so: then files that no row names are deleted, if older than an hour, "
        "and predictions are given back to the owners of their photos."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="Delete files that no row names.")
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        found = {name: self._look(name) for name in KINDS}
        strays = access.strays().count()
        if not options["json"]:
            for name, findings in found.items():
                self.stdout.write(_in_words(name, findings))
            self.stdout.write(f"Predictions that are not their photo's owner's: {strays}.")
        if options["repair"]:
            _refuse_if_in_doubt(found)
            access.return_strays()
        deleted = {n: kind.repair() for n, kind in KINDS.items()} if options["repair"] else {}
        if options["json"]:
            report = {name: asdict(findings) for name, findings in found.items()}
            self.stdout.write(json.dumps(report | {"strays": strays, "deleted": deleted}))
        for name, count in deleted.items() if not options["json"] else ():
            self.stdout.write(f"{name}: deleted {count}.")

    def _look(self, name: str) -> Findings:
        try:
            return KINDS[name].look()
        except Exception as error:  # every storage raises the errors of its own client library
            raise CommandError(
                f"What the {name} are kept in does not answer ({error}). Nothing was changed."
            ) from error


def _refuse_if_in_doubt(found: dict[str, Findings]) -> None:
    doubts = [f"{name}: {findings.doubt}" for name, findings in found.items() if findings.doubt]
    if doubts:
        raise CommandError("Nothing was changed. " + " ".join(doubts))


def _in_words(name: str, findings: Findings) -> str:
    lines = [f"{name}: files {findings.stored}, named by rows {findings.named}."]
    if findings.without_row:
        lines.append(f"  Files that no row names: {_some(findings.without_row)}.")
    if findings.without_file:
        missing = _some(findings.without_file)
        lines.append(f"  Files that rows name and that are not there: {missing}.")
    if findings.doubt or findings.without_file:
        lines.append(f"  {findings.doubt or _WHAT_TO_DO[name]}")
    return "\n".join(lines)


def _some(names: list[str]) -> str:
    return f"{len(names)}, such as {', '.join(names[:_EXAMPLES])}"
