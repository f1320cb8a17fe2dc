"""The mail server, as the environment names it."""

import pytest

from faceroute_site.environment import Environment, SettingInvalid


def of(value: str) -> Environment:
    return Environment({"NAME": value})


@pytest.mark.parametrize(
    ("url", "port", "tls", "ssl"),
    [
        ("smtp://mail.example.org", 25, False, False),
        ("smtp+tls://mail.example.org", 587, True, False),
        ("smtps://mail.example.org", 465, False, True),
        ("smtps://mail.example.org:2465", 2465, False, True),
    ],
)
def test_a_server_is_named_by_its_url(url: str, port: int, tls: bool, ssl: bool) -> None:
    found = of(url).mail("NAME")
    assert found["EMAIL_HOST"] == "mail.example.org"
    assert (found["EMAIL_PORT"], found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (port, tls, ssl)


def test_names_and_passwords_are_percent_encoded() -> None:
    found = of("smtp+tls://ann%40example.org:p%3A%2F@mail").mail("NAME")
    assert (found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"]) == ("ann@example.org", "p:/")


def test_without_one_nothing_is_sent() -> None:
    assert of("").mail("NAME") == {}


@pytest.mark.parametrize(
    "url", ["console://", "consolemail://", "mail.example.org", "smtp://", "smtp://mail:port"]
)
def test_anything_else_is_refused_without_telling_a_password(url: str) -> None:
    with pytest.raises(SettingInvalid, match=r"^NAME is no URL of a mail server"):
        of(url).mail("NAME")


def test_the_sender_is_an_address() -> None:
    for address in ("faces@example.org", "FaceRoute <faces@example.org>", ""):
        assert of(address).address("NAME") == address
    for wrong in ("faces", "<faces@example.org", "a@b\nBcc: c@d"):
        with pytest.raises(SettingInvalid):
            of(wrong).address("NAME")
