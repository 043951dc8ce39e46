"""The rows of a table in the formats of other programs, and as text for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from maestro.errors import UsageError
from maestro.report import table
from maestro.report.look import one_line
from maestro.spec.values import jsonable

__all__ = ["BINARY", "ENDINGS", "content", "csv_lines", "text", "timeless"]

ENDINGS = {"csv": (".csv",), "json": (".json",), "parquet": (".parquet", ".pq")}
"""The formats, each with how names of its files end."""

BINARY = ("parquet",)

Rows = Sequence[Mapping[str, Any]]


def content(rows: Rows, form: str) -> Iterable[bytes]:
    """``rows``, which all have the same columns, in the format ``form`` (see `ENDINGS`).

    CSV has nothing for None, ``true`` and ``false``, and, as JSON, times in UTC as ISO 8601 has
    them. JSON is a list of objects.

    Raises
    ------
    UsageError
        What is needed for ``form`` is not installed, or it cannot hold a value.
    """
    if form == "parquet":
        return [_parquet(rows)]
    return _csv(rows) if form == "csv" else _json(rows)


def _csv(rows: Rows) -> Iterator[bytes]:
    return csv_lines(chain([rows[0] if rows else table.COLUMNS], (row.values() for row in rows)))


def csv_lines(rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    """``rows`` of values, one after the other, as `content` writes them."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in rows:
        writer.writerow(map(_field, row))
        yield buffer.getvalue().encode(errors="backslashreplace")
        buffer.seek(0)
        buffer.truncate()


def _json(rows: Rows) -> Iterator[bytes]:
    before = b"["
    for row in rows:
        plain = {name: jsonable(timeless(value)) for name, value in row.items()}
        yield before + b"\n" + json.dumps(plain).encode()
        before = b","
    yield b"\n]\n" if rows else b"[]\n"


def _parquet(rows: Rows) -> bytes:
    frame = table.frame(rows)
    buffer = io.BytesIO()
    try:
        frame.to_parquet(buffer, engine="pyarrow", index=False)
    except ImportError:
        raise UsageError(
            "parquet needs pandas and pyarrow: pip install 'maestro-conductor[pandas]'"
        ) from None
    except (ValueError, TypeError, OverflowError) as error:
        raise UsageError(f"parquet cannot hold this table: {error}") from None
    return buffer.getvalue()


def text(rows: Rows, columns: Sequence[str]) -> str:
    """``columns`` of ``rows`` as a table for people."""
    from tabulate import tabulate

    cells = [[_cell(row[column]) for column in columns] for row in rows]
    return tabulate(cells, headers=[*map(one_line, columns)], disable_numparse=True)


def timeless(value: Any) -> Any:
    """``value`` as JSON and CSV have it."""
    return value.isoformat() if isinstance(value, datetime) else value


def _field(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else timeless(value)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else one_line(str(_field(value)))
