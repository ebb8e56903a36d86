"""Web page on which an operations manager follows the machines and decides about offers."""
