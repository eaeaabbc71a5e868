"""Webhook deliveries between the door and the work. ``arrivals.py`` puts them in, ``pending.py`` hands them out."""
