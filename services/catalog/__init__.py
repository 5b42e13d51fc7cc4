"""The catalog: who supplies what, at which price, on which terms for creators, and what was delivered."""
