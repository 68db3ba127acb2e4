"""What `bench new` copies, `my_method` or `my_metric` replaced; each works as it stands."""
