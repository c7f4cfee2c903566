"""Runs whose task is tracking: choose a detector and a tracker for labelled videos."""
