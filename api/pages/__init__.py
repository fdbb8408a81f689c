"""Pages for people's browsers, over the same queries as the JSON routes."""
