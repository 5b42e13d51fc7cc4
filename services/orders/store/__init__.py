"""Orders' SQL, a subject a module: upper-case constants above the one function that runs them."""
