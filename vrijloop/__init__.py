"""The command line and the demo: the only place where the rooms are put together."""
