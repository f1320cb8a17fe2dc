"""Settings that cannot be are told in one sentence that names the variable."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from faceroute_site.address import Address
from faceroute_site.environment import Environment, SettingInvalid
from tests.processes import ROOT, Stack

Read = Callable[[Environment], Any]


def of(value: str) -> Environment:
    return Environment({"NAME": value})


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [
        ("1000", 1000),
        ("10 MB", 10_000_000),
        ("10MiB", 10 * 2**20),
        ("10 gib", 10 * 2**30),
        ("1.5 GB", 1_500_000_000),
        ("512k", 512 * 1024),
        ("2 TiB", 2 * 2**40),
        ("", 7),
        (" ", 7),
    ],
)
def test_sizes_may_have_units(value: str, bytes_: int) -> None:
    assert of(value).size("NAME", 7) == bytes_


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda env: env.size("NAME", 1), "10 GoB"),
        (lambda env: env.size("NAME", 1), "-5"),
        (lambda env: env.size("NAME", 1), "0"),
        (lambda env: env.size("NAME", 1), "9" * 5000),
        (lambda env: env.count("NAME", 1), "abc"),
        (lambda env: env.count("NAME", 1), "0"),
        (lambda env: env.count("NAME", 1), "-1"),
        (lambda env: env.count("NAME", 1), "1.5"),
        (lambda env: env.count("NAME", 1), "²"),
        (lambda env: env.count("NAME", 1), "9" * 5000),
        (lambda env: env.count("NAME", 1, most=65_535), "65536"),
        (lambda env: env.days("NAME", 1), "99999999"),
        (lambda env: env.flag("NAME", default=True), "perhaps"),
        (lambda env: env.choice("NAME", "a", ("a", "b")), "c"),
        (lambda env: env.words("NAME", [], ("a", "b")), "a,c"),
        (lambda env: env.hosts("NAME", []), "https://faces.example.org"),
        (lambda env: env.hosts("NAME", []), "faces.example.org/"),
        (lambda env: env.hosts("NAME", []), "faces.example.org:8000"),
        (lambda env: env.origins("NAME"), "faces.example.org"),
        (lambda env: env.origins("NAME"), "https://faces.example.org/"),
        (lambda env: env.path("NAME"), "https://example.org/faces"),
        (lambda env: env.path("NAME"), "/fa ces"),
        (lambda env: env.path("NAME"), "/a//b"),
        (lambda env: env.broker("NAME"), "foo"),
        (lambda env: env.broker("NAME"), "amqp://host"),
        (lambda env: env.broker("NAME"), "redis://host:port/0"),
        (lambda env: env.broker("NAME"), "redis://"),
        (lambda env: env.endpoint("NAME"), "minio:9000"),
        (lambda env: env.database("NAME", Path()), "foo"),
        (lambda env: env.database("NAME", Path()), "mysql://host/name"),
        (lambda env: env.database("NAME", Path()), "postgres://host"),
        (lambda env: env.database("NAME", Path()), "postgres://user:password@host:port/name"),
        (lambda env: env.database("NAME", Path()), "postgres://user:pass/word@host/name"),
        (lambda env: env.database("NAME", Path()), "sqlite://"),
        (lambda env: env.folder("NAME", Path()), "~nobody-of-this-name/x"),
    ],
)
def test_what_cannot_be_is_one_sentence(read: Read, value: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        read(of(value))
    said = str(refused.value)
    assert said.startswith("NAME ")
    assert "\n" not in said
    assert "word" not in said.replace("password@host/NAME", "").replace("name or password", "")


def test_what_can_be_is_read(tmp_path: Path) -> None:
    assert of("debug").choice("NAME", "INFO", ("DEBUG", "INFO")) == "DEBUG"
    assert of("Yes").flag("NAME", default=False) is True
    assert of("b, a").words("NAME", [], ("a", "b")) == ["b", "a"]
    assert of("/faces/").path("NAME") == of("faces").path("NAME") == "/faces"
    assert of("/").path("NAME") == of("").path("NAME") == ""
    for url in ("redis://host:6379/0", "rediss://:secret@host", "redis+socket:///run/a%23b.sock"):
        assert of(url).broker("NAME") == url
    assert of("http://minio:9000").endpoint("NAME") == "http://minio:9000"
    assert of("").endpoint("NAME") is None
    assert of("7").days("NAME", 1) == timedelta(days=7)
    assert of("faces.example.org,.example.org,*,[::1]").hosts("NAME", []) == [
        "faces.example.org",
        ".example.org",
        "*",
        "[::1]",
    ]
    assert of("~/x").folder("NAME", tmp_path) == Path.home() / "x"
    assert of("").database("NAME", tmp_path / "a#b")["NAME"] == str(tmp_path / "a#b")
    assert of("sqlite:////srv/a%23b").database("NAME", tmp_path)["NAME"] == "/srv/a#b"


def test_a_name_that_nothing_reads_is_told_with_the_one_that_is_meant() -> None:
    environment = Environment(
        {"FACEROUTE_PHOTO_DAY": "1", "FACEROUTE_X": "1", "FACEROUTE_HTTPS": "0", "OTHER": "1"}
    )
    environment.days("FACEROUTE_PHOTO_DAYS", 30)
    environment.flag("FACEROUTE_HTTPS", default=False)
    assert environment.unknown() == {
        "FACEROUTE_PHOTO_DAY": "FACEROUTE_PHOTO_DAYS",
        "FACEROUTE_X": "",
    }


@pytest.mark.parametrize(
    "command", [("manage.py", "check"), ("manage.py", "serve"), ("-m", "faceroute_site.web")]
)
def test_every_command_says_it_without_a_traceback(tmp_path: Path, command: tuple[str]) -> None:
    stack = Stack(tmp_path / "data", logs=tmp_path, FACEROUTE_PHOTO_DAYS="abc")
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=stack.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "FACEROUTE_PHOTO_DAYS is 'abc'; it has to be a whole number from 1 to 36500.\n"
    )


def test_who_listens_for_others_and_answers_none_is_told() -> None:
    here = ["localhost", "127.0.0.1", "[::1]"]
    assert "Set ALLOWED_HOSTS" in Address("0.0.0.0", 8000).warning(here)  # noqa: S104
    assert "Set ALLOWED_HOSTS" in Address("192.168.0.10", 8000).warning(here)
    assert Address("0.0.0.0", 8000).warning([*here, "faces.example.org"]) == ""  # noqa: S104
    assert Address("::1", 8000).warning(here) == ""
    assert Address("127.0.0.1", 8000).warning(here) == ""
