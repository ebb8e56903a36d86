"""The edge agent runs on a gateway on the shop floor: source → state → outbox → broker. It reads machines and never writes to them."""
