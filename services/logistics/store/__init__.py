"""The SQL of logistics: each statement in capitals above the one function that runs it."""
