"""Every URL of the site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("predictions.api.urls")),
]

handler404 = "faceroute_site.errors.not_found"
handler500 = "faceroute_site.errors.server_error"
