"""JSON and forms from outside; what is neither is refused in the caller's language."""

import json
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser, MultiPartParser


class DocumentParser(JSONParser):
    """JSON; lists of lists without end, and text that no database keeps, are refused."""

    def parse(self, *arguments: Any, **options: Any) -> Any:
        try:
            document = super().parse(*arguments, **options)
            sensible = "\\u0000" not in json.dumps(document)
        except (ParseError, RecursionError):  # DRF's words are English in every language
            sensible = False
        if not sensible:
            raise ParseError(_("The request cannot be understood."))
        return document


class FilesParser(MultiPartParser):
    """Files with fields beside them."""

    def parse(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().parse(*arguments, **options)
        except ParseError:
            raise ParseError(_("The request cannot be understood.")) from None
