"""The machine-learning core: photos in, faces with estimates out. No Django, no database."""
