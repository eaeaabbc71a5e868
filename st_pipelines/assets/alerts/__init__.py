"""Messages to people about what went wrong: what they say, how they are found, how they are sent."""
