"""Prepares an installation: secrets, certificates, configuration files and systemd units. There are no default
passwords."""
