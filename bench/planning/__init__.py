"""What is to be measured: how methods are typed, what is asked for, and the cells of a run."""
