"""QAD Adaptive ERP. Invariant: every wire name comes from the tenant's profile, never from code."""
