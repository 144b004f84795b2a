"""The texts of the dataset that comes with this repository: where they are from, and how they are cut."""
