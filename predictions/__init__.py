"""Photos, predictions and faces: upload, history, API and the worker's task."""
