"""Journeys through the running stack: every service and outside party as processes, real PostgreSQL and Kafka."""
