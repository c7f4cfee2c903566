"""What the atlas and its mechanism reach on real data."""
