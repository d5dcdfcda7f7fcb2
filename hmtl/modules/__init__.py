"""Modules that the heads and the embedders share."""

from hmtl.modules.conditional_random_field import ConditionalRandomField

__all__ = ["ConditionalRandomField"]
