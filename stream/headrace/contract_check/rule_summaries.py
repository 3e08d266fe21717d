"""One sentence for each rule, for reports that explain themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from headrace.schemas.compatibility.rules import Rule

SUMMARIES: Final[Mapping[Rule, str]] = {
    Rule.FIELD_ADDED_WITHOUT_DEFAULT: "A new field has a default, because older events have no value for it.",
    Rule.FIELD_REMOVED: "A field stays: queries read its column, and older readers expect it.",
    Rule.TYPE_CHANGED: "A type stays readable by every reader that the contract promises.",
    Rule.DECIMAL_CHANGED: "A decimal keeps its precision and its scale.",
    Rule.TIMESTAMP_UNIT_CHANGED: "A time keeps its unit.",
    Rule.DEFAULT_CHANGED: "A default stays, because it is the value of events that lack the field.",
    Rule.ENUM_SYMBOL_REMOVED: "A symbol of an enum stays, unless the enum has a default.",
    Rule.ENUM_SYMBOL_ADDED: "A symbol is new only where older readers have a default for it.",
    Rule.PII_TAG_REMOVED: "Personal data stays masked.",
    Rule.PII_UNCLASSIFIED: "Every field of a subject is classified, or the subject is declared free of personal data.",
    Rule.PII_SUSPECTED: "A subject without personal data has no field that is called like some.",
    Rule.MASK_WEAKENED: "A mask never shows more of a value than before.",
    Rule.TOKENS_CHANGED: "Equal values keep equal tokens.",
    Rule.COMPRESSION_CHANGED: "Payloads may be compressed only where every promised reader uncompresses them.",
    Rule.IDENTITY_CHANGED: "Ids of events are made as before.",
    Rule.TABLE_CHANGED: "Rows go to the same table.",
    Rule.PARTITIONING_CHANGED: "A table keeps its partitions, which BigQuery cannot change.",
    Rule.BIGQUERY_TYPE_CHANGED: "A column keeps its type, unless BigQuery can change it.",
    Rule.COLUMN_CASE_COLLISION: "Names of columns differ in more than case.",
    Rule.NAMESPACE_CHANGED: "Names and namespaces of records stay.",
    Rule.PUBLISHED_VERSION_EDITED: "A published version never changes.",
    Rule.DOC_TOO_LONG: "A description fits BigQuery.",
    Rule.CONTRACT_INVALID: "A contract breaks no rule of its own.",
}
