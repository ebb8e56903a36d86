"""Sources of machine states: OPC UA and Modbus. Each device or server has its own task."""
