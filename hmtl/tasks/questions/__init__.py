"""Questions about a text, which spans of it answer."""
