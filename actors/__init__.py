"""Ray lives here: actors and the runner on Tune and Train."""
