"""API keys: what they are called, how long they work, and when they were last used.

django-rest-knox keeps a key's hash, account and expiry; what else is known of it stands beside
that.
"""

import logging
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import DatabaseError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from knox.models import AuthToken
from knox.settings import knox_settings

from training.models.datasets import is_one_line

logger = logging.getLogger(__name__)

LONGEST_NAME = 100  # characters
_LIFETIMES = (7, 30, 90, 365)  # days
# A call is not a write each time.
_NOTED_EVERY = timedelta(hours=1)


def validate_name(name: str) -> None:
    """Raises ValidationError for what no key may be called."""
    if not is_one_line(name) or not 0 < len(name.strip()) <= LONGEST_NAME:
        words = _("A key’s name must be a single line of 1 to %(longest)d characters.")
        raise ValidationError(words, params={"longest": LONGEST_NAME})


class KeyDetails(models.Model):
    """What is known of a key beside knox's row.

    Keys that versions before made, or administrators, have none until they are used, and no name.
    """

    key = models.OneToOneField(
        AuthToken, models.CASCADE, primary_key=True, editable=False, related_name="details"
    )
    name = models.CharField(_("name"), max_length=LONGEST_NAME, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


def lifetimes() -> list[int]:
    """For how many days a key may work, the longest last."""
    longest = knox_settings.TOKEN_TTL.days
    return [days for days in _LIFETIMES if days < longest] + [longest]


def make_key(user: User, name: str, days: int) -> str:
    """A new key, which is nowhere else: its hash alone is stored."""
    with transaction.atomic():
        row, key = AuthToken.objects.create(user, expiry=timedelta(days=days))
        KeyDetails.objects.create(key=row, name=name)
    return str(key)


def note_use(key: AuthToken) -> None:
    """Write down that a key is used now, unless that was done within the hour.

    Whoever reads is not refused where it cannot be written, such as on a full disk.
    """
    now = timezone.now()
    recent = KeyDetails.objects.filter(key=key, last_used_at__gt=now - _NOTED_EVERY)
    if recent.exists():
        return
    try:
        with transaction.atomic():
            _write_use(KeyDetails(key=key, last_used_at=now))
    except DatabaseError as error:
        logger.warning("It could not be written down that an API key was used: %s", error)


def _write_use(used: KeyDetails) -> None:
    """One statement, whether there is a row already or not."""
    KeyDetails.objects.bulk_create(
        [used], update_conflicts=True, unique_fields=["key"], update_fields=["last_used_at"]
    )
