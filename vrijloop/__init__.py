"""The command line and the all-in-one demo: the only place that puts rooms together."""
