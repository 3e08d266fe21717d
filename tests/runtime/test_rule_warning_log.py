"""Log lines about rules that only warn: few, and without values."""

from __future__ import annotations

from structlog.testing import capture_logs

from headrace.runtime.rule_warning_log import SECONDS, RuleWarningLog


def test_the_first_breach_is_logged_at_once_and_later_ones_together_once_a_minute() -> None:
    now = 1000.0
    log = RuleWarningLog(lambda: now)

    with capture_logs() as lines:
        for _ in range(5):
            log.note("things", {"small": 3})
            now += 1
        log.note("things", {"even": 1})
        log.note("others", {"small": 2})
        now += SECONDS
        log.note("things", {"small": 1})
        log.note("things", {})

    assert [(line["subject"], line["rule"], line["events"]) for line in lines] == [
        ("things", "small", 3),
        ("things", "even", 1),
        ("others", "small", 2),
        ("things", "small", 13),
    ]
    assert {(line["event"], line["log_level"]) for line in lines} == {("rule_warning", "warning")}
