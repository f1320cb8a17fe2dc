"""What pages may load: the site's own files, and in the administration what its package needs."""

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

# Unfold is made with Alpine, which makes functions of the expressions in attributes, and sets
# colours in a style element. It needs no scripts inside of pages.
_FURTHER = {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}


class ContentSecurityMiddleware(CSPMiddleware):
    """CONTENT_SECURITY_POLICY for every page, widened where administrators are."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path.startswith(reverse("admin:index")):
            parts.update = _FURTHER
        return parts
