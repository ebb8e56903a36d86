"""Where machine states come from: one module per protocol, each a task of its own per device."""
