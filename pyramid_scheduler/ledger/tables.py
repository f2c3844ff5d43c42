"""The ledger's tables, as they are now; how they came to be is in ``migrations/``."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite

metadata = sa.MetaData()

NAME = sa.String(190)
TOKEN_LENGTH = 64
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
ROW_ID = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
MOMENT = sa.Double  # epoch seconds
OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}

schedule = sa.Table(
    "ps_schedule",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("queue", NAME, nullable=False),
    sa.Column("task", sa.String(255), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("trigger", LONG_TEXT, nullable=False),  # JSON
    sa.Column("message", LONG_TEXT, nullable=False),  # JSON; its body stays sealed
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("next_fire_at", MOMENT),
    sa.Column("due_at", MOMENT),
    sa.Column("last_fire_at", MOMENT),
    sa.Column("created_at", MOMENT, nullable=False),
    sa.Column("grace_seconds", MOMENT),
    sa.Column("coalesce", sa.Boolean, nullable=False),
    sa.Column("max_instances", sa.Integer),
    sa.Column("declared", sa.Boolean, nullable=False),
    sa.Index("ps_schedule_due", "next_fire_at"),
    **OPTIONS,
)

run = sa.Table(
    "ps_run",
    metadata,
    sa.Column("run_id", NAME, primary_key=True),
    sa.Column("schedule_id", NAME),
    sa.Column("token", sa.String(TOKEN_LENGTH)),  # of the publication that may run
    sa.Column("fired_at", MOMENT, nullable=False),
    sa.Column("settled_at", MOMENT),
    sa.Index("ps_run_open", "schedule_id", "settled_at"),
    sa.Index("ps_run_fired", "fired_at"),
    **OPTIONS,
)

outcome = sa.Table(
    "ps_outcome",
    metadata,
    sa.Column("run_id", NAME, primary_key=True),
    sa.Column("retries", sa.Integer, primary_key=True),
    sa.Column("job_id", NAME, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("queue", NAME, nullable=False),
    sa.Column("task", sa.String(255), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("worker", NAME, nullable=False),
    sa.Column("started_at", MOMENT, nullable=False),
    sa.Column("runtime_seconds", MOMENT, nullable=False),
    sa.Column("due_at", MOMENT),
    sa.Column("error", sa.Text, nullable=False),
    sa.Index("ps_outcome_started", "started_at"),
    sa.Index("ps_outcome_job", "job_id"),
    **OPTIONS,
)

restart = sa.Table(
    "ps_restart",
    metadata,
    sa.Column("run_id", NAME, primary_key=True),
    sa.Column("starts", sa.Integer, nullable=False),
    sa.Column("at", MOMENT, nullable=False),
    **OPTIONS,
)

parked = sa.Table(
    "ps_parked",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("queue", NAME, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", LONG_TEXT, nullable=False),
    sa.Column("traceback", LONG_TEXT, nullable=False),
    sa.Column("message", LONG_TEXT, nullable=False),  # JSON, as it was received
    sa.Column("parked_at", MOMENT, nullable=False),
    sa.Index("ps_parked_at", "parked_at"),
    **OPTIONS,
)

cancellation = sa.Table(
    "ps_cancellation",
    metadata,
    sa.Column("seq", ROW_ID, primary_key=True, autoincrement=True),
    sa.Column("job_id", NAME, nullable=False),
    sa.Column("canceled_at", MOMENT, nullable=False),
    sa.Column("until", MOMENT, nullable=False),
    sa.Index("ps_cancellation_job", "job_id"),
    sqlite_autoincrement=True,
    **OPTIONS,
)

worker = sa.Table(
    "ps_worker",
    metadata,
    sa.Column("name", NAME, primary_key=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("queues", sa.Text, nullable=False),
    sa.Column("since", MOMENT, nullable=False),
    sa.Column("beat_at", MOMENT, nullable=False),
    **OPTIONS,
)
