"""Which party of one system is which of another."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    pass
