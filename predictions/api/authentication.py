"""`Authorization: Bearer KEY`, with keys that are stored hashed and expire."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from predictions.api_keys import note_use


class BearerAuthentication(TokenAuthentication):  # type: ignore[misc]
    """django-rest-knox's keys; bytes that are no text are a wrong key, not a server error.

    Why a key is refused stays unsaid, so that nobody learns which keys there have been.
    """

    def authenticate_credentials(self, token: bytes) -> Any:
        try:
            user, key = super().authenticate_credentials(token)
        except (AuthenticationFailed, UnicodeDecodeError):
            words = _(
                "This API key is wrong, has expired or was revoked. Please make one on the site, "
                "under “API keys”."
            )
            raise AuthenticationFailed(words) from None
        note_use(key)
        return user, key


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes it."""

    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
