"""Consuming, written once: every subscription of every service goes through this policy."""

from shared.kernel.delivery.router import Mode, Router, Subscription

__all__ = ["Mode", "Router", "Subscription"]
