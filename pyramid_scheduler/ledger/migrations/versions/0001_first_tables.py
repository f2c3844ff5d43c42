"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, sqlite

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NAME = sa.String(190)
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
ROW_ID = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
MOMENT = sa.Double
OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "ps_schedule",
        sa.Column("id", NAME, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("queue", NAME, nullable=False),
        sa.Column("task", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("trigger", LONG_TEXT, nullable=False),
        sa.Column("message", LONG_TEXT, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("next_fire_at", MOMENT),
        sa.Column("due_at", MOMENT),
        sa.Column("last_fire_at", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("grace_seconds", MOMENT),
        sa.Column("coalesce", sa.Boolean, nullable=False),
        sa.Column("max_instances", sa.Integer),
        sa.Column("declared", sa.Boolean, nullable=False),
        **OPTIONS,
    )
    op.create_index("ps_schedule_due", "ps_schedule", ["next_fire_at"])
    op.create_table(
        "ps_run",
        sa.Column("run_id", NAME, primary_key=True),
        sa.Column("schedule_id", NAME),
        sa.Column("token", sa.String(64)),
        sa.Column("fired_at", MOMENT, nullable=False),
        sa.Column("settled_at", MOMENT),
        **OPTIONS,
    )
    op.create_index("ps_run_open", "ps_run", ["schedule_id", "settled_at"])
    op.create_index("ps_run_fired", "ps_run", ["fired_at"])
    op.create_table(
        "ps_outcome",
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
        **OPTIONS,
    )
    op.create_index("ps_outcome_started", "ps_outcome", ["started_at"])
    op.create_index("ps_outcome_job", "ps_outcome", ["job_id"])
    op.create_table(
        "ps_restart",
        sa.Column("run_id", NAME, primary_key=True),
        sa.Column("starts", sa.Integer, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        **OPTIONS,
    )
    op.create_table(
        "ps_parked",
        sa.Column("id", NAME, primary_key=True),
        sa.Column("queue", NAME, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", LONG_TEXT, nullable=False),
        sa.Column("traceback", LONG_TEXT, nullable=False),
        sa.Column("message", LONG_TEXT, nullable=False),
        sa.Column("parked_at", MOMENT, nullable=False),
        **OPTIONS,
    )
    op.create_index("ps_parked_at", "ps_parked", ["parked_at"])
    op.create_table(
        "ps_cancellation",
        sa.Column("seq", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("job_id", NAME, nullable=False),
        sa.Column("canceled_at", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index("ps_cancellation_job", "ps_cancellation", ["job_id"])
    op.create_table(
        "ps_worker",
        sa.Column("name", NAME, primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("queues", sa.Text, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("beat_at", MOMENT, nullable=False),
        **OPTIONS,
    )


def downgrade() -> None:
    for table in ("ps_worker", "ps_cancellation", "ps_parked", "ps_restart", "ps_outcome", "ps_run", "ps_schedule"):
        op.drop_table(table)
