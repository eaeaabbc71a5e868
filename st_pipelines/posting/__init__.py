"""The posting ledger: plan, claim, send, confirm, settle. It alone decides what may be sent."""
