"""A QAD Adaptive ERP on loopback: what is observed of it, and for the rest the contract this project assumes."""
