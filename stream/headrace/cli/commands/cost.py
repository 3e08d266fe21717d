"""``headrace cost estimate``: print the monthly cost of a load, item by item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headrace.planning.cost.estimate import Engine, MonthlyLoad, estimate
from headrace.planning.cost.prices import load_prices
from headrace.util.output import check_format, say, show


def show_estimate(load: MonthlyLoad, prices_file: Path | None, format_: str) -> None:
    """Print the monthly cost of *load*. Raises PricesError for an invalid file of prices."""
    check_format(format_)
    prices = load_prices(prices_file)
    items = estimate(load, prices)
    total = sum(item.usd for item in items)
    if format_ == "table":
        rows: list[dict[str, Any]] = [
            {
                "what": item.what,
                "because": item.why,
                "a_month": f"{_short(item.quantity)} {item.price.unit}",
                "usd": item.usd,
            }
            for item in items
        ]
        show("items", rows, format_)
        say(f"{total:,.2f} US dollars a month for {load.month:,.0f} events")
        if load.engine is Engine.EMBEDDED:
            say("without the machine that the engine runs on, its disk and its network")
        say(f"list prices as of {prices.as_of} ({prices.region})")
        say("prices change: check them, or name your own with --prices; see docs/cost.md")
        return
    every = [
        {"what": item.what, "because": item.why, "quantity": item.quantity, "unit": item.price.unit, "usd": item.usd}
        for item in items
    ]
    show(
        "items", every, format_, usd_a_month=total, events_a_month=load.month, as_of=prices.as_of, region=prices.region
    )


def _short(quantity: float) -> str:
    return f"{quantity:,.0f}" if quantity >= 100 else f"{quantity:.3g}"
