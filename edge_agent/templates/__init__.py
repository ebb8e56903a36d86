"""One YAML file of facts per make of device."""
