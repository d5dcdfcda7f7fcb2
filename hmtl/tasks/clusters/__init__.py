"""Clusters of mentions: coreference."""
