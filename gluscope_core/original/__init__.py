"""What the original program published, read as it is: one parquet table with a row per neuron."""
