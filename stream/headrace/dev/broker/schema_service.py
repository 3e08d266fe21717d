"""The service ``google.pubsub.v1.SchemaService``."""

from __future__ import annotations

from typing import Any, Final

import grpc
from google.protobuf.empty_pb2 import Empty

from headrace.dev.broker.broker import Broker
from headrace.dev.broker.grpc_methods import service, unary
from headrace.dev.broker.pages import page
from headrace.dev.broker.resource_names import Kind, project_of
from headrace.dev.broker.wire import (
    CommitSchemaRequest,
    CreateSchemaRequest,
    DeleteSchemaRequest,
    DeleteSchemaRevisionRequest,
    GetSchemaRequest,
    ListSchemaRevisionsRequest,
    ListSchemaRevisionsResponse,
    ListSchemasRequest,
    ListSchemasResponse,
    RollbackSchemaRequest,
    ValidateMessageRequest,
    ValidateMessageResponse,
    ValidateSchemaRequest,
    ValidateSchemaResponse,
    copied,
)

_FULL: Final = 2


def schema_service(broker: Broker) -> grpc.GenericRpcHandler:
    """Return the handler of the service."""
    methods = _Schemas(broker)
    store = broker.store
    return service(
        "google.pubsub.v1.SchemaService",
        {
            "CreateSchema": unary(store, CreateSchemaRequest, methods.create),
            "GetSchema": unary(store, GetSchemaRequest, methods.get),
            "ListSchemas": unary(store, ListSchemasRequest, methods.list_schemas),
            "ListSchemaRevisions": unary(store, ListSchemaRevisionsRequest, methods.list_revisions),
            "CommitSchema": unary(store, CommitSchemaRequest, methods.commit),
            "RollbackSchema": unary(store, RollbackSchemaRequest, methods.rollback),
            "DeleteSchemaRevision": unary(store, DeleteSchemaRevisionRequest, methods.delete_revision),
            "DeleteSchema": unary(store, DeleteSchemaRequest, methods.delete),
            "ValidateSchema": unary(store, ValidateSchemaRequest, methods.validate),
            "ValidateMessage": unary(store, ValidateMessageRequest, methods.validate_message),
        },
    )


class _Schemas:
    """Methods of the service: each gets a request, and returns the response."""

    def __init__(self, broker: Broker) -> None:
        self._schemas = broker.schemas
        self._topics = broker.topics

    def create(self, request: Any) -> Any:
        return self._schemas.create(f"{request.parent}/{Kind.SCHEMA}/{request.schema_id}", request.schema)

    def get(self, request: Any) -> Any:
        return _seen(self._schemas.get(request.name), request.view or _FULL)

    def list_schemas(self, request: Any) -> Any:
        project = project_of(request.parent)
        known = {each.name: each for each in self._schemas if project_of(each.name) == project}
        names, token = page(known, request)
        return ListSchemasResponse(schemas=[_seen(known[each], request.view) for each in names], next_page_token=token)

    def list_revisions(self, request: Any) -> Any:
        newest_first = self._schemas.revisions(request.name)[::-1]
        known = {f"{position:09}": each for position, each in enumerate(newest_first)}
        names, token = page(known, request)
        seen = [_seen(known[each], request.view) for each in names]
        return ListSchemaRevisionsResponse(schemas=seen, next_page_token=token)

    def commit(self, request: Any) -> Any:
        return self._schemas.commit(request.name, request.schema)

    def rollback(self, request: Any) -> Any:
        return self._schemas.rollback(request.name, request.revision_id)

    def delete_revision(self, request: Any) -> Any:
        return self._schemas.delete_revision(request.name)

    def delete(self, request: Any) -> Any:
        self._schemas.delete(request.name)
        self._topics.schema_deleted(request.name)
        return Empty()

    def validate(self, request: Any) -> Any:
        self._schemas.validate(request.schema)
        return ValidateSchemaResponse()

    def validate_message(self, request: Any) -> Any:
        schema = request.schema if request.HasField("schema") else self._schemas.get(request.name)
        self._schemas.validate_message(schema, request.message, request.encoding)
        return ValidateMessageResponse()


def _seen(schema: Any, view: int) -> Any:
    """Return a schema, without its definition unless *view* is the full one."""
    if view == _FULL:
        return schema
    basic = copied(schema)
    basic.ClearField("definition")
    return basic
