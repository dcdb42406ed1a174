"""Production beside a reference: rows, distances, and the engine for both."""
