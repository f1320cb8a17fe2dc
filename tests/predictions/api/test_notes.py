"""docs/user/api.md shows every call there is, and none that is not."""

import re
from itertools import takewhile

from drf_spectacular.generators import SchemaGenerator

from predictions.api.schema import ERROR_CODES as PREDICTION_CODES
from predictions.messages import FAILURE_CODES, FaceWarningCode, WarningCode
from tests.processes import ROOT
from training.api.schema import ERROR_CODES as TRAINING_CODES

NOTES = (ROOT / "docs" / "user" / "api.md").read_text()


def test_every_call_has_its_line_of_curl() -> None:
    shown = set()
    for line in re.findall(r"^curl .*", NOTES, re.MULTILINE):
        method = re.search(r"-X (\w+)", line)
        path = re.sub(r'["?].*', "", line.rpartition("$SITE")[2])
        path = re.sub(r"\$([A-Z]+)", lambda name: f"{{{name[1].lower()}}}", path)
        path = path.replace("/0/", "/{index}/")
        shown.add((method[1] if method else "POST" if " -F " in line else "GET", path))
    paths = SchemaGenerator().get_schema(public=True)["paths"]  # type: ignore[no-untyped-call]
    assert shown == {(method.upper(), path) for path in paths for method in paths[path]}


def _in_table(heading: str) -> set[str]:
    """The codes in the table that follows a line, of its column `code`."""
    lines = NOTES.partition(heading)[2].lstrip().splitlines()
    rows = [line.split("|") for line in takewhile(lambda line: line.startswith("|"), lines)]
    column = [cell.strip() for cell in rows[0]].index("`code`")
    return {code for row in rows[2:] for code in re.findall(r"`(\w+)`", row[column])}


def _in_schema(component: str) -> set[str]:
    """The codes that the OpenAPI document has for a component."""
    schemas = SchemaGenerator().get_schema(public=True)["components"]["schemas"]  # type: ignore[no-untyped-call]
    return set(schemas[component]["enum"])


def test_code_notes_and_schema_have_the_same_codes_of_errors() -> None:
    known = {*TRAINING_CODES, *PREDICTION_CODES}
    assert _in_schema("ErrorCodeEnum") | _in_schema("PredictionErrorCodeEnum") == known
    assert _in_table('"fields": {"limit": ["A valid integer is required."]}}\n```\n') == known


def test_code_notes_and_schema_have_the_same_codes_of_failures() -> None:
    assert _in_schema("FailureCodeEnum") == set(FAILURE_CODES)
    assert _in_table("The `code` of a prediction's `failure`:\n") == set(FAILURE_CODES)


def test_code_notes_and_schema_have_the_same_codes_of_warnings() -> None:
    assert _in_schema("WarningCodeEnum") == set(WarningCode)
    assert _in_schema("FaceWarningCodeEnum") == set(FaceWarningCode)
    named = set(re.findall(r"`(\w+)`", NOTES.partition("- `warnings`: what to know")[2]))
    assert {*WarningCode, *FaceWarningCode} <= named
