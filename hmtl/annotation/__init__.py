"""Annotated texts in files: what `hmtl annotate` reads and writes."""

from hmtl.annotation.formats import OutputFormat
from hmtl.annotation.texts import Texts

__all__ = ["OutputFormat", "Texts"]
