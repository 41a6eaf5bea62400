"""A fake AWS: moto with its gaps closed, failures on request, and a journal of all calls. No account is touched."""
