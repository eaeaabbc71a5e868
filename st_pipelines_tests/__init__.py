"""Tests, one folder a room, named after behaviours. Invariant: real parts, no network beyond loopback."""
