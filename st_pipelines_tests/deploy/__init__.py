"""What ``deploy/`` describes, started for real."""
