"""Breaking it on purpose: real processes, a real database, a real broker, a seed that is printed."""
