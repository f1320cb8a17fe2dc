"""The whole site on one machine: prepared, started, announced, stopped together."""

import asyncio
import signal

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from training.registry.versions import active_version

from . import programs
from .address import Address
from .instance_lock import instance_lock
from .saying import Terminal, outlives_terminal, say
from .supervision import Program, running

_ME = "faceroute"


def serve(address: Address) -> None:
    """Run the site at the address until this process is asked to stop.

    That is Ctrl-C, SIGTERM, or the end of its terminal, unless it was told to outlive that.

    Raises AlreadyRunning, AddressUnusable or RedisMissing before anything is started.
    """
    with instance_lock(settings.DATA_DIR) as lock:
        address.ensure_free()
        queue = [programs.queue(settings.DATA_DIR)] if settings.EMBEDDED_REDIS else []
        say(_ME, "Preparing the database, the static files and the model.")
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        register_starter()
        asyncio.run(_run(address, queue, programs.site(address), lock))
    say(_ME, "Everything has stopped.")


async def _run(address: Address, queue: list[Program], site: list[Program], lock: int) -> None:
    stop = _asked_to_stop()
    watching = asyncio.create_task(_stop_with_terminal(stop))
    # Redis starts first and goes last, so that the others stop without complaints.
    async with (
        running(*queue, cwd=settings.BASE_DIR, keep_open=lock),
        running(*site, cwd=settings.BASE_DIR, keep_open=lock),
    ):
        announcing = asyncio.create_task(_announce(address))
        await stop.wait()
        announcing.cancel()
        watching.cancel()
        say(_ME, "Stopping; this takes a few seconds.")


def register_starter() -> None:
    """A broken starter stops no site that another model serves. Raises CommandError."""
    try:
        call_command("register_starter")
    except CommandError as error:
        if active_version() is None:
            raise
        say(_ME, str(error))


def _asked_to_stop() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            loop.add_signal_handler(number, stop.set)
    return stop


async def _stop_with_terminal(stop: asyncio.Event) -> None:
    terminal = Terminal()
    while outlives_terminal() or not terminal.is_gone():
        await asyncio.sleep(1)
    stop.set()


async def _announce(address: Address) -> None:
    while not await asyncio.to_thread(address.is_ready):
        await asyncio.sleep(0.2)
    if not await get_user_model().objects.filter(is_superuser=True).aexists():
        say(_ME, "There is no administrator yet; `make admin` creates one.")
    say(_ME, f"Ready at {address.url}{settings.BASE_PATH} (Ctrl-C stops it)")
