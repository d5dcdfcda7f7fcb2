"""Errors by kind and label, with examples: what the kinds of prediction share."""
