"""Pages that cost the same however many rows there are: by cursor, never by counting."""

from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.fields import IntegerField
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class NewestFirst(CursorPagination):
    """Newest first; the cursor is a point in time, the id decides between rows of one instant."""

    ordering = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200

    def get_page_size(self, request: Request) -> int:
        limit = IntegerField(min_value=1, max_value=self.max_page_size)
        try:
            size: int = limit.run_validation(request.query_params.get("limit", self.page_size))
        except ValidationError as error:
            raise ValidationError({"limit": error.detail}) from None
        return size

    def decode_cursor(self, request: Request) -> Any:
        """The cursor of the query, if any; one we did not make is the caller's mistake, a 400."""
        try:
            cursor: Any = super().decode_cursor(request)
            if cursor is None or cursor.position is None:
                return cursor
            moment = datetime.fromisoformat(cursor.position).astimezone(UTC)
        except (NotFound, ValueError, OverflowError):
            message = _("This cursor is not valid. Please follow the links “next” and “previous”.")
            raise ValidationError({"cursor": [message]}) from None
        return cursor._replace(position=str(moment))

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor, limit = super().get_schema_operation_parameters(view)
        bounds = {"minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        return [cursor, {**limit, "schema": {"type": "integer", **bounds}}]
