"""The built-in denoisers, one a file: the folder is the list."""
