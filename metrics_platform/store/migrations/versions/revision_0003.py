"""Promotions; versions know whether only a shadow has written them."""

import sqlalchemy as sa
from alembic import op

from metrics_platform.store.views import CREATE_READERS_VERSIONS, DROP_READERS_VERSIONS

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SCHEMA = "metrics_platform"


def upgrade() -> None:
    """Nothing is promoted yet, and no version is a shadow's: readers get what they got."""
    op.add_column(
        "versions",
        sa.Column(
            "shadow_until",
            sa.DateTime(timezone=True),
            comment=(
                "Until then only a shadow has written it: infinity while it is so, null if never."
            ),
        ),
        schema=_SCHEMA,
    )
    op.create_table(
        "promotions",
        sa.Column("promotion_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("domain", sa.Text(collation="C"), nullable=False, comment="log or sim"),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.Column("promoted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "demoted_at",
            sa.DateTime(timezone=True),
            comment="Null while it is what readers get.",
        ),
        sa.Column("promoted_by", sa.Text()),
        sa.Column("demoted_by", sa.Text()),
        sa.Column("note", sa.Text(), comment="Why."),
        sa.Column("follows", sa.BigInteger(), comment="What to go back to; null for no promotion."),
        sa.Column(
            "had_before",
            sa.Text(collation="C"),
            comment="Of the first: the version that readers had, to go to.",
        ),
        sa.PrimaryKeyConstraint("promotion_id"),
        sa.ForeignKeyConstraint(["follows"], [f"{_SCHEMA}.promotions.promotion_id"]),
        schema=_SCHEMA,
    )
    op.create_index(
        "promotions_open",
        "promotions",
        ["domain", "name"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text("demoted_at IS NULL"),
    )
    op.create_index(
        "promotions_by_name", "promotions", ["domain", "name", "promoted_at"], schema=_SCHEMA
    )
    op.execute(CREATE_READERS_VERSIONS)


def downgrade() -> None:
    """Forget promotions: readers get the highest version again, and see those of shadows."""
    op.execute(DROP_READERS_VERSIONS)
    op.drop_table("promotions", schema=_SCHEMA)
    op.drop_column("versions", "shadow_until", schema=_SCHEMA)
