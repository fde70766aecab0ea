"""One message, no database: rendered, put together, handed over."""
