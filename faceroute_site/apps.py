from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "faceroute_site"
    verbose_name = "FaceRoute"

    def ready(self) -> None:
        # Registers the system checks.
        from . import checks  # noqa: F401
