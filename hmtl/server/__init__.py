"""A trained model behind HTTP; `hmtl.server.application` needs the packages of the extra `serve`."""

from hmtl.server.limits import Limits

__all__ = ["Limits"]
