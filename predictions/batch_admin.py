"""What administrators see of batches: states, times and numbers, as of predictions; no names."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from training.long_lists import LongListAdmin

from .batches.models import Batch
from .models import Photo


@admin.register(Batch)
class BatchAdmin(LongListAdmin):
    """Batches change through their owners alone."""

    list_display = ("created_at", "state", "photos", "expires_at", "id")
    list_display_links = None
    list_filter = ("state",)
    list_per_page = 50
    ordering = ("-expires_at",)  # which an index has
    sortable_by = ()
    fields = ("id", "state", "created_at", "expires_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        rows: QuerySet[Batch] = super().get_queryset(request)
        photos = Photo.objects.filter(batch=OuterRef("pk")).order_by().values("batch")
        return rows.annotate(photo_count=Subquery(photos.annotate(n=Count("*")).values("n")))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Batch | None:
        """Called by its number: the page's title and path would show the name. Nothing is saved."""
        batch: Batch | None = super().get_object(request, object_id, from_field)
        if batch:
            batch.name = str(batch.pk)
        return batch

    @admin.display(description=_("Photos"))
    def photos(self, batch: Any) -> int:
        return batch.photo_count or 0

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _row: Any = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _row: Any = None) -> bool:
        return False
