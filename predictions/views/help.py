"""Answers to what people ask themselves on the pages, which link to its sections."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from predictions.presentation import CONFIDENT

from .upload import HANDFUL


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """What the pages mean, in sections; those on data and models for staff alone."""
    context = {
        "days": settings.PHOTO_LIFETIME.days,
        "uncertain_below": round(100 * CONFIDENT),
        "handful": HANDFUL,
        "most": settings.PHOTOS_PER_BATCH,
        "contact": settings.CONTACT,
    }
    return render(request, "predictions/help.html", context)
