"""Many inputs: batches that are killed and go on, their throughput, and a service under load."""
