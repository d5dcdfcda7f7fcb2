"""Predictions as a page that needs nothing else."""

from hmtl.page.page import document, page, server_page

__all__ = ["document", "page", "server_page"]
