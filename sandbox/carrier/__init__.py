"""A carrier: it takes parcels over, reports what happens to them by signed calls, and holds the cash it collects."""
