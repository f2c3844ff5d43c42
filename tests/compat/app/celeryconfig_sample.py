"""A configuration module, as applications have one."""

task_serializer = "json"
task_acks_late = True
SHOP_task_acks_late = False
task_routes = {"shop.*": "shop"}


class Nested:
    """A class may be one, too."""

    worker_prefetch_multiplier = 3
