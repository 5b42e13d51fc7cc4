-- When a service can be had, and by how many: what of it is taken is known to orders.
CREATE TABLE slots (
    slot_id     uuid        PRIMARY KEY,
    variant_id  uuid        NOT NULL REFERENCES variants,
    supplier_id uuid        NOT NULL,
    events      int         NOT NULL DEFAULT 1,                -- stream position on catalog.slots
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL CHECK (ends_at > starts_at),
    capacity    int         NOT NULL CHECK (capacity > 0),
    provider    text        NOT NULL,
    opened_at   timestamptz NOT NULL
);
CREATE INDEX slots_variant ON slots (variant_id, starts_at);
