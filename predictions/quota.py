"""How much a sender may send in an hour: each photo taken and each estimated again counts once.

An account counts as one sender, whatever its keys and browsers; an anonymous browser by its
address, since it can throw its cookie away. What is deleted stays counted. Rows go after the hour.
"""

from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.crypto import salted_hmac

from .access import Owner

_WINDOW = timedelta(hours=1)
_HOME = 64  # bits of an IPv6 address that one household or one machine has


class Sender(models.Model):
    """Somebody whose sendings are counted: an account, or a word made of an address that does not
    tell it. The row is locked while one is counted."""

    name = models.CharField(max_length=40, primary_key=True, editable=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class Sending(models.Model):
    """One piece of work that was accepted."""

    sender = models.ForeignKey(Sender, models.CASCADE, db_index=False)
    sent_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["sender", "-sent_at"], name="sending_by_sender")]

    def __str__(self) -> str:
        return f"{self.sender_id} {self.sent_at}"


def seconds_to_wait(owner: Owner) -> int:
    """Until one more piece of work is accepted from an owner; 0 where it is now."""
    since = timezone.now() - _WINDOW
    recent = Sending.objects.filter(sender=sender_of(owner), sent_at__gt=since).order_by("-sent_at")
    # What fills the quota, counted from the newest: the next may come an hour after it.
    filling = recent.values_list("sent_at", flat=True)[settings.PHOTOS_PER_HOUR - 1 :][:1]
    return next((max(1, round((oldest - since).total_seconds())) for oldest in filling), 0)


def take(owner: Owner) -> int:
    """Count one piece of work, in the transaction that accepts it; as `seconds_to_wait`.

    Of several at once each waits for the one before, so that none is counted with another.
    """
    sender, _new = Sender.objects.select_for_update().get_or_create(name=sender_of(owner))
    seconds = seconds_to_wait(owner)
    if not seconds:
        Sending.objects.create(sender=sender, sent_at=timezone.now())
    return seconds


def take_up_to(owner: Owner, wanted: int) -> int:
    """Count as many pieces of work as are accepted of so many, in the transaction that accepts
    them; how many that is."""
    sender, _new = Sender.objects.select_for_update().get_or_create(name=sender_of(owner))
    now = timezone.now()
    taken = Sending.objects.filter(sender=sender, sent_at__gt=now - _WINDOW).count()
    granted = max(0, min(wanted, settings.PHOTOS_PER_HOUR - taken))
    Sending.objects.bulk_create([Sending(sender=sender, sent_at=now) for _ in range(granted)])
    return granted


def forget(now: datetime) -> None:
    """Delete what counts no longer."""
    Sending.objects.filter(sent_at__lte=now - _WINDOW).delete()
    with transaction.atomic():
        idle = Sender.objects.filter(~Exists(Sending.objects.filter(sender=OuterRef("pk"))))
        names = list(idle.select_for_update().values_list("pk", flat=True))
        # Looked at again once they are locked: one of them may have sent something meanwhile.
        idle.filter(pk__in=names).delete()


def sender_of(owner: Owner) -> str:
    """The name that an owner's sendings are counted by."""
    if owner.user_id:
        return f"account {owner.user_id}"
    if owner.sender:
        return owner.sender
    who = _network(owner.address) if owner.address else f"visitor {owner.visitor}"
    return salted_hmac("predictions.quota", who).hexdigest()[:40]


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:  # a Unix socket has none
        return address
    return str(ip_network((parsed, _HOME), strict=False)) if parsed.version == 6 else str(parsed)
