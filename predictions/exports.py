"""Many results as one file, sent while it is made."""

from collections.abc import Iterable, Iterator

from django.db.models import prefetch_related_objects
from django.http import StreamingHttpResponse

from .models import Prediction
from .tables import as_csv, columns, rows

FILE = "faceroute-results.csv"


def csv_response(slices: Iterable[list[Prediction]]) -> StreamingHttpResponse:
    """A table of the faces of some predictions; a slice of them is in memory at a time."""
    return StreamingHttpResponse(
        csv_parts(slices),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{FILE}"'},
    )


def csv_parts(slices: Iterable[list[Prediction]]) -> Iterator[bytes]:
    """The text of such a table in UTF-8, its header first."""
    names = columns()
    header = as_csv(names, [])
    yield header.encode()
    for slice_ in slices:
        prefetch_related_objects(slice_, "faces")
        yield as_csv(names, rows(slice_)).removeprefix(header).encode()
