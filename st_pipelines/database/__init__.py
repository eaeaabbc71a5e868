"""The one relational database: ledger, audit trail, credentials, limits, inbox. SQLite or PostgreSQL."""
