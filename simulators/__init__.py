"""Simulated factories, served by real OPC UA and Modbus servers, and replay of recorded data."""
