"""`create_api_key USERNAME`: make an API key for an account and print it, once."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from knox.models import AuthToken


class Command(BaseCommand):
    help = "Make an API key for an account. It is printed once; only its hash is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(
                f"There is no account “{options['username']}”. Sign up on the site first, or run "
                "`manage.py createsuperuser`."
            )
        _token, key = AuthToken.objects.create(user)
        self.stdout.write(key)
