"""Where tasks go."""


def route(name, args, kwargs, options, task=None, **kw):
    return {"queue": "bulk", "priority": 1} if name.startswith("tracking.tasks.import_") else None
