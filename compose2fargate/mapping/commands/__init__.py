"""What a service's command does: whether it keeps running, and what runs as a job."""
