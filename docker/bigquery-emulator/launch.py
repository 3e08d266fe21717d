"""Start bqemulator 1.4.0 offline, with nested columns: ``python launch.py start --rest-port ... --grpc-port ...``.

This launcher repairs what that version gets wrong. It fetches two DuckDB extensions at start: the same files come in
wheels. Its AppendRows builds the Arrow schema of a table from name, type and mode alone, so a RECORD column has no
fields. And it stores BIGNUMERIC as a decimal wider than DuckDB has, so no such column can be made: here it keeps
38 digits, 18 of them after the point, and refuses a value with others by the name of its column. And it forgets a
table's requirePartitionFilter, and keeps a view's query to itself.
And queries and appends share one DuckDB connection in two threads: an append waits for the GIL with the
connection locked, while the query waits for the connection with the GIL held, and nothing moves again. Here each
thread has a cursor of its own.
An open AppendRows call keeps a thread of its pool, which has six on two processors: here it has as many as are needed.
Last, two about offsets. FinalizeWriteStream does not wait for an append that is under way, and counts rows that are not
in the table yet. And an append whose insert fails has taken its offset all the same, so that the same rows at the same
offset are answered with ALREADY_EXISTS and never written.
At every append it copies the whole table for time travel, and keeps the copies for days: here it makes none. And it
answers a query that fails with no rows and code 200, which the client takes for an empty result: here with an error.
A column that is added to a table later is in its catalogue alone, and no row can be appended: here the table has it.
A load job takes `table$20260131` for a table of that name, and takes Parquet's columns as they come: here one that
truncates such a partition replaces that day alone, and columns go by their names.
And rows with a column that the table lacks, or without one that it requires, are written without a word: BigQuery
refuses them, and so they are refused here, by the columns that the table has now.
And a materialized view that says how it is partitioned, or whose whole name is quoted, becomes a plain view, as does
one whose labels are changed: here it is made as such, not cut, and stays so; it may be replaced.
And it runs a job again whose name it has run, which BigQuery answers with 409; and it answers the insertion of a job
that fails with the failure, which BigQuery says only of the job; what a script raises it takes for a fault of its own.
It does not quote the names of nested fields, so most reserved words fail: here they are quoted.
Four are about other clients. A later AppendRows request of a connection may omit the stream, as Go's client does.
insertAll answers invalid rows, rows without a required column and rows with an unknown one in `insertErrors`, and takes
numbers and booleans as text. An update of a table that BigQuery refuses is refused: a new REQUIRED column, another
type, a column that is missing or whose name differs from another in case alone.
"""

import contextvars
import functools
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace

import duckdb
import grpc
import pyarrow as pa
from bqemulator.api.routes import jobs, tabledata, tables
from bqemulator.catalog import memory_repository
from bqemulator.cli import main
from bqemulator.domain import errors
from bqemulator.domain.events import TableDataChanged
from bqemulator.grpc_api import write_servicer
from bqemulator.jobs import executor
from bqemulator.scripting.exceptions import ScriptRaise
from bqemulator.storage import engine, type_map
from bqemulator.versioning import ddl, materialized_views, snapshots
from duckdb_extensions import import_extension
from fastapi import Request
from google.cloud.bigquery_storage_v1.types import FinalizeWriteStreamRequest

BIGNUMERIC = pa.decimal128(38, 18)
INSERT_ALL = tabledata.insert_all
FAILURES = jobs._SQL_EXECUTION_DOMAIN_ERRORS
RUNNING = set()  # jobs that are in no catalogue yet


def described(field):
    """A field of the catalogue as the schema builder wants it, sub-fields included."""
    plain = {"name": field.name, "type": field.type, "mode": field.mode}
    nested = [described(child) for child in getattr(field, "fields", None) or ()]
    return {**plain, "fields": nested} if nested else plain


def arrow_schema(table):
    """The Arrow schema of a table, nested columns included."""
    return tabledata._build_arrow_schema([described(field) for field in table.schema_.fields])


