"""The relay: takes what the outbox holds to Kafka, in order inside a key, at least once."""

from shared.kernel.relay.dead import list_dead, replay_dead
from shared.kernel.relay.loop import Relay

__all__ = ["Relay", "list_dead", "replay_dead"]
