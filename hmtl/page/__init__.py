"""Pages that need nothing else: predictions, and the templates and the style of all others."""

from hmtl.page.page import asset, document, page, picture, policy_of, server_page, themed

__all__ = ["asset", "document", "page", "picture", "policy_of", "server_page", "themed"]
