"""Machines in formats of industry: their capabilities (Catena-X CX-0115), and their Asset Administration Shells."""
