"""The Celery application; its settings are the CELERY_* names of settings.py."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")

app = Celery("faceroute")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
