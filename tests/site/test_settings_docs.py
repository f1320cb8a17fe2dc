"""Every variable that settings read is named where operators look for it, and no other is."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
# Of the containers alone: which run, the database's own, the port that leads into the web's.
NOT_OURS = {"COMPOSE_PROFILES", "POSTGRES_PASSWORD", "BIND"}
# Of the client of the bucket.
BUCKET = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"}


def variables(pattern: str, file: str) -> set[str]:
    return set(re.findall(pattern, (ROOT / file).read_text(), re.MULTILINE))


READ = variables(r'env\.\w+\(\s*"([A-Z][A-Z0-9_]+)"', "faceroute_site/settings.py")


def test_the_table_in_the_documentation() -> None:
    rows = variables(r"^\| (`[A-Z][^|]*) \|", "docs/operator/operations.md")
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == READ


def test_the_example_of_an_env_file() -> None:
    assert variables(r"^#? ?([A-Z][A-Z0-9_]+)=", ".env.example") - NOT_OURS == READ | BUCKET


def test_what_the_containers_pass_on() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    passed = compose["x-faceroute"]["environment"]
    assert {name for name in passed if not name.startswith("TF_")} == READ | BUCKET
    example = variables(r"^#? ?([A-Z][A-Z0-9_]+)=", ".env.example")
    assert variables(r"\$\{([A-Z][A-Z0-9_]+)", "docker-compose.yml") <= example
