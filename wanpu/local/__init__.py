"""The platform on one machine: a real PostgreSQL, a real Kafka, every service and the sandbox, supervised."""

from wanpu.local.stack import Stack

__all__ = ["Stack"]
