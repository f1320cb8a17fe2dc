"""Every setting of the site, in sections; values come from the environment.

Nothing needs to be set to run on one machine. docs/operator/operations.md lists every variable.
"""

from datetime import timedelta
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.management.utils import get_random_secret_key
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from vision.attributes import ATTRIBUTES

from . import embedded_redis

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
env.read_env(BASE_DIR / ".env")

# --- Where data lives -------------------------------------------------------------------------

DATA_DIR = Path(env.str("FACEROUTE_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)
MODEL_ROOT = DATA_DIR / "models"
STARTER_BUNDLE = BASE_DIR / "weights" / "starter"
DATASET_ROOT = DATA_DIR / "datasets"
FEATURE_ROOT = DATA_DIR / "features"
FEATURE_BYTES = env.int("FACEROUTE_FEATURE_BYTES", default=10 * 2**30)
TRAINING_ROOT = DATA_DIR / "trainings"  # checkpoints of runs that are not done
# Administrators import datasets from below this folder, or upload them to it.
IMPORT_ROOT = Path(env.str("FACEROUTE_IMPORT_DIR", default=str(DATA_DIR / "imports"))).resolve()


# --- Security ---------------------------------------------------------------------------------


def _own_secret_key() -> str:
    """A key made once for this installation, readable by its user only."""
    path = DATA_DIR / "secret_key"
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        pass
    else:
        path.write_text(get_random_secret_key())
    return path.read_text()


DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or _own_secret_key()
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# Behind HTTPS (every public installation) set FACEROUTE_HTTPS=true; the embedded set-up speaks
# plain HTTP on the loopback interface, where secure cookies would lock everybody out.
HTTPS = env.bool("FACEROUTE_HTTPS", default=False)
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": ("/admin/",),
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [SELF],
        "frame-ancestors": [NONE],
    },
}

# --- Applications -----------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_filters",
    "django_htmx",
    "django_prometheus",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rest_framework",
    "training",
    "predictions",
    "faceroute_site",
]

