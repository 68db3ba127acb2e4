"""What methods, metrics and noises are, where they lie, how they come in, and how one begins."""
