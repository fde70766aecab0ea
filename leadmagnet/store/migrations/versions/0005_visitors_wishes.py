"""What visitors wish, and limits on sign-ups"""

import sqlalchemy as sa
from alembic import op

from leadmagnet.store.columns import BigKey, Utc, word

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KINDS = "kind IN ('confirm', 'reminder', 'guide', 'step', {}'test', 'notice')"


def upgrade() -> None:
    op.add_column("subscriber", sa.Column("finishing_at", Utc(), nullable=True))
    op.add_column("subscriber", sa.Column("gap_days", sa.Integer(), nullable=True))
    finishing = sa.text("finishing_at IS NOT NULL")
    op.create_index(
        "subscriber_finishing", "subscriber", ["finishing_at"], sqlite_where=finishing, postgresql_where=finishing
    )
    op.add_column("enrollment", sa.Column("wanted_at", Utc(), nullable=True))
    op.create_table(
        "address_change",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("subscriber_id", BigKey, nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("address_key", word(32), nullable=False),
        sa.Column("domain_group", sa.String(length=255), nullable=False),
        sa.Column("asked_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name="address_change_subscriber_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="address_change_pkey"),
        sa.UniqueConstraint("subscriber_id", name="address_change_subscriber_id_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "signup_bucket",
        sa.Column("scope", word(64), nullable=False),
        sa.Column("used_until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name="signup_bucket_pkey"),
    )
    op.create_index("signup_bucket_used", "signup_bucket", ["used_until"])
    op.create_table(
        "signup_window",
        sa.Column("begins_at", Utc(), nullable=False),
        sa.Column("asked", sa.Integer(), server_default="0", nullable=False),
        sa.Column("confirmed", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("begins_at", name="signup_window_pkey"),
    )
    _allow_kind_address()
    # Who is forgotten is taken out of the test mails that went to her, which are found by their keys from now on.
    op.execute("UPDATE delivery SET dedupe_key = 'test:' || message_id WHERE kind = 'test' AND dedupe_key IS NULL")


def _allow_kind_address() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.drop_constraint("delivery_kind_check", "delivery")
        op.create_check_constraint(op.f("delivery_kind_check"), "delivery", _KINDS.format("'address', "))
        return
    # Not a copy of the whole table: SQLite's own way to change a constraint (sqlite.org/lang_altertable.html §7),
    # which leaves the counter alone that no row id may ever be given twice from.
    version = op.get_bind().execute(sa.text("PRAGMA schema_version")).scalar_one()
    op.execute("PRAGMA writable_schema = ON")
    op.get_bind().execute(
        sa.text("UPDATE sqlite_schema SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = 'delivery'"),
        {"old": _KINDS.format(""), "new": _KINDS.format("'address', ")},
    )
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = OFF")
