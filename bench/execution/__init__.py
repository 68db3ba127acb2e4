"""Where cells run: this process, watched worker processes, a Dask cluster."""
