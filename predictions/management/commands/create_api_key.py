"""`create_api_key USERNAME`: make an API key for an account and print it, once."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from predictions.api_keys import lifetimes, make_key, validate_name


class Command(BaseCommand):
    help = "Make an API key for an account. It is printed once; only its hash is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        longest = lifetimes()[-1]
        parser.add_argument("username")
        parser.add_argument(
            "--name", default="create_api_key", help="what the list of keys calls it"
        )
        parser.add_argument(
            "--days", type=int, default=longest, help=f"how long it works, at most {longest}"
        )

    def handle(self, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(
                f"There is no account “{options['username']}”. Sign up on the site first, or run "
                "`manage.py createsuperuser`."
            )
        longest = lifetimes()[-1]
        if not 1 <= options["days"] <= longest:
            raise CommandError(f"A key works for 1 to {longest} days.")
        try:
            validate_name(options["name"])
        except ValidationError as error:
            raise CommandError(error.messages[0]) from None
        self.stdout.write(make_key(user, options["name"].strip(), options["days"]))
