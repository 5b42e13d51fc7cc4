-- Parcels, the cash for them, what carriers reported, and what does not fit.

CREATE TABLE shipments (
    shipment_id       uuid PRIMARY KEY,
    order_id          uuid NOT NULL,
    supplier_order_id uuid NOT NULL UNIQUE,                    -- one parcel a supplier order
    supplier_id       uuid NOT NULL,
    region            text NOT NULL,
    lines             jsonb NOT NULL,                          -- as they are told; they never change
    cod_amount        bigint CHECK (cod_amount > 0),
    currency          text,
    loadtest          bool NOT NULL DEFAULT false,
    state             text NOT NULL DEFAULT 'CREATED' CHECK (state IN
                      ('CREATED', 'CANCELLED', 'HANDED_OVER', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'ATTEMPT_FAILED',
                       'DELIVERED', 'RETURNING', 'RETURNED', 'RESTOCKED', 'WRITTEN_OFF', 'LOST', 'DAMAGED')),
    attempts          smallint NOT NULL DEFAULT 0 CHECK (attempts BETWEEN 0 AND 3),
    turned_by         text,                                    -- why it goes back
    moved_by          text,                                    -- the kind and the carrier's time of the last report
    moved_at          timestamptz,                             -- that moved it; older ones come late
    carrier           text,
    waybill           text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    ended_at          timestamptz,
    version           int NOT NULL DEFAULT 1,
    events            int NOT NULL DEFAULT 1,                  -- position on logistics.shipments
    CHECK ((cod_amount IS NULL) = (currency IS NULL)),
    CHECK ((state IN ('CREATED', 'CANCELLED')) = (waybill IS NULL) AND (carrier IS NULL) = (waybill IS NULL)),
    CHECK (NOT (loadtest AND carrier IS NOT NULL))             -- a parcel of a load test never travels
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX shipments_waybill ON shipments (carrier, waybill) WHERE waybill IS NOT NULL;
-- Lists go by order: its id carries its time, so they are chronological.
CREATE INDEX shipments_order ON shipments (order_id, shipment_id);
CREATE INDEX shipments_supplier ON shipments (supplier_id, order_id, shipment_id);
CREATE INDEX shipments_carrier ON shipments (carrier, order_id, shipment_id) WHERE carrier IS NOT NULL;

-- The money the courier is to take: a row of its own, independent of the parcel.
CREATE TABLE cod_cash (
    shipment_id   uuid PRIMARY KEY REFERENCES shipments,
    state         text NOT NULL DEFAULT 'DUE' CHECK (state IN
                  ('DUE', 'COLLECTED', 'REMITTED', 'BANKED', 'SETTLED', 'SHORT', 'REFUSED', 'OVERDUE', 'DISPUTED',
                   'REVERSED', 'WRITTEN_OFF')),
    due           bigint NOT NULL CHECK (due > 0),
    currency      text NOT NULL,
    collection_id text UNIQUE,
    collected     bigint CHECK (collected > 0),
    method        text,
    collected_at  timestamptz,                                 -- the carrier's time
    version       int NOT NULL DEFAULT 1,
    events        int NOT NULL DEFAULT 0,                      -- position on logistics.cod
    CHECK ((collection_id IS NULL) = (collected IS NULL)),
    CHECK (collection_id IS NULL OR state NOT IN ('DUE', 'OVERDUE', 'REFUSED')),
    CHECK (collection_id IS NOT NULL OR state NOT IN ('COLLECTED', 'REMITTED', 'BANKED', 'SETTLED'))
) WITH (fillfactor = 80);

-- Where parcels go: personal data, in a table of its own so that it can be forgotten. Either side may come first.
CREATE TABLE delivery_details (
    order_id    uuid PRIMARY KEY,
    name        text NOT NULL,
    phone       text NOT NULL,
    region      text NOT NULL,
    address     text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX delivery_details_received_at ON delivery_details (received_at);

-- Signed reports as they came: the same id, the same answer. Without a shipment they wait for their waybill.
CREATE TABLE carrier_reports (
    carrier     text NOT NULL,
    report_id   text NOT NULL,
    waybill     text NOT NULL,
    kind        text NOT NULL,
    at          timestamptz NOT NULL,                          -- the carrier's time
    amount      bigint,
    currency    text,
    method      text,
    reason      text,
    shipment_id uuid,
    effect      text NOT NULL DEFAULT 'unmatched',
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (carrier, report_id)
);
CREATE INDEX carrier_reports_unmatched ON carrier_reports (carrier, waybill) WHERE shipment_id IS NULL;

-- What happened to a parcel, in the order in which we learned of it; its creation is in its own row.
CREATE TABLE timeline (
    id           bigint GENERATED ALWAYS AS IDENTITY,
    shipment_id  uuid NOT NULL,
    at           timestamptz NOT NULL,
    kind         text NOT NULL,
    effect       text NOT NULL DEFAULT 'moved',
    parcel_state text NOT NULL,                                -- after it
    report_id    text,
    reason       text,
    PRIMARY KEY (shipment_id, id)
);

-- A work list for people; a subject (report or shipment) has at most one of a kind.
CREATE TABLE discrepancies (
    discrepancy_id uuid PRIMARY KEY,
    kind           text NOT NULL,
    subject        text NOT NULL,
    carrier        text,
    waybill        text,
    shipment_id    uuid,
    expected       bigint,
    actual         bigint,
    currency       text,
    found_at       timestamptz NOT NULL DEFAULT now(),
    resolved_at    timestamptz,
    decision       text,
    UNIQUE (kind, subject)
);
CREATE INDEX discrepancies_open ON discrepancies (found_at) WHERE resolved_at IS NULL;

-- Sets itself again each time it fires.
INSERT INTO timers (kind, subject, due_at, cause) VALUES ('forget_details', 'all', now(), '{}');
