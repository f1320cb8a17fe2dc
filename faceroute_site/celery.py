"""The Celery application; its settings are the CELERY_* names of settings.py."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")
# A worker that starts would run Django's checks and throw away what they say; they load every page.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("faceroute")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
