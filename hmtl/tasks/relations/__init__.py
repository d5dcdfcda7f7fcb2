"""Directed, labelled relations between spans."""
