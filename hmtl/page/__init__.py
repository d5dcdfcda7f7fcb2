"""Pages that need nothing else: predictions, and the templates and the style of all others."""

from hmtl.page.page import asset, document, page, policy_of, server_page

__all__ = ["asset", "document", "page", "policy_of", "server_page"]
