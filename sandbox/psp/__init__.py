"""A payment provider: buyers pay on its page, it reports what became of it by signed calls to orders."""
