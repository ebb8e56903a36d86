"""From the description of a product to how it can be made in the region: for each step the machines, the people, the courses and the know-how."""
