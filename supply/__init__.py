"""What Vrijloop is made of: locked packages, their licences, bills of materials, the wheel. For those who build it; no part of the package."""
