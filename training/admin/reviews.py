"""Searches for label errors, watched as other long work is."""

from django.contrib import admin

from ..models import ReviewRun
from .runs import RunAdmin


@admin.register(ReviewRun)
class ReviewRunAdmin(RunAdmin):
    list_display = ("created_at", "dataset", "colored_state", "progress", "took", "requested_by")
    list_select_related = ("dataset", "requested_by")
