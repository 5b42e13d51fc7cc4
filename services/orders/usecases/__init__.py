"""What orders does, a subject a module: each function takes the transaction and a list."""
