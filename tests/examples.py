"""How many examples a property test tries: as many as it asks for, a fifth of them in `make test-fast`."""

from hypothesis import settings

settings.register_profile("all", deadline=None, max_examples=100)  # how long one takes says nothing on a busy machine
settings.register_profile("fast", settings.get_profile("all"), max_examples=20)
settings.load_profile("all")


def examples(count: int) -> int:
    """For `settings(max_examples=...)`: its share of `count` in the profile of this run."""
    return count * settings().max_examples // settings.get_profile("all").max_examples
