"""Tables that people edit, and the rules that turn documents into target lines by them. Invariant: pure, fail-closed;
nothing here opens a connection, and a missing row holds the document instead of falling back to a default."""
