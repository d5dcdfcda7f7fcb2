"""A feature that has no value."""


class MissingFeature(ValueError):
    """What would be measured is not defined here; the message says why."""
