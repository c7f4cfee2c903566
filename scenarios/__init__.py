"""The built-in scenarios: a folder each, with its scenario.yaml and README.md."""
