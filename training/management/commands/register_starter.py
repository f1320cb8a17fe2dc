"""`register_starter`: make the model that ships with FaceRoute its first version."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from training.models import ModelVersion
from training.registry import active_version, register_bundle
from vision.artifacts import read_manifest
from vision.errors import BundleError


class Command(BaseCommand):
    help = "Register the starter model, and let it serve if no other model does."

    def handle(self, **_options: Any) -> None:
        try:
            name = read_manifest(settings.STARTER_BUNDLE)["name"]
            if ModelVersion.objects.filter(name=name).exists():
                self.stdout.write(f"The model {name} is registered already.")
                return
            serve = active_version() is None
            report = json.loads((settings.STARTER_BUNDLE / "report.json").read_text())
            register_bundle(settings.STARTER_BUNDLE, name, report=report, activate=serve)
        except BundleError as error:
            raise CommandError(str(error)) from error
        waits = ". It waits to be activated in the admin; until then the present one serves on."
        self.stdout.write(f"Registered the model {name}{', which serves now.' if serve else waits}")
