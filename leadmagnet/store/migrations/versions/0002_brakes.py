"""Brakes"""

import sqlalchemy as sa
from alembic import op

from leadmagnet.store.columns import BigKey, Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: Keys and slugs: a language's order means nothing for them, and makes every change of an index slower.
_COMPARED_BY_BYTES = {
    "delivery": {"message_id": 255, "dedupe_key": 160, "sequence": 64, "step": 64},
    "subscriber": {"address_key": 32},
    "suppression": {"address_key": 32},
}


def upgrade() -> None:
    op.create_table(
        "brake",
        sa.Column("scope", sa.String(length=300), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("set_by", sa.String(length=64), nullable=False),
        sa.Column("set_at", Utc(), nullable=False),
        sa.Column("until", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("scope", name="brake_pkey"),
    )
    op.create_table(
        "breaker",
        sa.Column("relay", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.String(length=512), nullable=False),
        sa.Column("wait_seconds", sa.Integer(), nullable=False),
        sa.Column("opened_at", Utc(), nullable=False),
        sa.Column("open_until", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("relay", name="breaker_pkey"),
    )
    op.create_table(
        "rate_bucket",
        sa.Column("relay", sa.String(length=255), nullable=False),
        sa.Column("used_until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("relay", name="rate_bucket_pkey"),
    )
    op.create_table(
        "daily_quota",
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("taken", sa.Integer(), server_default="0", nullable=False),
        sa.Column("letters", sa.Integer(), server_default="0", nullable=False),
        sa.Column("warm_up_step", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("domain", "day", name="daily_quota_pkey"),
    )
    op.create_table(
        "tally",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("letter", sa.String(length=160), nullable=False),
        sa.Column("outcome", sa.String(length=48), nullable=False),
        sa.Column("count", BigKey, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("day", "letter", "outcome", name="tally_pkey"),
    )

    op.drop_index("delivery_leases", "delivery")
    op.create_index(
        "delivery_leases",
        "delivery",
        ["lease_until"],
        sqlite_where=sa.text("state IN ('claimed', 'handing_off') AND lease_until IS NOT NULL"),
        postgresql_where=sa.text("state IN ('claimed', 'handing_off') AND lease_until IS NOT NULL"),
    )
    op.drop_index("delivery_unplanned", "delivery")
    op.create_index(
        "delivery_planned",
        "delivery",
        ["sequence", "step", "release_id", "id"],
        sqlite_where=sa.text("state = 'pending' AND step IS NOT NULL"),
        postgresql_where=sa.text("state = 'pending' AND step IS NOT NULL"),
    )
    op.create_index(
        "delivery_resend_of",
        "delivery",
        ["resend_of"],
        sqlite_where=sa.text("resend_of IS NOT NULL"),
        postgresql_where=sa.text("resend_of IS NOT NULL"),
    )
    if op.get_context().dialect.name == "postgresql":
        for table, columns in _COMPARED_BY_BYTES.items():
            changes = ", ".join(f'ALTER COLUMN {name} TYPE varchar({n}) COLLATE "C"' for name, n in columns.items())
            op.execute(f"ALTER TABLE {table} {changes}")
    op.add_column("delivery", sa.Column("quota_day", sa.String(length=10), nullable=True))
    op.create_index(
        "delivery_complained",
        "delivery",
        ["complained_at"],
        sqlite_where=sa.text("complained_at IS NOT NULL"),
        postgresql_where=sa.text("complained_at IS NOT NULL"),
    )
