"""Work that one claim holds for as long as it renews its lease.

Leases are written and judged by the database's clock, so that those of machines need not agree.
"""

import uuid
from datetime import timedelta
from typing import Any, TypeVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Leased(models.Model):
    """A row that one worker may hold: its `claim` does while `lease_expires_at` lies ahead."""

    claim = models.UUIDField(_("claim"), null=True, blank=True, editable=False)
    lease_expires_at = models.DateTimeField(_("lease expires at"), null=True, blank=True)

    class Meta:
        abstract = True


AnyLeased = TypeVar("AnyLeased", bound=Leased)

# What an UPDATE writes of a row that nobody holds any more.
UNCLAIMED: dict[str, Any] = {"claim": None, "lease_expires_at": None}


def claimed_by(claim: uuid.UUID, length: timedelta) -> dict[str, Any]:
    """What an UPDATE writes to take a row, for as long as a lease lasts."""
    return {"claim": claim, **renewed(length)}


def renewed(length: timedelta) -> dict[str, Any]:
    """What an UPDATE writes to let a lease begin anew."""
    return {"lease_expires_at": Now() + length}


def expired(rows: models.QuerySet[AnyLeased]) -> models.QuerySet[AnyLeased]:
    """Those of rows under work whose worker is lost."""
    return rows.filter(lease_expires_at__lt=Now())
