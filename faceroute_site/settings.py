"""Every setting of the site, in sections; values come from the environment.

Nothing needs to be set to run on one machine. docs/operator/operations.md lists every variable.
"""

from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from vision.attributes import ATTRIBUTES
from vision.types import ENGINES, PRECISIONS

from . import data_folder, embedded_redis
from .environment import Environment, SettingInvalid

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment.with_file(BASE_DIR / ".env")

# --- Where data lives -------------------------------------------------------------------------

DATA_DIR = env.folder("FACEROUTE_DATA_DIR", BASE_DIR / "var")
data_folder.ensure_nothing_lies_elsewhere(env.text("FACEROUTE_DATA_DIR"), DATA_DIR)
DATABASES = {"default": env.database("DATABASE_URL", DATA_DIR / data_folder.DATABASE)}
if not env.text("DATABASE_URL"):
    data_folder.ensure_no_database_lies_elsewhere(DATA_DIR)
data_folder.prepare(DATA_DIR)
MODEL_ROOT = DATA_DIR / "models"
STARTER_BUNDLE = BASE_DIR / "weights" / "starter"
DATASET_ROOT = DATA_DIR / "datasets"
FEATURE_ROOT = DATA_DIR / "features"
FEATURE_BYTES = env.size("FACEROUTE_FEATURE_BYTES", 10 * 2**30)
TRAINING_ROOT = DATA_DIR / "trainings"  # checkpoints of runs that are not done
# Administrators import datasets from below this folder, or upload them to it.
IMPORT_ROOT = env.folder("FACEROUTE_IMPORT_DIR", DATA_DIR / "imports")

# --- Security ---------------------------------------------------------------------------------

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY") or data_folder.own_secret_key(DATA_DIR)
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")

