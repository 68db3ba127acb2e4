"""What a method is, where one lies, how it comes in, and how one begins."""
