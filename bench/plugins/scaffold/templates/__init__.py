"""What `bench new` copies, `my_method` replaced by the method's name; each works as it stands."""