# Behind HTTPS (every public installation) set FACEROUTE_HTTPS=true; the embedded set-up speaks
# plain HTTP on the loopback interface, where secure cookies would lock everybody out.
HTTPS = env.flag("FACEROUTE_HTTPS", default=False)
# How many proxies of ours stand in front; HTTPS takes at least one, since we speak none.
TRUSTED_PROXIES = env.count("FACEROUTE_TRUSTED_PROXIES", int(HTTPS), least=0)
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# Both speak for other sites than this one, so they are for whoever answers for those.
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("FACEROUTE_HSTS_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.flag("FACEROUTE_HSTS_PRELOAD", default=False)
# Django's warnings that they are off.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_FAILURE_VIEW = "faceroute_site.error_pages.form_expired"
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

CONTENT_SECURITY_POLICY = {
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
    "faceroute_site.proxies.ProxyMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "faceroute_site.private_answers.PrivateAnswersMiddleware",
    "faceroute_site.content_security.ContentSecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "faceroute_site.slashes.SlashMiddleware",
    "faceroute_site.time_zones.TimeZoneMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "predictions.visitors.VisitorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "faceroute_site.web.refusals.RefusalMiddleware",
    "faceroute_site.error_pages.GoneMiddleware",
    "faceroute_site.login_pace.LoginPaceMiddleware",
    "faceroute_site.password_tries.PasswordTriesMiddleware",
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

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # WAL lets readers go on while one writes; IMMEDIATE takes the write lock at the start of a
    # transaction, so that a second writer waits its turn instead of failing half-way.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 30,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
# Seconds. Even SQLite takes 1 to 2 ms to connect, which is more than most queries take.
DATABASES["default"]["CONN_MAX_AGE"] = 60
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Web server (docs/developer/web-server.md) --------------------------------------------------

HOST = env.text("HOST", "127.0.0.1")
PORT = env.count("PORT", 8000, most=65_535)
WEB_CONCURRENCY = env.count("WEB_CONCURRENCY", 2)  # processes
# Where the site is a part of another, below https://example.org/faces/.
BASE_PATH = env.path("FACEROUTE_BASE_PATH")
FORCE_SCRIPT_NAME = BASE_PATH or None
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = LANGUAGE_COOKIE_PATH = f"{BASE_PATH}/"
# Threads of one web process, each with one connection to the database: for pages, and for
# uploads and crops. One more connection looks for results on behalf of all who wait.
WEB_THREADS = env.count("WEB_THREADS", 8)
WEB_FILE_THREADS = env.count("WEB_FILE_THREADS", 2)
# How many requests of one web process may wait for a result; others are answered at once.
WAITING_REQUESTS = env.count("WEB_WAITING_REQUESTS", 500, least=0)
# What is being received lies here, in files without names.
INCOMING_ROOT = DATA_DIR / "incoming"
INCOMING_BYTES = env.size("WEB_INCOMING_BYTES", 4 * 2**30)  # of one web process
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "faceroute_site.web.upload_handler.UnnamedFileUploadHandler",
]
# What every page takes, in bytes; those that take files take more, of those who may send any.
FORM_BYTES = 3 * 2**20
DATASET_MAX_BYTES = env.size("FACEROUTE_DATASET_MAX_BYTES", 4 * 2**30)

# --- Queue ------------------------------------------------------------------------------------

REDIS_URL = env.broker("REDIS_URL")
EMBEDDED_REDIS = not REDIS_URL
if EMBEDDED_REDIS:
    # The embedded Redis listens on a socket only this user can reach (see embedded_redis.py).
    REDIS_URL = embedded_redis.url(DATA_DIR)

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
CELERY_WORKER_CONCURRENCY = env.count("FACEROUTE_WORKER_CONCURRENCY", 1)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_PROC_ALIVE_TIMEOUT = 60  # seconds a new process has to start on a busy machine
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "faceroute_site.upkeep:UpkeepScheduler"

# --- Files ------------------------------------------------------------------------------------

STATIC_URL = f"{BASE_PATH}/static/"
STATIC_ROOT = env.folder("FACEROUTE_STATIC_DIR", BASE_DIR / "staticfiles")
MEDIA_ROOT = DATA_DIR / "media"  # never served by URL: a view checks the owner first
S3_BUCKET = env.text("FACEROUTE_S3_BUCKET")
# Seconds for a connection to the store, and for each answer of it; it is asked twice.
S3_CONNECT_TIMEOUT = env.count("FACEROUTE_S3_CONNECT_TIMEOUT", 2, most=60)
S3_READ_TIMEOUT = env.count("FACEROUTE_S3_READ_TIMEOUT", 4, most=60)
STORAGES = {
    "default": {
        "BACKEND": "faceroute_site.bucket.Bucket",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": env.endpoint("FACEROUTE_S3_ENDPOINT"),
            "default_acl": "private",
        },
    }
    if S3_BUCKET
    else {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "faceroute_site.static_files.StaticFilesStorage"},
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
# Who has logged in, or tried to, from which address, is kept for as long.
LOGIN_RECORD_LIFETIME = timedelta(days=30)
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
# What is never written down of a wrong password's form, beside `password`.
AXES_SENSITIVE_PARAMETERS = [
    *("username", "ip_address"),
    *("old_password", "new_password1", "new_password2"),
]
AXES_LOCKOUT_TEMPLATE = "accounts/locked.html"

# A link to choose a new password works once, and for so many seconds.
PASSWORD_RESET_TIMEOUT = 24 * 3600

# --- Mail -------------------------------------------------------------------------------------

# Nothing but links to new passwords is sent. Where no server is named nothing is, and
# administrators make such links.
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
if MAIL := env.mail("EMAIL_URL"):
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    globals().update(MAIL)
DEFAULT_FROM_EMAIL = env.address("EMAIL_FROM")
EMAIL_TIMEOUT = 20  # seconds
MAIL_IS_SENT = bool(MAIL)
if MAIL_IS_SENT and not DEFAULT_FROM_EMAIL:
    raise SettingInvalid(
        "EMAIL_FROM is needed beside EMAIL_URL: the address that mail is sent from."
    )

# Where those who run the site are reached: text, in which addresses of mail and pages become links.
CONTACT = env.text("FACEROUTE_CONTACT").strip()

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
    "TOKEN_TTL": env.days("FACEROUTE_API_KEY_DAYS", 365),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "FaceRoute",
    "DESCRIPTION": "Find every face in a photo and estimate age, gender and race.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVERS": [{"url": BASE_PATH}] if BASE_PATH else [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}

# --- Photos and privacy -----------------------------------------------------------------------

PHOTO_MAX_BYTES = env.size("FACEROUTE_PHOTO_MAX_BYTES", 15 * 2**20)
PHOTO_MAX_PIXELS = env.count("FACEROUTE_PHOTO_MAX_PIXELS", 50_000_000)
PHOTOS_PER_UPLOAD = env.count("FACEROUTE_PHOTOS_PER_UPLOAD", 50)
PHOTOS_PER_BATCH = env.count("FACEROUTE_PHOTOS_PER_BATCH", 1000)
# A zip of photos for a batch, which arrives in pieces.
ARCHIVE_MAX_BYTES = env.size("FACEROUTE_ARCHIVE_MAX_BYTES", 2 * 2**30)
ARCHIVE_PIECE_BYTES = 8 * 2**20
# Somewhat too many get an answer that says so; far too many are not even read.
DATA_UPLOAD_MAX_NUMBER_FILES = 2 * PHOTOS_PER_UPLOAD
# What all photos together may take, in bytes; 0: as much as there is room for.
MEDIA_BYTES = env.size("FACEROUTE_MEDIA_BYTES", 0)
PHOTO_LIFETIME = env.days("FACEROUTE_PHOTO_DAYS", 30)
SESSION_COOKIE_AGE = int(PHOTO_LIFETIME.total_seconds())
# How many photos one account, or one address that is not logged in, may send in an hour.
PHOTOS_PER_HOUR = env.count("FACEROUTE_PHOTOS_PER_HOUR", 2000)

# --- Vision -----------------------------------------------------------------------------------

# Heads that are left out here are neither computed nor shown: "age,gender" switches race off.
HEADS = tuple(env.words("FACEROUTE_HEADS", list(ATTRIBUTES), choices=ATTRIBUTES))
ENGINE = env.choice("FACEROUTE_ENGINE", "auto", ENGINES)
PRECISION = env.choice("FACEROUTE_PRECISION", "auto", PRECISIONS)
BATCH_PHOTOS = env.count("FACEROUTE_BATCH_PHOTOS", 8)
LEASE = timedelta(seconds=env.count("FACEROUTE_LEASE_SECONDS", 60, most=86_400))

# --- Periodic work ----------------------------------------------------------------------------

# Done by the scheduler itself (faceroute_site/upkeep.py): no queue is in between.
CELERY_BEAT_SCHEDULE = {
    "expire": {"task": "predictions.tasks.expire", "schedule": timedelta(hours=1)},
    "sum up": {"task": "predictions.tasks.sum_up", "schedule": timedelta(minutes=1)},
    "erase": {"task": "predictions.tasks.erase", "schedule": timedelta(seconds=15)},
    "sweep runs": {"task": "training.tasks.sweep", "schedule": timedelta(seconds=30)},
    "sweep storage": {"task": "training.tasks.sweep_storage", "schedule": timedelta(hours=1)},
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
FORMAT_MODULE_PATH = "faceroute_site.formats"

# --- Logging ----------------------------------------------------------------------------------

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.choice("LOG_LEVEL", "INFO", LOG_LEVELS)},
    "loggers": {
        # Two lines for every message would bury what the tasks themselves have to say.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        # It warns of graphs traced several times; an engine traces one for each size of batch.
        "tensorflow": {"level": "ERROR"},
    },
}

