from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PredictionsConfig(AppConfig):
    name = "predictions"
    verbose_name = _("Predictions")

    def ready(self) -> None:
        # Connects the receivers: log-in adopts a browser's photos, files go with their rows, and
        # samples with corrections. Loads the tables of quota, receipts and bulk
        # actions, too.
        from training.datasets import corrections

        from . import access, bulk, learning, uploads  # noqa: F401

        corrections.come_from(learning.AcceptedCorrections())
