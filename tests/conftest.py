"""What every test shares: examples of property tests are the same in every run.

To look for new ones: pytest --hypothesis-profile=explore
"""

from hypothesis import Phase, settings

settings.register_profile("same-every-run", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.register_profile(  # a change that a test notices need not be explained
    "mutants", deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("same-every-run")
