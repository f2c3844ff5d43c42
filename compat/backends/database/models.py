"""Celery's two tables, as its workers read and write them, as classes for queries of an application's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ... import states
from .session import ResultModelBase

__all__ = ("ResultModelBase", "Task", "TaskExtended", "TaskSet")

_BIG = sa.Integer().with_variant(sa.BigInteger, "mssql")


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class _Configurable:
    """A class whose table has the name that the settings give it."""

    @classmethod
    def configure(cls, schema: str | None = None, name: str | None = None) -> None:
        """Take these names; of several apps in one process, the last one made says which."""
        table = table_of(cls)
        table.schema = table.c.id.default.schema = schema  # type: ignore[union-attr]
        table.name = name or cls.__tablename__  # type: ignore[attr-defined]

    def to_dict(self) -> dict[str, Any]:
        """The row, without its number."""
        return {name: getattr(self, name) for name, _ in sa.inspect(type(self)).columns.items() if name != "id"}


class Task(_Configurable, ResultModelBase):
    """A task's state and its result, encoded as ``result_serializer`` says."""

    __tablename__ = "celery_taskmeta"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(_BIG, sa.Sequence("task_id_sequence"), primary_key=True, autoincrement=True)
    task_id: Mapped[str | None] = mapped_column(sa.String(155), unique=True)
    status: Mapped[str | None] = mapped_column(sa.String(50), default=states.PENDING)
    result: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    date_done: Mapped[datetime | None] = mapped_column(sa.DateTime, default=_now, onupdate=_now, index=True)
    traceback: Mapped[str | None] = mapped_column(sa.Text)
    children: Mapped[bytes | None] = mapped_column(sa.LargeBinary)

    def __init__(self, task_id: str) -> None:
        super().__init__(task_id=task_id)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.task_id}: {self.status}>"


class TaskExtended(Task):
    """The same row with what the call was, which ``result_extended`` stores."""

    name: Mapped[str | None] = mapped_column(sa.String(155))
    args: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    kwargs: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    worker: Mapped[str | None] = mapped_column(sa.String(155))
    retries: Mapped[int | None] = mapped_column(sa.Integer)
    queue: Mapped[str | None] = mapped_column(sa.String(155))
    stamps: Mapped[bytes | None] = mapped_column(sa.LargeBinary)


class TaskSet(_Configurable, ResultModelBase):
    """A group's members, encoded."""

    __tablename__ = "celery_tasksetmeta"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(_BIG, sa.Sequence("taskset_id_sequence"), primary_key=True, autoincrement=True)
    taskset_id: Mapped[str | None] = mapped_column(sa.String(155), unique=True)
    result: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    date_done: Mapped[datetime | None] = mapped_column(sa.DateTime, default=_now, index=True)

    def __init__(self, taskset_id: str, result: Any) -> None:
        super().__init__(taskset_id=taskset_id, result=result)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.taskset_id}>"


def table_of(model: Any) -> sa.Table:
    return cast(sa.Table, model.__table__)
