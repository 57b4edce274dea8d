"""Many inputs: batches that are killed and resumed, their throughput, and a service under load."""