# Who may read /metrics: unset, programs on this machine; set, whoever sends it as a bearer token.
METRICS_TOKEN = env.text("FACEROUTE_METRICS_TOKEN")

# --- Administration ---------------------------------------------------------------------------

# The site's colour, from light to dark; white reads on 600 and darker, and 500 on dark pages.
_SHADES = {
    "50": "#f0fdfa",
    "100": "#ccfbf1",
    "200": "#99f6e4",
    "300": "#5eead4",
    "400": "#4fd1bd",
    "500": "#14b8a6",
    "600": "#0f766e",
    "700": "#115e59",
    "800": "#134e4a",
    "900": "#0f3f3c",
    "950": "#042f2e",
}
# A list may have so many rows ticked, each of which is a field of the form.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000

UNFOLD = {
    "SITE_TITLE": "FaceRoute",
    "SITE_HEADER": "FaceRoute",
    "SITE_ICON": lambda _request: static("predictions/icon.svg"),
    "SITE_URL": reverse_lazy("upload"),
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("predictions/icon.svg"),
        }
    ],
    "SHOW_LANGUAGES": True,
    "SIDEBAR": {"navigation": "faceroute_site.administration.navigation"},
    "COLORS": {"primary": _SHADES},
    "DASHBOARD_CALLBACK": "faceroute_site.overview.overview",
    "STYLES": [
        lambda _request: static("training/admin.css"),
        lambda _request: static("training/charts.css"),
    ],
    "SCRIPTS": [
        lambda _request: static("predictions/time_zone.js"),
        lambda _request: static("training/admin.js"),
        lambda _request: static("training/access.js"),
    ],
}

# --- The end --------------------------------------------------------------------------------------

UNKNOWN_VARIABLES = env.unknown()
