"""GLUScope's heavy half: from a model and texts to an activation dataset."""
