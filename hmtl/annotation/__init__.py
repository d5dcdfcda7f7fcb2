"""Texts in, annotated texts out: what `hmtl annotate` and `HMTL.annotate` do."""

from hmtl.annotation.annotate import annotate, annotated_layers
from hmtl.annotation.formats import OutputFormat
from hmtl.annotation.head_mentions import mark_heads, name_task
from hmtl.annotation.texts import Texts

__all__ = ["OutputFormat", "Texts", "annotate", "annotated_layers", "mark_heads", "name_task"]
