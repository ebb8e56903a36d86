"""Factories that behave, served as real OPC UA and Modbus servers; replay of recorded data."""
