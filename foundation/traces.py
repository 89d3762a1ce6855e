"""Traces of OpenTelemetry: requests, statements, outgoing requests and rounds of the worker.

Nothing is traced, and the library is not loaded, until `begin` was called: in each process, after
the fork, since a thread of the library sends spans. It reads its own settings, the variables
`OTEL_*`. A span has only what is named here: never a URL, a header, a parameter of a statement or
the message of an exception, which may contain secrets (docs/adr/0041).
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, Final

import structlog
from django.conf import settings
from django.db.backends.signals import connection_created
from structlog.contextvars import STRUCTLOG_KEY_PREFIX

Attributes = dict[str, str | int]

log = structlog.get_logger(__name__)
#: Packages of the extra [otel].
_PACKAGES: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
#: The id of the trace that a thread works for; by the prefix of its name structlog knows that lines
#: have it.
_TRACE_ID: ContextVar[str] = ContextVar(f"{STRUCTLOG_KEY_PREFIX}trace_id")
#: A text within a statement: ours have parameters, but an operator's code may write what it likes.
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_LONGEST_STATEMENT: Final = 2000
#: Seconds for spans that are not yet sent when a process ends.
_ENDS_WITHIN: Final = 2

#: None where nothing is traced.
tracer: Any = None
_provider: Any = None


def are_installed() -> bool:
    """Whether the packages are there."""
    try:
        return all(find_spec(package) for package in _PACKAGES)
    except ModuleNotFoundError:  # of the package around one
        return False


def begin() -> None:
    """Trace from now on in this process, if `OTEL_*` says where spans are sent to."""
    global tracer, _provider
    if not settings.IDP_TRACES:
        return
    if not are_installed():
        log.warning("traces_not_sent", reason="The packages of the extra [otel] are missing.")
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = OTELResourceDetector().detect().attributes
    resource = Resource.create({"service.name": "signet", "service.version": _version(), **named})
    _provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = _provider.get_tracer("signet")
    connection_created.connect(_trace_statements)


def _trace_statements(connection: Any, **_: Any) -> None:
    """Trace what Django executes on SQLite. PostgreSQL has a cursor (foundation.postgresql)."""
    wrappers = connection.execute_wrappers
    if connection.vendor == "sqlite" and _traced_statement not in wrappers:
        wrappers.append(_traced_statement)


def _traced_statement(
    execute: Any,
    sql: Any,
    parameters: Any,
    many: bool,  # noqa: FBT001  as Django calls it
    context: dict[str, Any],
) -> Any:
    with statement("sqlite", sql):
        return execute(sql, parameters, many, context)


def end() -> None:
    """Send the spans that are left, for at most two seconds: the receiver may be away."""
    if _provider is not None:
        sending = threading.Thread(target=_provider.shutdown, daemon=True)
        sending.start()
        sending.join(_ENDS_WITHIN)


@contextmanager
def span(name: str, kind: str = "INTERNAL", parent: str = "") -> Iterator[Attributes]:
    """Trace what the block does, as part of the present trace or of a new one.

    Yields the attributes that are set at its end. `parent` is a `traceparent` from elsewhere (W3C
    Trace Context §3.2). An exception that ends the block is named by its class.
    """
    found: Attributes = {}
    if tracer is None:
        yield found
        return
    from opentelemetry.trace import SpanKind, Status, StatusCode, use_span

    started = tracer.start_span(name, _context(parent), SpanKind[kind])
    logged = _TRACE_ID.set(format(started.get_span_context().trace_id, "032x"))
    try:
        with use_span(started, record_exception=False, set_status_on_exception=False):
            yield found
    except BaseException as problem:
        found.setdefault("error.type", type(problem).__name__)
        raise
    finally:
        _TRACE_ID.reset(logged)
        started.set_attributes(found)
        if "error.type" in found:
            started.set_status(Status(StatusCode.ERROR))
        started.end()


@contextmanager
def statement(database: str, sql: Any) -> Iterator[None]:
    """Trace a statement, if it belongs to a trace; without its parameters."""
    from opentelemetry.trace import get_current_span

    if not get_current_span().is_recording():
        yield
        return
    text = " ".join(_LITERAL.sub("?", sql).split()) if isinstance(sql, str) else type(sql).__name__
    operation = text.partition(" ")[0].upper()
    with span(operation, "CLIENT") as found:
        found["db.system.name"] = database
        found["db.operation.name"] = operation
        found["db.query.text"] = text[:_LONGEST_STATEMENT]
        yield


def _context(parent: str) -> Any:
    """Return the context of a parent elsewhere; None if there is none, or it can't be read."""
    if not parent:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent})


def _version() -> str:
    try:
        return version("signet")
    except PackageNotFoundError:  # a checkout
        return "0"
