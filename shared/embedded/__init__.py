"""A real PostgreSQL and a real Kafka as child processes: what the local stack and the test fixtures stand on."""
