"""What methods and metrics are, where they lie, how they come in, and how one begins."""
