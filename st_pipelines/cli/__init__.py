"""The ``st-pipelines`` command: parse, call one function of the house, print. Nothing is decided here."""
