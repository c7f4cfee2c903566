"""The HTTP API: a file a part of it, each a router that works on the state of its application."""
