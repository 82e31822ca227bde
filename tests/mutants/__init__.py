"""Mutation tests: does a test fail when a promise is broken? `make mutants`.

cosmic-ray generates the changes; a seeded sample is tried, each in a copy of this tree with the
quick tests of its module. `guarded.py` lists code and tests, `rules.py` what is not behavior,
`named.py` changes that are always tried, `equivalents.py` undetectable changes with reasons.
"""
