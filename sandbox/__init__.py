"""The outside world for a machine that has none: parties that speak the signed calls real ones would.

They know the contracts and the public addresses, nothing else. Each is a process: `python -m sandbox.psp --name N`.
"""