MIDDLEWARE = [
    "faceroute_site.health.ProbeMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "faceroute_site.time_zones.TimeZoneMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "faceroute_site.web.refusals.RefusalMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "faceroute_site.urls"
WSGI_APPLICATION = "faceroute_site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database ---------------------------------------------------------------------------------

_DATABASE_URL = env.str("DATABASE_URL", default="") or f"sqlite:///{DATA_DIR / 'db.sqlite3'}"
DATABASES = {"default": env.db_url_config(_DATABASE_URL)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # WAL lets readers go on while one writes; IMMEDIATE takes the write lock at the start of a
    # transaction, so that a second writer waits its turn instead of failing half-way.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 30,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Web server (docs/developer/web-server.md) --------------------------------------------------

# Threads of one web process, each with one connection to the database: for pages, and for
# uploads and crops. One more connection looks for results on behalf of all who wait.
WEB_THREADS = env.int("WEB_THREADS", default=8)
WEB_FILE_THREADS = env.int("WEB_FILE_THREADS", default=2)
# How many requests of one web process may wait for a result; others are answered at once.
WAITING_REQUESTS = env.int("WEB_WAITING_REQUESTS", default=500)
# What is being received lies here, in files without names.
INCOMING_ROOT = DATA_DIR / "incoming"
INCOMING_BYTES = env.int("WEB_INCOMING_BYTES", default=4 * 2**30)  # of one web process
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "faceroute_site.web.upload_handler.UnnamedFileUploadHandler",
]
# What every page takes, in bytes; those that take files take more, of those who may send any.
FORM_BYTES = 3 * 2**20
DATASET_MAX_BYTES = env.int("FACEROUTE_DATASET_MAX_BYTES", default=4 * 2**30)

# --- Queue ------------------------------------------------------------------------------------

REDIS_URL = env.str("REDIS_URL", default="")
EMBEDDED_REDIS = not REDIS_URL
if EMBEDDED_REDIS:
    # The embedded Redis listens on a socket only this user can reach (see embedded_redis.py).
    REDIS_URL = f"redis+socket://{embedded_redis.socket_path(DATA_DIR)}"

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Photos are served without Redis, however long it is away and whatever it says instead (it is
# read-only, full, about to load): no worker ends for that.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
# Whoever sends a message finds out within about a second that Redis is away, and goes on; workers
# look by themselves. (They have their own, patient, way to reconnect.)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "max_retries": 0,
    "socket_connect_timeout": 1,
    "socket_timeout": 1.5,  # above the second that a worker's blocking read may take
    "socket_keepalive": True,
    "health_check_interval": 5,  # a dead connection is noticed after about twice as long
}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True  # results live in the database
CELERY_TASK_DEFAULT_QUEUE = "inference"
CELERY_TASK_ROUTES = {
    "predictions.*": {"queue": "inference"},
    "training.tasks.train": {"queue": "training"},
    "training.*": {"queue": "data"},
}
# An engine spreads one batch over all cores by itself.
CELERY_WORKER_CONCURRENCY = env.int("FACEROUTE_WORKER_CONCURRENCY", default=1)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_PROC_ALIVE_TIMEOUT = 60  # seconds a new process has to start on a busy machine
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "faceroute_site.upkeep:UpkeepScheduler"

# --- Files ------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("FACEROUTE_STATIC_DIR", default=str(BASE_DIR / "staticfiles")))
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "faceroute_site.plotly_static.PlotlyFinder",
]
MEDIA_ROOT = DATA_DIR / "media"  # never served by URL: a view checks the owner first
S3_BUCKET = env.str("FACEROUTE_S3_BUCKET", default="")
STORAGES = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": env.str("FACEROUTE_S3_ENDPOINT", default=None),
            "default_acl": "private",
        },
    }
    if S3_BUCKET
    else {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700

# --- Accounts ---------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = reverse_lazy("login")
LOGIN_REDIRECT_URL = reverse_lazy("upload")
LOGOUT_REDIRECT_URL = reverse_lazy("upload")
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_LOCKOUT_TEMPLATE = "accounts/locked.html"

# --- REST API ---------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["predictions.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "predictions.api.error_responses.handle",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Bearer",
    "TOKEN_TTL": timedelta(days=env.int("FACEROUTE_API_KEY_DAYS", default=365)),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "FaceRoute",
    "DESCRIPTION": "Find every face in a photo and estimate age, gender and race.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}

# --- Photos and privacy -----------------------------------------------------------------------

PHOTO_MAX_BYTES = env.int("FACEROUTE_PHOTO_MAX_BYTES", default=15 * 1024 * 1024)
PHOTO_MAX_PIXELS = env.int("FACEROUTE_PHOTO_MAX_PIXELS", default=50_000_000)
PHOTOS_PER_UPLOAD = env.int("FACEROUTE_PHOTOS_PER_UPLOAD", default=50)
# Somewhat too many get an answer that says so; far too many are not even read.
DATA_UPLOAD_MAX_NUMBER_FILES = 2 * PHOTOS_PER_UPLOAD
PHOTO_LIFETIME = timedelta(days=env.int("FACEROUTE_PHOTO_DAYS", default=30))
# An anonymous browser sees its photos for as long as they are kept.
SESSION_COOKIE_AGE = int(PHOTO_LIFETIME.total_seconds())
# How many photos one account or one browser may send in an hour.
PHOTOS_PER_HOUR = env.int("FACEROUTE_PHOTOS_PER_HOUR", default=2000)

# --- Vision -----------------------------------------------------------------------------------

# Heads that are left out here are neither computed nor shown: "age,gender" switches race off.
HEADS = tuple(env.list("FACEROUTE_HEADS", default=list(ATTRIBUTES)))
ENGINE = env.str("FACEROUTE_ENGINE", default="auto")  # auto, openvino, tensorflow
PRECISION = env.str("FACEROUTE_PRECISION", default="auto")  # auto, float32, bfloat16, float16
BATCH_PHOTOS = env.int("FACEROUTE_BATCH_PHOTOS", default=8)
LEASE = timedelta(seconds=env.int("FACEROUTE_LEASE_SECONDS", default=60))

# --- Periodic work ----------------------------------------------------------------------------

# Done by the scheduler itself (faceroute_site/upkeep.py): no queue is in between.
CELERY_BEAT_SCHEDULE = {
    "expire": {"task": "predictions.tasks.expire", "schedule": timedelta(hours=1)},
    "erase": {"task": "predictions.tasks.erase", "schedule": timedelta(seconds=15)},
    "sweep runs": {"task": "training.tasks.sweep", "schedule": timedelta(seconds=30)},
    "forget expired log-ins": {
        "task": "predictions.tasks.forget_expired_logins",
        "schedule": timedelta(days=1),
    },
}

# --- Language and time ------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ko", _("Korean"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# --- Logging ----------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Two lines for every message would bury what the tasks themselves have to say.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        # It warns of graphs traced several times; an engine traces one for each size of batch.
        "tensorflow": {"level": "ERROR"},
    },
}

# Who may read /metrics: unset, programs on this machine; set, whoever sends it as a bearer token.
METRICS_TOKEN = env.str("FACEROUTE_METRICS_TOKEN", default="")

# --- Administration ---------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "FaceRoute",
    "SITE_HEADER": "FaceRoute",
    "SITE_SYMBOL": "face",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("predictions/icon.svg"),
        }
    ],
    "SHOW_LANGUAGES": True,
    "DASHBOARD_CALLBACK": "predictions.dashboard.dashboard",
    "STYLES": [lambda _request: static("training/admin.css")],
    "SCRIPTS": [
        lambda _request: static("predictions/time_zone.js"),
        lambda _request: static("training/charts.js"),
    ],
}
