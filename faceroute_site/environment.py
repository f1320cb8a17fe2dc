"""What the environment says, read in one place; what it says wrongly is told in one sentence.

`.env` beside manage.py is read too; a variable that is set both ways is the environment's.
"""

import difflib
import os
import re
from collections.abc import Collection, MutableMapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

PREFIX = "FACEROUTE_"
"""What the names of the site's own variables begin with."""

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_UNITS = {"": 1, "b": 1} | {
    letter + suffix: base**power
    for power, letter in enumerate("kmgt", start=1)
    for suffix, base in (("", 1024), ("b", 1000), ("ib", 1024))
}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([a-z]*)", re.ASCII)
_MOST_DAYS = 36_500  # a century, which calendars can still add to a date
_DATABASES = {"sqlite", "postgres", "postgresql", "psql", "pgsql"}
_BROKERS = {"redis", "rediss", "redis+socket"}
_MAIL = {"smtp": 25, "smtp+tls": 587, "smtps": 465}  # the usual port of each
# Read from the environment by others than the settings: by the tests.
_READ_ELSEWHERE = {"FACEROUTE_UTKFACE"}


class SettingInvalid(ImproperlyConfigured):
    """A variable says what cannot be; the message is a sentence that names it."""


class Environment:
    """Variables by name. Every method raises SettingInvalid; an empty variable has the default."""

    def __init__(self, variables: MutableMapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables
        self._read: set[str] = set()

    @classmethod
    def with_file(cls, path: Path) -> "Environment":
        """This process's environment and what a file adds to it, for its children too."""
        environ.Env.read_env(path)
        return cls()

    def text(self, name: str, default: str = "") -> str:
        self._read.add(name)
        value = self._variables.get(name, "")
        return value if value.strip() else default

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.text(name, str(default)).strip().lower()
        if value not in _TRUE | _FALSE:
            raise SettingInvalid(f"{name} is {value!r}; it has to be true or false.")
        return value in _TRUE

    def count(self, name: str, default: int, *, least: int = 1, most: int | None = None) -> int:
        """A whole number."""
        value = self.text(name, str(default)).strip()
        fits = re.fullmatch(r"-?\d{1,15}", value, re.ASCII) and least <= int(value)
        if not fits or (most is not None and int(value) > most):
            span = f"of {least} or more" if most is None else f"from {least} to {most}"
            raise SettingInvalid(f"{name} is {value!r}; it has to be a whole number {span}.")
        return int(value)

    def days(self, name: str, default: int) -> timedelta:
        return timedelta(days=self.count(name, default, most=_MOST_DAYS))

    def size(self, name: str, default: int) -> int:
        """Bytes: a number above 0, with a unit or without."""
        value = self.text(name).strip()
        if not value:
            return default
        found = _SIZE.fullmatch(value.lower())
        if not found or found[2] not in _UNITS or not (size := _bytes(*found.groups())):
            raise SettingInvalid(
                f"{name} is {value!r}; it has to be a size in bytes, or with a unit: 15 MB "
                "(a thousand kilobytes), 15 MiB (1,024 of them), 10 GiB."
            )
        return size

    def choice(self, name: str, default: str, choices: Collection[str]) -> str:
        """One of several words, in whatever case."""
        value = self.text(name, default).strip()
        for choice in choices:
            if value.lower() == choice.lower():
                return choice
        raise SettingInvalid(f"{name} is {value!r}; it has to be one of {', '.join(choices)}.")

    def words(
        self, name: str, default: Sequence[str], choices: Collection[str] | None = None
    ) -> list[str]:
        """Words with commas between them."""
        value = self.text(name, ",".join(default))
        words = [word.strip() for word in value.split(",") if word.strip()]
        for word in words:
            if choices is not None and word not in choices:
                raise SettingInvalid(
                    f"{name} names {word!r}; it has to name one or more of {', '.join(choices)}."
                )
        return words

    def folder(self, name: str, default: Path) -> Path:
        """An absolute path; `~` at its beginning is the home of whoever runs this."""
        path = self.text(name, str(default))
        try:
            return Path(path).expanduser().resolve()
        except (RuntimeError, ValueError) as error:
            raise SettingInvalid(f"{name} is {path!r}, which is no path: {error}.") from error

    def hosts(self, name: str, default: Sequence[str]) -> list[str]:
        """Names of hosts, without a scheme, a port or a path."""
        hosts = self.words(name, default)
        for host in hosts:
            if re.search(r"[/\s]|[^:\]]:\d+$", host):
                raise SettingInvalid(
                    f"{name} names {host!r}; it has to name hosts alone, without https://, port "
                    "or path: faces.example.org."
                )
        return hosts

    def origins(self, name: str) -> list[str]:
        """Origins of pages: a scheme and a host."""
        origins = self.words(name, [])
        for origin in origins:
            if not re.fullmatch(r"https?://[^/\s]+", origin):
                raise SettingInvalid(
                    f"{name} names {origin!r}; it has to name origins with their scheme and "
                    "without a path: https://faces.example.org."
                )
        return origins

    def path(self, name: str) -> str:
        """The path of a URL, with a slash at its beginning and none at its end; empty for `/`."""
        path = self.text(name).strip().strip("/")
        if path and not re.fullmatch(r"[\w.~-]+(/[\w.~-]+)*", path, re.ASCII):
            raise SettingInvalid(
                f"{name} is {path!r}; it has to be a path of letters, digits and . _ ~ - alone, "
                "for example /faces."
            )
        return f"/{path}" if path else ""

    def broker(self, name: str) -> str:
        """The URL of a Redis; empty where none is named."""
        url = self.text(name).strip()
        if url and not _is_url(url, _BROKERS):
            raise SettingInvalid(
                f"{name} is no URL of a Redis, which begins with redis://, rediss:// or "
                "redis+socket://: redis://host:6379/0."
            )
        return url

    def endpoint(self, name: str) -> str | None:
        """The URL of a service that is spoken to over HTTP, if one is named."""
        url = self.text(name).strip()
        if url and not _is_url(url, {"http", "https"}):
            raise SettingInvalid(f"{name} is no URL that begins with https:// or http://.")
        return url or None

    def database(self, name: str, own: Path) -> dict[str, Any]:
        """Django's settings of a database; SQLite in the file `own` where no URL is named."""
        url = self.text(name).strip()
        if not url:
            return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(own)}
        if url.partition("://")[0] not in _DATABASES:
            raise SettingInvalid(
                f"{name} is no URL of a database that FaceRoute is made for; it has to begin with "
                "postgres:// or sqlite:///. Without it there is an SQLite database in the data "
                "folder."
            )
        return _parsed(name, url)

    def mail(self, name: str) -> dict[str, Any]:
        """Django's settings of the server that mail is sent by; none where no URL is named."""
        url = self.text(name).strip()
        if not url:
            return {}
        parts = urlsplit(url) if _is_url(url, set(_MAIL)) else None
        if parts is None or not parts.hostname:
            raise SettingInvalid(
                f"{name} is no URL of a mail server, which begins with smtp://, smtp+tls:// or "
                "smtps://: smtp+tls://user:password@mail.example.org:587."
            )
        return {
            "EMAIL_HOST": parts.hostname,
            "EMAIL_PORT": parts.port or _MAIL[parts.scheme],
            "EMAIL_HOST_USER": unquote(parts.username or ""),
            "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
            "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
            "EMAIL_USE_SSL": parts.scheme == "smtps",
        }

    def address(self, name: str) -> str:
        """The address of a mailbox, with a name or without; empty where none is named."""
        address = self.text(name).strip()
        if address and not re.fullmatch(
            r"[^<>\r\n]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+", address
        ):
            raise SettingInvalid(
                f"{name} is {address!r}; it has to be an e-mail address: faces@example.org, or "
                "FaceRoute <faces@example.org>."
            )
        return address

    def unknown(self) -> dict[str, str]:
        """Variables with the site's prefix that nothing reads; the most similar that is read."""
        own = {name for name in self._variables if name.startswith(PREFIX)}
        return {name: _similar(name, self._read) for name in own - self._read - _READ_ELSEWHERE}


def _is_url(text: str, schemes: Collection[str]) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.netloc or parts.path)


def _bytes(number: str, unit: str) -> int:
    return int(float(number) * _UNITS[unit]) if "." in number else int(number) * _UNITS[unit]


def _similar(name: str, known: Collection[str]) -> str:
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.8)), "")


def _parsed(name: str, url: str) -> dict[str, Any]:
    try:
        parsed: dict[str, Any] = environ.Env.db_url_config(url)
    except ValueError as error:
        # Neither the URL nor the error is quoted: both may hold the password.
        raise SettingInvalid(
            f"{name} cannot be read. Characters with a meaning in URLs (# ? / : @ %) are written "
            "percent-encoded in a name or password: %23 for #."
        ) from error
    if parsed["NAME"] in {"", ":memory:"}:
        raise SettingInvalid(f"{name} names no database: postgres://user:password@host/NAME.")
    return parsed
