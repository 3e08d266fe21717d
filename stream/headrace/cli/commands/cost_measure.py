"""``headrace cost measure``: print the load so far, to check an estimate."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from headrace.config.served_contracts import served
from headrace.config.settings import Settings
from headrace.planning.cost.measure import Measured, measure, total
from headrace.runtime.google_clients import open_bigquery
from headrace.runtime.reachability import Service, reach
from headrace.util.output import check_format, say, show


def show_measured(settings: Settings, since: datetime, now: datetime, format_: str) -> None:
    """Print the load from *since* until *now*, and the command that estimates its cost."""
    check_format(format_)
    registry = served(settings)
    reach(Service.BIGQUERY)
    measured = measure(registry, settings.names, open_bigquery(settings.project), since, now)
    whole = total(measured)
    if format_ != "table":
        show("subjects", [asdict(each) for each in measured], format_, total=asdict(whole))
        return
    rows: list[dict[str, Any]] = [
        {
            "subject": each.subject,
            "events": each.events,
            "a_second": f"{each.events_a_second:.3g}",
            "refused": f"{each.refused:.2%}",
            "row_bytes": "unknown" if each.row_bytes is None else f"{each.row_bytes:,}",
        }
        for each in measured
    ]
    show("subjects", rows, format_)
    if whole.events:
        say(f"a month of this: {_asking(whole, sum(each.events > 0 for each in measured))}")
        say("EVENT is the bytes of an encoded event; other options have their defaults")
    else:
        say(f"nothing was tallied since {since:%Y-%m-%d %H:%M} UTC; look further back with --since")


def _asking(whole: Measured, subjects: int) -> str:
    rows = "" if whole.row_bytes is None else f" --row-bytes {whole.row_bytes}"
    measured = f"--rate {whole.events_a_second:.3g} --refused {whole.refused:.2g}{rows}"
    return f"headrace cost estimate {measured} --event-bytes EVENT --subjects {subjects}"
