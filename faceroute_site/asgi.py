"""The ASGI entry point."""

import os

import django

from .web.metric_files import count_in_them

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")
count_in_them()
django.setup()

from .web.application import Application  # noqa: E402  # Django's models must be loaded first

application = Application()
