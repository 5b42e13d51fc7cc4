"""Random histories of orders and their money, and the laws that hold after every step.

A history is a string of bytes: each choice takes the next one, and when none is left it is over. So any history can be
written down, told again, and made shorter by Hypothesis.
"""
