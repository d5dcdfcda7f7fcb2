"""Predictions as a page that needs nothing else."""

from hmtl.page.page import document, page, policy_of, server_page

__all__ = ["document", "page", "policy_of", "server_page"]
