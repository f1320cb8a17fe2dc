"""docs/user/api.md shows every call there is, and none that is not."""

import re

from drf_spectacular.generators import SchemaGenerator

from predictions.failures import FailureCode
from tests.processes import ROOT

NOTES = (ROOT / "docs" / "user" / "api.md").read_text()


def test_every_call_has_its_line_of_curl() -> None:
    shown = set()
    for line in re.findall(r"^curl .*", NOTES, re.MULTILINE):
        method = re.search(r"-X (\w+)", line)
        path = re.sub(r'["?].*', "", line.rpartition("$SITE")[2])
        path = path.replace("$ID", "{id}").replace("/0/", "/{index}/")
        shown.add((method[1] if method else "POST" if " -F " in line else "GET", path))
    paths = SchemaGenerator().get_schema(public=True)["paths"]  # type: ignore[no-untyped-call]
    assert shown == {(method.upper(), path) for path in paths for method in paths[path]}


def test_every_failure_code_is_named() -> None:
    codes = [code for code in FailureCode.values if not code.startswith("photo_")]
    assert [code for code in codes if f"`{code}`" not in NOTES] == []
