"""Weekly capacity of the machines that are shared, and how it is told in the format of Catena-X."""
