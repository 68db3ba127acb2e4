"""How a method of one's own begins: files to be changed."""
