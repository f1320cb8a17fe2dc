"""The site's settings as the tests run them: away from the data and services of the real site."""

import os
import tempfile

_scratch = tempfile.TemporaryDirectory(prefix="faceroute-tests-")
os.environ["FACEROUTE_DATA_DIR"] = _scratch.name
os.environ["REDIS_URL"] = ""

from faceroute_site.settings import *  # noqa: E402, F403
from faceroute_site.settings import DATA_DIR, DATABASES, STORAGES  # noqa: E402

# Hashed file names need a collectstatic first; the tests that start the real web process run one.
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, as in life: in memory, threads would meet locks that never occur outside of tests.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
