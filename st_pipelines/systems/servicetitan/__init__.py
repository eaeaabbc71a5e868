"""ServiceTitan API V2: what we read of it, and the little we write back. Facts: the published OpenAPI documents."""
