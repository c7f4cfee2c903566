"""A large catalog, what is asked of it, and how long the answers take."""
