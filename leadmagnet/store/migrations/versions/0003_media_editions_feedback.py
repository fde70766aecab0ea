"""Media, editions of guides, feedback"""

import sqlalchemy as sa
from alembic import op

from leadmagnet.store.columns import BigKey, Utc, word

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "media",
        sa.Column("digest", word(64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "name", name="media_pkey"),
    )
    op.add_column("enrollment", sa.Column("guide_edition", sa.String(length=16), nullable=True))
    op.create_table(
        "feedback",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("delivery_id", BigKey, nullable=True),
        sa.Column("status", sa.String(length=16), nullable=True),
        sa.Column("smtp_class", sa.String(length=32), nullable=True),
        sa.Column("digest", word(64), nullable=False),
        sa.CheckConstraint("kind IN ('bounce', 'complaint')", name=op.f("feedback_kind_check")),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="feedback_delivery_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="feedback_pkey"),
        sa.UniqueConstraint("digest", name="feedback_digest_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("feedback_delivery_id", "feedback", ["delivery_id"])
