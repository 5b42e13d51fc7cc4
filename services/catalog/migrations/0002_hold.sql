-- How long after delivery a creator's commission is held; none: the platform's usual hold.
ALTER TABLE offer_versions ADD COLUMN hold_seconds int CHECK (hold_seconds > 0);
