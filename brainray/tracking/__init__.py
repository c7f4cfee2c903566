"""Multi-object tracking: from boxes in frames to boxes with identities, and how good they are."""
