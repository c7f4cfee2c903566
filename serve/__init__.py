"""The HTTP side: Ray Serve applications. This version has none yet; see CHANGELOG.md."""
