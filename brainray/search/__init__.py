"""Search: spaces, searchers and the loop between them. It knows nothing of networks or Ray."""
