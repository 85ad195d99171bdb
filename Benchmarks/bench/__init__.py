"""The benchmark harness: starts a backend, one proxy at a time and a load generator."""
