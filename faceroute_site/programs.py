"""The programs that make up the site, as command lines for one machine.

docker-compose.yml starts the same command lines in containers.
"""

import shutil
import sys
from pathlib import Path

from . import embedded_redis
from .address import Address
from .supervision import Program

_PYTHON = (sys.executable, "-m")
_CELERY = (*_PYTHON, "celery", "-q", "-A", "faceroute_site")
# Workers learn what to do from the database, and say there how they are; they need not talk to
# each other, and not wait for a Redis that is away to do so.
_ALONE = ("--without-gossip", "--without-mingle", "--without-heartbeat")
_WORKER = (*_CELERY, "worker", "-l", "INFO", *_ALONE)
_QUIET_TENSORFLOW = {"TF_CPP_MIN_LOG_LEVEL": "2"}


def queue(data_dir: Path) -> Program:
    """The embedded Redis. Raises RedisMissing where there is no server to run."""
    return Program("redis", embedded_redis.command(data_dir))


def site(address: Address) -> list[Program]:
    """The web process, the workers, and the scheduler, which does the upkeep."""
    web = (*_PYTHON, "faceroute_site.web")
    inference = (*_WORKER, "-n", "inference@%h", "-Q", "inference")
    # A process a task: what TensorFlow took for a training is given back at its end.
    alone = ("-c", "1", "--max-tasks-per-child", "1")
    data = (*_WORKER, "-n", "data@%h", "-Q", "data", *alone)
    training = (*_WORKER, "-n", "training@%h", "-Q", "training", *alone)
    beat = (*_CELERY, "beat", "-l", "INFO")
    return [
        Program("web", web, {"HOST": address.host, "PORT": str(address.port)}),
        Program("inference", inference, _QUIET_TENSORFLOW),
        # Nobody sits in front of a screen waiting for what these do: photos go first.
        # Their work takes long and goes on after a kill: to wait for its end would be in vain.
        Program("data", (*_nice(), *data), _QUIET_TENSORFLOW, grace=5.0),
        Program("training", (*_nice(), *training), _QUIET_TENSORFLOW, grace=5.0),
        Program("beat", beat),
    ]


def _nice() -> tuple[str, ...]:
    nice = shutil.which("nice")
    return (nice, "-n", "10") if nice else ()
