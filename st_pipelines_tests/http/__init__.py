"""Behaviour of the room, against real parts."""
