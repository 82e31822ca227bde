"""Whether a test notices when a promise is broken: `make mutants`.

cosmic-ray makes the changes (its operators and its mutator); a seeded sample of them is tried, each
in a copy of this tree with the quick tests of its module. `guarded.py` says which code and which
tests, `rules.py` what is not behavior, `named.py` which changes are always tried, and
`equivalents.py` which changes no test can notice, with reasons.
"""
