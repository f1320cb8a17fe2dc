"""The table of a batch as a file to download."""

from collections.abc import Callable, Iterable

from django.http import StreamingHttpResponse
from django.http.response import FileResponse

from .models import Batch
from .results import as_csv, as_json_lines, as_xlsx

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_LINES: dict[str, tuple[str, Callable[[Batch], Iterable[str]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "jsonl": ("application/jsonl; charset=utf-8", as_json_lines),
}
KINDS = ("csv", "xlsx", "jsonl")


def table_response(batch: Batch, kind: str) -> StreamingHttpResponse:
    """The table as a file of one of `KINDS`, sent as it is made but for a workbook."""
    name = f"faceroute-{batch.pk}.{kind}"
    if kind == "xlsx":
        return FileResponse(as_xlsx(batch), as_attachment=True, filename=name, content_type=_XLSX)
    content_type, lines = _LINES[kind]
    return StreamingHttpResponse(
        lines(batch),
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
