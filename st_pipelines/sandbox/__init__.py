"""The outside systems as real HTTP servers on loopback, with failure switches. Invariant: nothing in the package
imports the sandbox, and the sandbox imports nothing of the package but money, so that it judges the clients
independently."""
