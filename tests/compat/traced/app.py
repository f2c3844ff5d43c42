"""The app, its tasks, and the two tools as their documentation has them set up."""

from __future__ import annotations

import os

import sentry_sdk
from celery import Celery
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from .recorders import Exporter, Holding

sentry_sdk.init(dsn="http://key@localhost/1", transport=Holding, traces_sample_rate=1.0)
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(Exporter()))
CeleryInstrumentor().instrument()

app = Celery("traced", broker=os.environ["TRACED_BROKER"], backend=os.environ["TRACED_BROKER"])


@app.task(name="traced.add")
def add(x: int, y: int) -> int:
    return x + y


@app.task(name="traced.fail")
def fail() -> None:
    raise ValueError("no")


@app.task(name="traced.again", bind=True, max_retries=1)
def again(self, error: str) -> int:
    if not self.request.retries:
        raise self.retry(exc=OSError(error), countdown=0)
    return self.request.retries


@app.task(name="traced.expect", throws=(KeyError,))
def expect() -> None:
    raise KeyError("expected")
