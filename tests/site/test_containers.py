"""The container files name only what exists. No engine is needed: they are read, not run."""

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from faceroute_site import programs
from faceroute_site.address import Address
from predictions.heartbeats import UPKEEP

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name in SERVICES if name not in {"db", "redis"}]


def test_the_compose_file_is_one_by_the_specification() -> None:
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec")
    answer = subprocess.run(
        [*command, ROOT / "docker-compose.yml"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("profile", "services"),
    [
        (
            "one-machine",
            {"web", "inference", "data", "training", "beat", "migrate", "db", "redis"},
        ),
        ("web", {"web"}),
        ("inference", {"inference"}),
        ("training", {"migrate", "data", "training", "beat"}),
        ("gpu", {"inference-gpu", "training-gpu"}),
        ("inference-gpu", {"inference-gpu"}),
        ("training-gpu", {"training-gpu"}),
    ],
)
def test_a_machine_runs_what_its_profile_names(profile: str, services: set[str]) -> None:
    # Without a profile a service would run on every machine.
    assert {
        name for name, service in SERVICES.items() if profile in service["profiles"]
    } == services


def test_a_service_waits_for_no_other_machine() -> None:
    for service in SERVICES.values():
        for name, how in service.get("depends_on", {}).items():
            together = set(service["profiles"]) <= set(SERVICES[name]["profiles"])
            assert together or how["required"] is False


def test_database_and_broker_may_be_elsewhere() -> None:
    passed = COMPOSE["x-faceroute"]["environment"]
    assert passed["DATABASE_URL"].startswith("${DATABASE_URL:-postgres://")
    assert passed["REDIS_URL"].startswith("${REDIS_URL:-redis://")


def test_the_example_is_for_one_machine() -> None:
    assert "\nCOMPOSE_PROFILES=one-machine\n" in (ROOT / ".env.example").read_text()


@pytest.mark.parametrize("name", ["inference", "training"])
def test_workers_run_on_a_gpu_where_asked_for(name: str) -> None:
    on_gpu = SERVICES[f"{name}-gpu"]
    assert on_gpu["profiles"] == ["gpu", f"{name}-gpu"]
    assert on_gpu["deploy"]["resources"]["reservations"]["devices"][0]["driver"] == "nvidia"
    assert on_gpu["image"] != SERVICES[name]["image"]
    assert (ROOT / on_gpu["build"]["args"]["REQUIREMENTS"]).exists()
    assert on_gpu["command"] == SERVICES[name]["command"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_images_are_pinned(name: str) -> None:
    assert re.search(r":\d+\.\d+", SERVICES[name]["image"])


@pytest.mark.parametrize(
    "name", ["web", "inference", "data", "training", "db", "redis", "inference-gpu", "training-gpu"]
)
def test_services_say_how_they_are(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", ["inference", "data", "training"])
def test_workers_are_asked_for_the_queue_that_they_serve(name: str) -> None:
    command = SERVICES[name]["command"]
    queue = command[command.index("-Q") + 1]
    assert SERVICES[name]["healthcheck"]["test"] == [
        *("CMD", "python", "manage.py", "check_worker"),
        queue,
    ]


def test_the_scheduler_is_asked_for_the_upkeep() -> None:
    assert SERVICES["beat"]["healthcheck"]["test"][-2:] == ["check_worker", UPKEEP]


def test_the_port_is_for_this_machine_alone_unless_asked() -> None:
    assert SERVICES["web"]["ports"] == ["${BIND:-127.0.0.1}:${PORT:-8000}:8000"]


@pytest.mark.parametrize("name", OURS)
def test_our_services_are_confined(name: str) -> None:
    assert SERVICES[name]["read_only"] is True
    assert SERVICES[name]["cap_drop"] == ["ALL"]


def test_dependencies_exist() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_the_same_command_lines_run_on_one_machine() -> None:
    """Only `nice` and the interpreter's path may differ."""

    def words(command: Sequence[str]) -> list[str]:
        return list(command[list(command).index("-m") :])

    here = {program.name: words(program.command) for program in programs.site(Address("::", 1))}
    there = {name: words(SERVICES[name]["command"]) for name in here}
    assert here == there


def test_training_yields_the_processor_to_whoever_waits_for_a_photo() -> None:
    usual = 1024
    for name in OURS:
        shares = SERVICES[name].get("cpu_shares", usual)
        assert shares <= usual / 8 if name.startswith(("data", "training")) else shares == usual


def test_the_image_runs_as_a_user_without_rights() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    last_stage = dockerfile.rsplit("FROM ", 1)[1]
    assert re.search(r"^USER (?!root)\w+", last_stage, re.MULTILINE)
    assert all(
        re.search(r":\d+\.\d+\.\d+", line) for line in re.findall(r"^FROM .*", dockerfile, re.M)
    )
    copied = re.findall(r"^COPY (?!--from)(\S+) ", dockerfile, re.MULTILINE)
    assert all((ROOT / source).exists() for source in copied)
    assert re.findall(r"^ARG (\w+)", dockerfile, re.MULTILINE) == ["REQUIREMENTS"]


def test_every_variable_asked_for_is_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    example = (ROOT / ".env.example").read_text()
    for name in re.findall(r"\$\{(\w+):\?", text):
        assert f"{name}=" in example


def test_the_migration_commands_exist() -> None:
    [_shell, _flag, line] = SERVICES["migrate"]["command"]
    commands = [shlex.split(part)[2] for part in line.split("&&")]
    assert commands == ["migrate", "register_starter"]
