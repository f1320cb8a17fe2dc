"""Every URL of the site."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import include, path
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from .overview import health

admin.autodiscover()  # here, since only the web shows the administration
admin.site.index_title = gettext_lazy("Overview")


@require_safe
def favicon(_request: HttpRequest) -> HttpResponse:
    """Where browsers look for an icon of what is no page, such as a CSV file."""
    return redirect(static("predictions/icon.svg"))


urlpatterns = [
    path("favicon.ico", favicon, name="favicon"),
    path("admin/health/", admin.site.admin_view(health), name="health"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("faceroute_site.api_urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("predictions.urls")),
]

handler400 = "faceroute_site.error_pages.bad_request"
handler403 = "faceroute_site.error_pages.permission_denied"
handler404 = "faceroute_site.error_pages.not_found"
handler500 = "faceroute_site.error_pages.server_error"
