"""How a plugin of one's own begins: files to be changed."""
