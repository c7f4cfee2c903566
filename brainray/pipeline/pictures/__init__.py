"""The pictures of reports, drawn with matplotlib without a display."""
