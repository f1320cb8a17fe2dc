"""`serve`: the whole site on this machine, until Ctrl-C."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from faceroute_site.address import Address, AddressUnusable
from faceroute_site.embedded_redis import RedisMissing
from faceroute_site.instance_lock import AlreadyRunning
from faceroute_site.one_machine import serve


class Command(BaseCommand):
    help = "Run the whole site on this machine: web, workers, scheduler, and Redis if none is set."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *, host: str, port: int, **_options: Any) -> None:
        try:
            serve(Address(host, port))
        except (AddressUnusable, AlreadyRunning, RedisMissing) as error:
            raise CommandError(str(error)) from error