def scalar_type(name, original=tabledata._bq_type_to_arrow):
    """The Arrow type of a column of one value."""
    return BIGNUMERIC if name.upper() == "BIGNUMERIC" else original(name)


def columns_of_schema(fields, original=type_map.bq_schema_to_duckdb_columns):
    """Names and DuckDB types of columns, with the names of nested fields quoted."""
    columns = []
    for field in fields:
        ((name, kind),) = original([field])
        if field["type"].upper() in ("RECORD", "STRUCT"):
            nested = ", ".join(f'"{inner}" {type_}' for inner, type_ in columns_of_schema(field.get("fields", [])))
            kind = f"STRUCT({nested}){'[]' if kind.endswith('[]') else ''}"
        columns.append((name, kind))
    return columns


def refuse_change(before, after, where=""):
    """Refuse new columns of a table that BigQuery refuses."""
    new, names = {field.name: field for field in after}, [field.name.lower() for field in after]
    for name in new:
        if names.count(name.lower()) > 1:
            raise errors.ValidationError(f"Field {where}{name} already exists in schema")
    for field in before:
        now = new.pop(field.name, None)
        if now is None:
            raise errors.ValidationError(f"Provided Schema does not match: Field {where}{field.name} is missing")
        kinds = [SYNONYMS.get(each.type.upper(), each.type.upper()) for each in (field, now)]
        if kinds[0] != kinds[1]:
            raise errors.ValidationError(f"Field {where}{field.name} has changed type from {kinds[0]} to {kinds[1]}")
        if field.mode != now.mode and (field.mode, now.mode) != ("REQUIRED", "NULLABLE"):
            raise errors.ValidationError(f"Field {where}{field.name} has changed mode from {field.mode} to {now.mode}")
        refuse_change(getattr(field, "fields", None) or (), getattr(now, "fields", None) or (), f"{field.name}.")
    for name, field in new.items():
        if field.mode == "REQUIRED":
            raise errors.ValidationError(f"Cannot add required fields to an existing schema. (field: {where}{name})")


SYNONYMS = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}


def table_of_request(project, dataset, body, clock, existing=None, original=tables._rest_to_table_meta):
    """A table as it is kept: the partition filter stands among the partitioning, and what it is stays so."""
    table = kept_table(project, dataset, body, clock, existing, original)
    if existing and existing.table_type == "TABLE" and existing.schema_.fields:
        refuse_change(existing.schema_.fields, table.schema_.fields)
    return table


def kept_table(project, dataset, body, clock, existing, original):
    """A table as the catalogue keeps it; of its partitioning and filter, a request may change one alone."""
    before = answer_with_table(existing) if existing else {}
    kept = {name: before[name] for name in ("timePartitioning", "requirePartitionFilter") if name in before}
    body = {**kept, **body}
    required = body.get("requirePartitionFilter", False)
    if "timePartitioning" in body:
        body = {**body, "timePartitioning": {**body["timePartitioning"], "requirePartitionFilter": required}}
    if existing and existing.table_type == "MATERIALIZED_VIEW":
        body = {**body, "type": existing.table_type}
    return original(project, dataset, body, clock, existing)


def answer_with_table(table, original=tables._table_to_rest):
    """A table as BigQuery describes it: the partition filter stands on the table, and a view has its query."""
    body = original(table)
    required = body.get("timePartitioning", {}).pop("requirePartitionFilter", False)
    view = {"view": {"query": table.view_query, "useLegacySql": False}} if table.table_type == "VIEW" else {}
    return {**body, **view, "requirePartitionFilter": required}


CURSORS = threading.local()


def connection_of_thread(self, original=engine.DuckDBEngine.connection.fget):
    """The connection for the thread that serves REST, and a cursor on it for each other."""
    connection = original(self)
    if threading.current_thread() is threading.main_thread():
        return connection
    if getattr(CURSORS, "of", None) is not connection:
        CURSORS.of, CURSORS.cursor = connection, connection.cursor()
        CURSORS.cursor.execute("SET TimeZone = 'UTC'")
    return CURSORS.cursor


THREADS = 256  # made when needed, so an idle emulator has few


