"""The table of settings in the documentation names every variable that is read, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "operator" / "operations.md").read_text()


def variables(pattern: str, *files: str) -> set[str]:
    return {name for file in files for name in re.findall(pattern, (ROOT / file).read_text())}


def test_every_setting_is_in_the_table() -> None:
    read = variables(r'env\.\w+\(\s*"([A-Z][A-Z0-9_]+)"', "faceroute_site/settings.py")
    read |= variables(r'environ\.get\(\s*"([A-Z][A-Z0-9_]+)"', "faceroute_site/web/__main__.py")
    rows = re.findall(r"^\| (`[A-Z][^|]*) \|", TABLE, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == read


def test_what_the_containers_pass_on_is_in_the_table() -> None:
    passed = variables(r"\$\{([A-Z][A-Z0-9_]+)", "docker-compose.yml")
    passed |= variables(r"^([A-Z][A-Z0-9_]+)=", ".env.example")
    assert sorted(name for name in passed - {"POSTGRES_PASSWORD"} if f"`{name}`" not in TABLE) == []
