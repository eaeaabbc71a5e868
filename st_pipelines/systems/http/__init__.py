"""The one HTTP kernel: origins, sign-in, limits, retries, deadlines, redaction, errors. Only reads are retried."""
