"""What the source was told about posted documents."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    pass
