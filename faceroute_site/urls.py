"""Every URL of the site."""

from django.contrib import admin
from django.urls import include, path

admin.autodiscover()  # here, since only the web shows the administration

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("faceroute_site.api_urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("predictions.urls")),
]

handler400 = "faceroute_site.error_pages.bad_request"
handler404 = "faceroute_site.error_pages.not_found"
handler500 = "faceroute_site.error_pages.server_error"