def finalise_in_turn(
    self, request_bytes, context, original=write_servicer.BigQueryWriteHandler._handle_finalize_write_stream
):
    """Finalise a stream when no append is under way on it."""
    stream = self._manager.get(FinalizeWriteStreamRequest.deserialize(request_bytes).name)
    with stream.lock if stream else nullcontext():
        return original(self, request_bytes, context)


def append_or_not(self, stream, *rest, original=write_servicer.BigQueryWriteHandler._perform_append):
    """Append; when the insert fails the stream is as it was."""
    with stream.lock:
        before = stream.next_offset, stream.row_count
        try:
            return original(self, stream, *rest)
        except duckdb.Error:
            stream.next_offset, stream.row_count = before
            raise


def bind_to_table(self, stream, bound, context):
    """The stream and the columns of its table as they are now, not as they were when the connection was made.

    A later request may leave the stream out.
    """
    return self._bind_stream_to_target(stream or (bound[0].name if bound else ""), context)


def fit_to_table(rows, target, original=write_servicer._align_to_target):
    """Rows in the order of the table's columns; those that do not fit it are refused, as BigQuery does."""
    extra = [name for name in rows.column_names if name not in target.names]
    missing = [column.name for column in target if not column.nullable and column.name not in rows.column_names]
    if extra or missing:
        raise ValueError(f"the table has no column {extra}" if extra else f"required columns are missing: {missing}")
    try:
        return original(rows, target)
    except pa.ArrowInvalid:
        raise ValueError(next(misfits(rows, target), "a value does not fit its column")) from None


# The job has the same words, in headrace/bigquery/refusal_words.py, and says no others of a text.
LIMIT = "the emulator's BIGNUMERIC holds 20 digits before the point and 18 after it, BigQuery's 38 and 38"


def misfits(rows, target):
    """Say of each column that has a value which does not fit, and of the innermost field in it, that it is so."""
    for column in target:
        if column.name in rows.column_names:
            yield from misfit(rows.column(column.name).combine_chunks(), column.type, column.name)


def misfit(values, kind, path):
    """Say what does not fit below a path, if something does not."""
    try:
        values.cast(kind)
    except pa.ArrowInvalid:
        if pa.types.is_list(kind):
            yield from misfit(values.flatten(), kind.value_type, path)
        elif pa.types.is_struct(kind):
            for child in kind:
                yield from misfit(values.field(child.name), child.type, f"{path}.{child.name}")
        else:
            yield f"Field {path}: {LIMIT if kind == BIGNUMERIC else f'a value does not fit {kind}'}"


def widen_table(self, table, original=memory_repository.MemoryCatalogRepository.update_table):
    """Keep what the catalogue says of a table; new columns, and columns with new fields, are the table's own too."""
    before = self.get_table(table.project_id, table.dataset_id, table.table_id)
    if before and table.table_type == "TABLE" and before.schema_ != table.schema_:
        there = dict(columns_of(before))
        name = tables.quoted_table_ref(table.project_id, table.dataset_id, table.table_id)
        for column, kind in columns_of(table):
            if column not in there:
                self._engine.execute(f'ALTER TABLE {name} ADD COLUMN "{column}" {kind}')
            elif kind != there[column]:
                self._engine.execute(f'ALTER TABLE {name} ALTER COLUMN "{column}" TYPE {kind}')
    return original(self, table)


def columns_of(table):
    """Names and DuckDB types of a table's columns."""
    return type_map.bq_schema_to_duckdb_columns([tables._field_to_rest(field) for field in table.schema_.fields])


REPLACES = contextvars.ContextVar("replaces", default=False)  # whether the statement may replace a view
MATERIALIZED = re.compile(r"\ACREATE(?: OR REPLACE)? MATERIALIZED VIEW `([^`]+)`(\nPARTITION BY [^\n]+)?")


def parse_unpartitioned(self, sql, original=ddl.VersioningDDLRouter.parse):
    """Read a statement about versions; of a materialized view, all but how it is partitioned."""
    REPLACES.set(sql.startswith("CREATE OR REPLACE"))
    return original(self, MATERIALIZED.sub(r"CREATE MATERIALIZED VIEW \1", sql))


