"""Results of tasks."""

from __future__ import annotations

from typing import Any

from .. import states as states
from .._state import app_or_default, task_join_will_block
from ..exceptions import TimeoutError as TimeoutError
from .async_result import AsyncResult, ResultBase
from .blocking import allow_join_result, assert_will_not_block, denied_join_result
from .eager_result import EagerResult
from .group_result import GroupResult
from .result_set import ResultSet

__all__ = (
    "AsyncResult",
    "EagerResult",
    "GroupResult",
    "ResultBase",
    "ResultSet",
    "allow_join_result",
    "assert_will_not_block",
    "denied_join_result",
    "result_from_tuple",
    "task_join_will_block",
)


def result_from_tuple(r: Any, app: Any = None) -> Any:
    """The result that ``as_tuple`` described; results as they are."""
    app = app_or_default(app)
    if isinstance(r, ResultBase):
        return r
    described, nodes = r
    id_, parent = described if isinstance(described, (list, tuple)) else (described, None)
    parent = result_from_tuple(parent, app) if parent else parent
    if nodes is None:
        return app.AsyncResult(id_, parent=parent)
    return app.GroupResult(id_, [result_from_tuple(node, app) for node in nodes], parent=parent)


# Results are pickled under the name that application code knows, whichever file they live in.
for _public in (AsyncResult, EagerResult, GroupResult, ResultBase, ResultSet):
    _public.__module__ = __name__
