-- What became of parcels with cash to collect, by whom they went to and where: told by logistics, read by intake.
CREATE TABLE cod_history (
    kind      text NOT NULL CHECK (kind IN ('buyer', 'region')),
    subject   text COLLATE "C" NOT NULL,                       -- a buyer_ref, or an ISO 3166-2 code; only ever looked up
    delivered int  NOT NULL DEFAULT 0 CHECK (delivered >= 0),
    refused   int  NOT NULL DEFAULT 0 CHECK (refused >= 0),
    PRIMARY KEY (kind, subject)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);   -- a region's row changes with each delivery there

ALTER TABLE orders ADD COLUMN cod_risk jsonb;                  -- why it was confirmed as it was; null when prepaid

-- How long after delivery commissions are held; null: the platform's usual hold.
ALTER TABLE offer_versions ADD COLUMN hold_seconds int;
ALTER TABLE lines ADD COLUMN hold_seconds int;                 -- as the offer said when the order was placed
