"""A project that Sentry and OpenTelemetry watch, for Celery and for what answers to its name."""
