"""The one HTTP kernel: origins, sign-in, limits, retries, deadlines, redaction, errors. Reads retry, writes never do."""
