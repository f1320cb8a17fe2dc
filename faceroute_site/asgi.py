"""The ASGI entry point."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")
django.setup()

from .web.application import Application  # noqa: E402  # Django's models must be loaded first

application = Application()
