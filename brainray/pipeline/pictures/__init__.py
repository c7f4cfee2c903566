"""The pictures of a run's report, drawn with matplotlib without a display."""
