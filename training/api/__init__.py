"""The REST calls about model versions and training runs, and what all REST calls share."""
