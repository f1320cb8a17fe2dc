"""The site's settings as the tests run them."""

from faceroute_site.settings import *  # noqa: F403
from faceroute_site.settings import STORAGES

# Hashed file names need a collectstatic first; the tests that start the real web process run one.
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
