"""What pages, calls and upkeep cost beside many predictions, compared with few.

    .venv/bin/python tools/web_at_scale.py --few URL --many URL [--plans FILE] [--only WORD]

The URLs are of two databases that `tools/fill_predictions.py` has filled. Everything is done
through the site's own views, in a process for each database, in turns; what it writes is rolled
back. Each line has, beside few and beside many: queries; what was read, which are rows and index
entries on PostgreSQL, and steps of its virtual machine on SQLite, which counts no rows; the least
processor time of all tries, of client and server together (both are to run on this machine).
`--plans` keeps how the larger database finds what it is asked for.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--few")
    parser.add_argument("--many")
    parser.add_argument("--only", default="", help="actions whose name has this in it")
    parser.add_argument("--plans", type=Path)
    parser.add_argument("--tries", type=int, default=15)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    sides = [Side(options.few), Side(options.many)]
    _print("| | queries | read | ms | ratio |\n|---|---|---|---|---|")
    plans = []
    for name in sides[0].ask("names"):
        if options.only in name:
            found = [side.ask("inspect", name) for side in sides]
            plans.append(f"## {name}\n\n" + "\n\n".join(found[1]["plans"]))
            _print(_line(name, found, _times(name, sides, options.tries)))
    if options.plans:
        options.plans.write_text("\n\n".join(plans))


def _times(name: str, sides: "list[Side]", tries: int) -> list[float]:
    """The least time of each side, in milliseconds; slow actions are not tried as often."""
    taken: list[list[float]] = [[], []]
    for _ in range(tries):
        for side, times in zip(sides, taken, strict=True):
            times.append(side.ask("time", name))
        if sum(map(sum, taken)) > 20_000:
            break
    return [min(times) for times in taken]


def _line(name: str, found: list[dict[str, Any]], times: list[float]) -> str:
    queries, read = ([one[key] for one in found] for key in ("queries", "read"))
    told = f"| {name} | {_both(queries)} | {read[0]:,} → {read[1]:,} "
    return told + f"| {times[0]:.1f} → {times[1]:.1f} | {times[1] / times[0]:.2f} |"


def _both(numbers: list[int]) -> str:
    return str(numbers[0]) if numbers[0] == numbers[1] else f"{numbers[0]} → {numbers[1]}"


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201


class Side:
    """A process that serves one of the two databases."""

    def __init__(self, url: str) -> None:
        self._data = tempfile.TemporaryDirectory(prefix="faceroute-scale-")
        environment = {"DATABASE_URL": url, "FACEROUTE_DATA_DIR": self._data.name}
        process: Any = subprocess.Popen(
            [sys.executable, __file__, "--serve"],
            env={**os.environ, **environment, "LOG_LEVEL": "CRITICAL"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._asked, self._told = process.stdin, process.stdout

    def ask(self, *words: str) -> Any:
        self._asked.write(json.dumps(words) + "\n")
        self._asked.flush()
        return json.loads(self._told.readline())


def serve() -> None:
    """Answer questions on standard input, a line each."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faceroute_site.settings")
    import django

    django.setup()
    from django.conf import settings

    # A manifest of static files comes with a deployment.
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": static}
    settings.ALLOWED_HOSTS = ["*"]
    from tools import scale_actions

    actions = scale_actions.actions()
    for line in sys.stdin:
        question, *names = json.loads(line)
        answers: dict[str, Callable[..., Any]] = {
            "names": lambda: list(actions),
            "inspect": inspect,
            "time": timed,
        }
        print(json.dumps(answers[question](*(actions[n] for n in names))), flush=True)  # noqa: T201


def timed(action: Callable[[], object]) -> float:
    with undone():
        started = processor_time()
        action()
        return 1000 * (processor_time() - started)


def processor_time() -> float:
    """Seconds on a processor, of this process and of the server's that works for it."""
    from django.db import connection

    spent = time.process_time()
    if connection.vendor == "postgresql":
        server = connection.connection.info.backend_pid
        spent += int(Path(f"/proc/{server}/schedstat").read_text().split()[0]) / 1e9
    return spent


def inspect(action: Callable[[], object]) -> dict[str, Any]:
    """The number of queries of an action, what they read, and how those look that are SELECTs."""
    from django.db import connection

    asked: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            asked.append((sql, params))
        return execute(sql, params, many, context)

    with undone():
        with reading() as read, connection.execute_wrapper(note):
            action()
        selects = {sql: params for sql, params in asked if sql.startswith("SELECT")}
        plans = [f"{sql[:600]}\n{_plan(sql, params)}" for sql, params in selects.items()]
    return {"queries": len(asked), "read": read[0], "plans": plans}


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is written inside is rolled back."""
    from django.db import transaction

    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def reading() -> Iterator[list[int]]:
    """Counts what the statements inside read, of which the list holds the number at the end."""
    from django.db import connection

    read = [0]
    if connection.vendor == "sqlite":

        def count() -> None:
            read[0] += 100

        connection.connection.set_progress_handler(count, 100)
        yield read
        connection.connection.set_progress_handler(None, 0)
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")  # theirs are not counted
        before = _tuples(cursor)
        yield read
        read[0] = _tuples(cursor) - before


def _tuples(cursor: Any) -> int:
    """Rows of sequential scans, and entries of indexes, that this transaction has read."""
    cursor.execute(
        "SELECT sum(pg_stat_get_xact_tuples_returned(oid)) FROM pg_class "
        "WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace"
    )
    return int(cursor.fetchone()[0])


def _plan(sql: str, params: Any) -> str:
    from django.db import connection

    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        prefix = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN (ANALYZE, BUFFERS)"
        cursor.execute(f"{prefix} {sql}", params)
        return "\n".join(row[-1] for row in cursor.fetchall())


if __name__ == "__main__":
    main()
