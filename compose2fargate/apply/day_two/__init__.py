"""Operating what is deployed: status, logs, runs, rollback, exec, secrets."""
