"""Answers that browsers save as files."""

import re
from typing import TypeVar

from django.http import HttpResponseBase
from django.utils.http import content_disposition_header

_Response = TypeVar("_Response", bound=HttpResponseBase)

# What no file may be called somewhere, or no header may hold.
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff/\\:*?"<>|]+')


def named(response: _Response, name: str) -> _Response:
    """The response as a file to save under a name, in whatever script that is."""
    header = content_disposition_header(True, _FORBIDDEN.sub("_", name))
    response["Content-Disposition"] = header or "attachment"
    return response
