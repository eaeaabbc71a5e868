"""ServiceTitan's API V2 on loopback: auth, lists, feeds, writes. Invariant: answers fit the published documents."""
