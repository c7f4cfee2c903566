"""What is wrong with an installation, and what mends it.

Nothing heavy is imported at the top of these modules: they have to run where a package is broken.
"""
