"""What `bench new` copies, `my_method` and the like replaced; each works as it stands."""
