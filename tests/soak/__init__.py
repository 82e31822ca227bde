"""A server under hostile traffic: `python -m tests.soak --minutes 10 --seed 1 --json`."""
