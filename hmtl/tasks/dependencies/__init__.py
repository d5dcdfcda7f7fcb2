"""Dependency trees: heads, readers, and all that becomes of arcs between words and their heads."""
