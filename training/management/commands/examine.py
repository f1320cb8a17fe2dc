"""`examine`: every version that has no outcome on the exam yet is scored there."""

import json
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from training.exams.exam_runs import examine_now, told
from training.exams.exam_store import facts_of, figures_by_version
from training.jobs.progress_line import ProgressLine
from training.messages import in_words

from ._database import ready_database
from ._jobs import refusals_told, require_done


class Command(BaseCommand):
    help = (
        "Score all versions on the exam, the frozen images that versions are compared by. A "
        "training does so by itself, and so does a site that was upgraded. Run again, it goes on "
        "where it stood, and does nothing where all is done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")

    def handle(self, **options: Any) -> None:
        # Only errors: TensorFlow's greetings would bury the result.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        ready_database()
        with refusals_told():
            run, done = examine_now(ProgressLine(options["json"]))
        require_done(run)
        if done.exam is None:
            raise CommandError(in_words(told(done)))
        if not options["json"]:
            self.stdout.write(in_words(told(done)))
            return
        document = {
            "exam": facts_of(done.exam),
            "examined": list(done.examined),
            "failed": {name: in_words(why) for name, why in done.failed.items()},
            "versions": figures_by_version(done.exam),
        }
        self.stdout.write(json.dumps(document))