async def create_view(self, *place, original=materialized_views.MaterializedViewManager.create):
    """Make a materialized view; in place of one where the statement says so."""
    existing = self._ctx.catalog.get_table(*place[:3])
    if REPLACES.get() and existing and existing.table_type == "MATERIALIZED_VIEW":
        await self.drop(*place[:3])
    return await original(self, *place)


def record_change(self, *table):
    """Say that a table has changed, and keep no copy of it."""
    self._events.publish(TableDataChanged(*table))


def load_of_partition(project, config, original=executor._parse_load_job_config):
    """A load job; what stands after the table's name is no part of it."""
    table = config["load"]["destinationTable"]
    plain = {**table, "tableId": table["tableId"].partition("$")[0]}
    return replace(
        original(project, {"load": {**config["load"], "destinationTable": plain}}), raw_config=config["load"]
    )


def truncate_partition(job, ctx, original=executor._apply_load_write_disposition):
    """Empty the day that a load job names, or what it would have emptied."""
    _, _, day = job.raw_config["destinationTable"]["tableId"].partition("$")
    if not day or job.write_disposition != "WRITE_TRUNCATE":
        return original(job, ctx)
    column = ctx.catalog.get_table(job.project_id, job.dataset_id, job.table_id).time_partitioning.field
    rows = f"{job.target_ref} WHERE strftime(\"{column}\", '%Y%m%d') = ?"
    return ctx.engine.execute(f"DELETE FROM {rows}", [day])  # noqa: S608 names of the catalogue


def load_by_name(path, target, ctx):
    """Insert the rows of a Parquet file."""
    ctx.engine.execute(f"INSERT INTO {target} BY NAME SELECT * FROM read_parquet(?)", [path])  # noqa: S608 likewise


class Body:
    """A request that has been read and changed."""

    def __init__(self, content):
        self.content = content

    async def json(self):
        """Give its content."""
        return self.content


def plain_value(value, field):
    """A value of insertAll as its column has it; ValueError says what is wrong with it."""
    kind, name = SYNONYMS.get(field["type"].upper(), field["type"].upper()), field["name"]
    if field.get("mode") == "REPEATED":
        return [plain_value(each, {**field, "mode": "REQUIRED"}) for each in value or ()]
    if value is None and field.get("mode") == "REQUIRED":
        raise ValueError(f"Missing required field: {name}.", name)
    if kind == "RECORD" and value is not None:
        return plain_row(value, field["fields"], False)
    if not isinstance(value, str) or kind not in FROM_TEXT:
        return value
    try:
        return FROM_TEXT[kind](value)
    except (ValueError, KeyError):
        raise ValueError(f"Cannot convert value to {kind.lower()} (bad value): {value}", name) from None


FROM_TEXT = {"INTEGER": int, "FLOAT": float, "BOOLEAN": lambda text: {"true": True, "false": False}[text.lower()]}


def plain_row(row, fields, ignore_unknown):
    """A row of insertAll as its table has it."""
    unknown = row.keys() - {field["name"] for field in fields}
    if unknown and not ignore_unknown:
        raise ValueError(f"no such field: {min(unknown)}.", min(unknown))
    return {field["name"]: plain_value(row.get(field["name"]), field) for field in fields}


def judged_row(row, fields, schema, ignore_unknown):
    """A row as it can be inserted, and no error; or an error."""
    try:
        plain = {**row, "json": plain_row(row["json"], fields, ignore_unknown)}
        tabledata.bq_rows_to_arrow([plain], schema)
    except (ValueError, TypeError, ArithmeticError, AttributeError) as error:
        message, place = error.args if len(error.args) == 2 else ("Cannot convert row to the table's schema", "")
        return None, {"reason": "invalid", "location": place, "debugInfo": "", "message": message}
    return plain, None


