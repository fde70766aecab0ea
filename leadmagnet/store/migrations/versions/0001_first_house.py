"""The first house"""

import sqlalchemy as sa
from alembic import op

from leadmagnet.store.columns import BigKey, Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# op.f: a check's name stands as it is; without it the naming convention would be applied a second time.

#: A proof that could be edited would prove nothing. Deleting stays possible: a person may be forgotten.
_CONSENT_IS_APPEND_ONLY = {
    "sqlite": """
        CREATE TRIGGER consent_append_only BEFORE UPDATE ON consent
        BEGIN SELECT RAISE(ABORT, 'consent rows are never changed'); END
    """,
    "postgresql": """
        CREATE FUNCTION consent_append_only() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'consent rows are never changed'; END $$;
        CREATE TRIGGER consent_append_only BEFORE UPDATE ON consent
        FOR EACH ROW EXECUTE FUNCTION consent_append_only();
        ALTER TABLE delivery SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
    """,
}


def upgrade() -> None:
    op.create_table(
        "heartbeat",
        sa.Column("worker", sa.String(length=36), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("beat_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("worker", name="heartbeat_pkey"),
    )
    op.create_table(
        "release",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("published_at", Utc(), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("files", sa.LargeBinary(), nullable=False),
        sa.Column("compiled", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="release_pkey"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "subscriber",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("address_key", sa.String(length=32), nullable=False),
        sa.Column("domain_group", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=16), server_default="pending", nullable=False),
        sa.Column("first_name", sa.String(length=64), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("asked_at", Utc(), nullable=False),
        sa.Column("confirmed_at", Utc(), nullable=True),
        sa.Column("unsubscribed_at", Utc(), nullable=True),
        sa.CheckConstraint(
            "status <> 'active' OR confirmed_at IS NOT NULL", name=op.f("subscriber_active_means_confirmed_check")
        ),
        sa.CheckConstraint("status IN ('pending', 'active', 'unsubscribed')", name=op.f("subscriber_status_check")),
        sa.PrimaryKeyConstraint("id", name="subscriber_pkey"),
        sa.UniqueConstraint("address_key", name="subscriber_address_key_key"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "subscriber_unconfirmed",
        "subscriber",
        ["asked_at"],
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )

    op.create_table(
        "suppression",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("address_key", sa.String(length=32), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.CheckConstraint("scope IN ('letters', 'all')", name=op.f("suppression_scope_check")),
        sa.PrimaryKeyConstraint("id", name="suppression_pkey"),
        sa.UniqueConstraint("address_key", "scope", name="suppression_address_key_scope_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "consent",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("subscriber_id", BigKey, nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("guide", sa.String(length=64), nullable=True),
        sa.Column("wording", sa.Text(), nullable=True),
        sa.Column("wording_hash", sa.String(length=64), nullable=True),
        sa.Column("ip", sa.String(length=45), nullable=True),
        sa.Column("user_agent", sa.String(length=512), nullable=True),
        sa.Column("page", sa.String(length=512), nullable=True),
        sa.Column("source", sa.JSON(), nullable=True),
        sa.Column("message_id", sa.String(length=255), nullable=True),
        sa.CheckConstraint(
            "event IN ('requested', 'confirmed', 'withdrawn', 'renewed')", name=op.f("consent_event_check")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name="consent_subscriber_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="consent_pkey"),
        sqlite_autoincrement=True,
    )
    op.create_index("consent_subscriber_id", "consent", ["subscriber_id"])

    op.create_table(
        "enrollment",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("subscriber_id", BigKey, nullable=False),
        sa.Column("sequence", sa.String(length=64), nullable=False),
        sa.Column("guide", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=16), server_default="pending", nullable=False),
        sa.Column("exit_reason", sa.String(length=64), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("start_at", Utc(), nullable=True),
        sa.Column("paused_until", Utc(), nullable=True),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.Column("guide_opened_at", Utc(), nullable=True),
        sa.CheckConstraint(
            "(status = 'exited') = (exit_reason IS NOT NULL)", name=op.f("enrollment_exit_has_reason_check")
        ),
        sa.CheckConstraint(
            "status = 'pending' OR start_at IS NOT NULL OR status = 'exited'",
            name=op.f("enrollment_running_has_start_check"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'active', 'completed', 'exited')", name=op.f("enrollment_status_check")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name="enrollment_subscriber_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="enrollment_pkey"),
        sa.UniqueConstraint("subscriber_id", "sequence", name="enrollment_subscriber_id_sequence_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "subscriber_tag",
        sa.Column("subscriber_id", BigKey, nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("given_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name="subscriber_tag_subscriber_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "tag", name="subscriber_tag_pkey"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subscriber_id", BigKey, nullable=True),
        sa.Column("enrollment_id", BigKey, nullable=True),
        sa.Column("sequence", sa.String(length=64), nullable=True),
        sa.Column("step", sa.String(length=64), nullable=True),
        sa.Column("lane", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), server_default="pending", nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=True),
        sa.Column("due_at", Utc(), nullable=False),
        sa.Column("ready_at", Utc(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_attempt_at", Utc(), nullable=True),
        sa.Column("begun", sa.Integer(), server_default="0", nullable=False),
        sa.Column("resends", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.String(length=36), nullable=True),
        sa.Column("lease_token", BigKey, server_default="0", nullable=False),
        sa.Column("lease_until", Utc(), nullable=True),
        sa.Column("gate_host", sa.String(length=255), nullable=True),
        sa.Column("release_id", BigKey, nullable=True),
        sa.Column("message_id", sa.String(length=255), nullable=False),
        sa.Column("domain_group", sa.String(length=255), nullable=False),
        sa.Column("smtp_code", sa.Integer(), nullable=True),
        sa.Column("smtp_class", sa.String(length=32), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=True),
        sa.Column("handed_at", Utc(), nullable=True),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.Column("bounced_at", Utc(), nullable=True),
        sa.Column("complained_at", Utc(), nullable=True),
        sa.Column("clicked_at", Utc(), nullable=True),
        sa.Column("resend_of", BigKey, nullable=True),
        sa.Column("dedupe_key", sa.String(length=160), nullable=True),
        sa.CheckConstraint(
            "kind <> 'step' OR step IS NOT NULL AND enrollment_id IS NOT NULL",
            name=op.f("delivery_step_has_name_check"),
        ),
        sa.CheckConstraint(
            "kind IN ('confirm', 'reminder', 'guide', 'step', 'test', 'notice')", name=op.f("delivery_kind_check")
        ),
        sa.CheckConstraint("lane IN ('transactional', 'sequence')", name=op.f("delivery_lane_check")),
        sa.CheckConstraint("state <> 'sent' OR sent_at IS NOT NULL", name=op.f("delivery_sent_has_time_check")),
        sa.CheckConstraint(
            "state IN ('pending', 'claimed', 'handing_off', 'sent', 'failed', 'cancelled', 'expired', 'skipped', 'held', 'uncertain')",
            name=op.f("delivery_state_check"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('claimed', 'handing_off') OR lease_until IS NOT NULL",
            name=op.f("delivery_claim_has_lease_check"),
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollment.id"], name="delivery_enrollment_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name="delivery_release_id_fkey"),
        sa.ForeignKeyConstraint(["resend_of"], ["delivery.id"], name="delivery_resend_of_fkey"),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name="delivery_subscriber_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="delivery_pkey"),
        sa.UniqueConstraint("dedupe_key", name="delivery_dedupe_key_key"),
        sa.UniqueConstraint("message_id", name="delivery_message_id_key"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "delivery_attention",
        "delivery",
        ["state"],
        sqlite_where=sa.text("state IN ('uncertain', 'held')"),
        postgresql_where=sa.text("state IN ('uncertain', 'held')"),
    )
    op.create_index("delivery_enrollment_id", "delivery", ["enrollment_id"])
    op.create_index(
        "delivery_leases",
        "delivery",
        ["lease_until"],
        sqlite_where=sa.text("state IN ('claimed', 'handing_off')"),
        postgresql_where=sa.text("state IN ('claimed', 'handing_off')"),
    )
    op.create_index(
        "delivery_ready",
        "delivery",
        ["lane", "ready_at", "id"],
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("delivery_subscriber", "delivery", ["subscriber_id"])
    op.create_index(
        "delivery_unplanned",
        "delivery",
        ["release_id", "id"],
        sqlite_where=sa.text("state = 'pending' AND step IS NOT NULL"),
        postgresql_where=sa.text("state = 'pending' AND step IS NOT NULL"),
    )

    op.create_table(
        "audit_event",
        sa.Column("id", BigKey, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("delivery_id", BigKey, nullable=True),
        sa.Column("subscriber_id", BigKey, nullable=True),
        sa.Column("detail", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name="audit_event_delivery_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name="audit_event_subscriber_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="audit_event_pkey"),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_event_delivery_id", "audit_event", ["delivery_id"])
    op.create_index("audit_event_subscriber_id", "audit_event", ["subscriber_id"])

    op.execute(_CONSENT_IS_APPEND_ONLY[op.get_context().dialect.name])
