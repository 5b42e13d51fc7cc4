"""A bank: it pays payouts and refunds out and says what became of them, and credits what carriers remit."""