async def insert_all(
    project_id: str,
    dataset_id: str,
    table_id: str,
    request: Request,
    ctx: tabledata._Ctx,
):
    """Insert rows; where one is invalid none is inserted, unless the request says that they be skipped."""
    body, table = await request.json(), ctx.catalog.get_table(project_id, dataset_id, table_id)
    rows, fields = body.get("rows", []), tabledata._fields_raw_from_schema(table.schema_.fields) if table else []
    schema = tabledata._build_arrow_schema(fields)
    judged = [judged_row(row, fields, schema, body.get("ignoreUnknownValues")) for row in rows] if table else []
    wrong = [{"index": index, "errors": [error]} for index, (_, error) in enumerate(judged) if error]
    if wrong and not body.get("skipInvalidRows"):
        stopped = {"reason": "stopped", "location": "", "debugInfo": "", "message": ""}
        wrong += [{"index": index, "errors": [stopped]} for index, (_, error) in enumerate(judged) if not error]
        return {"kind": "bigquery#tableDataInsertAllResponse", "insertErrors": wrong}
    good = Body({**body, "rows": [row for row, error in judged if not error] if table else rows})
    answer = await INSERT_ALL(project_id, dataset_id, table_id, good, ctx)
    return {**answer, "insertErrors": wrong}


def serve(path, endpoint):
    """Serve *path* by another function."""
    router = tabledata.router
    router.routes[:] = [route for route in router.routes if not route.path.endswith(path)]
    place = "/projects/{project_id}/datasets/{dataset_id}/tables/{table_id}"
    router.post(place + path)(endpoint)


async def run_once(*, project_id, job_id, config, ctx, original=jobs._execute_query_or_failed_meta, **rest):
    """Run an inserted query, the first of its name; when it fails, the job has failed."""
    name = project_id, job_id
    if name in RUNNING or ctx.catalog.get_job(*name):
        raise errors.AlreadyExistsError(f"Already Exists: Job {project_id}:{job_id}")
    RUNNING.add(name)
    try:
        return await original(project_id=project_id, job_id=job_id, config=config, ctx=ctx, **rest)
    except (*FAILURES, ScriptRaise) as error:
        result = jobs._domain_error_to_error_result(getattr(error, "error", error))
        now = ctx.clock.now()
        failed = {"job_type": "QUERY", "config": config, "error_result": result, "now": now}
        return jobs._failed_job_meta(project_id=project_id, job_id=job_id, **failed)
    finally:
        RUNNING.discard(name)


def correct():
    """Put the corrected parts in place."""
    grpc.aio.server = functools.partial(grpc.aio.server, migration_thread_pool=ThreadPoolExecutor(THREADS))
    import_extension("spatial")
    import_extension("avro")
    engine.DuckDBEngine.connection = property(connection_of_thread)
    type_map._BQ_TO_DUCKDB["BIGNUMERIC"] = "DECIMAL(38, 18)"
    type_map.bq_schema_to_duckdb_columns = tables.bq_schema_to_duckdb_columns = columns_of_schema
    serve("/insertAll", insert_all)
    tables._rest_to_table_meta = table_of_request
    tables._table_to_rest = answer_with_table
    tabledata._bq_type_to_arrow = scalar_type
    memory_repository.MemoryCatalogRepository.update_table = widen_table
    ddl.VersioningDDLRouter.parse = parse_unpartitioned
    materialized_views.MaterializedViewManager.create = create_view
    snapshots.SnapshotManager.record_change = record_change
    executor._parse_load_job_config = load_of_partition
    executor._apply_load_write_disposition = truncate_partition
    executor._LOAD_FORMAT_HANDLERS["PARQUET"] = load_by_name
    jobs._execute_query_or_failed_meta = run_once
    jobs._SQL_EXECUTION_DOMAIN_ERRORS = ()  # those that it would answer with code 200
    write_servicer._table_arrow_schema = arrow_schema
    write_servicer.BigQueryWriteHandler._handle_finalize_write_stream = finalise_in_turn
    write_servicer.BigQueryWriteHandler._perform_append = append_or_not
    write_servicer.BigQueryWriteHandler._ensure_stream_bound = bind_to_table
    write_servicer._align_to_target = fit_to_table


if __name__ == "__main__":
    correct()
    main()
