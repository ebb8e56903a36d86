"""Hostile input: functions that take any bytes, a corpus of inputs for each, and what runs them: a while in the suite, for hours by `make fuzz`."""
