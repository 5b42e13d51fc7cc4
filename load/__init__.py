"""Load on order intake that leaves no mark on the books: `make load`, and what benches and faults drive orders with."""
