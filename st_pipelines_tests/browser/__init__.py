"""The Dagster UI as people see it: a real browser on the real webserver."""
