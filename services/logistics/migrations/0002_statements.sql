-- Carriers' statements, the bank's credits for them, and how each discrepancy was decided.

-- A file as it came, and how far it was looked at; `events` is its position on logistics.statements.
CREATE TABLE statements (
    statement_id  uuid PRIMARY KEY,
    statement_no  bigint GENERATED ALWAYS AS IDENTITY UNIQUE,     -- its rows are many: eight bytes, not sixteen
    carrier       text NOT NULL,
    statement_ref text NOT NULL,
    digest        bytea NOT NULL,                                 -- SHA-256: the same name for other bytes is refused
    currency      text NOT NULL,
    state         text NOT NULL DEFAULT 'RECEIVED' CHECK (state IN ('RECEIVED', 'MATCHED', 'PART_BANKED', 'BANKED')),
    rows          int NOT NULL DEFAULT 0,                         -- that could be read
    bad_rows      int NOT NULL DEFAULT 0,
    gross         bigint NOT NULL DEFAULT 0,
    fee           bigint NOT NULL DEFAULT 0,
    credited      bigint NOT NULL DEFAULT 0,
    rows_done     int NOT NULL DEFAULT 0,
    line_done     int NOT NULL DEFAULT 1,                         -- the header
    matched       int NOT NULL DEFAULT 0,
    found         int NOT NULL DEFAULT 0,                         -- discrepancies
    received_at   timestamptz NOT NULL DEFAULT now(),
    matched_at    timestamptz,
    version       int NOT NULL DEFAULT 1,
    events        int NOT NULL DEFAULT 1,
    UNIQUE (carrier, statement_ref),
    CHECK (credited BETWEEN 0 AND greatest(gross - fee, 0))
);

CREATE TABLE statement_rows (
    statement_no bigint NOT NULL,
    line         int NOT NULL,
    carrier      text NOT NULL,
    waybill      text NOT NULL,
    collected_at timestamptz NOT NULL,
    gross        bigint NOT NULL CHECK (gross >= 0),
    fee          bigint NOT NULL CHECK (fee >= 0),
    outcome      text CHECK (outcome IN ('remitted', 'charged', 'noted', 'found', 'decided')),  -- null: not looked at
    retries      int NOT NULL DEFAULT 0,
    PRIMARY KEY (statement_no, line)
);
CREATE INDEX statement_rows_waybill ON statement_rows (carrier, waybill, statement_no, line);

-- The first thousand of a file, which are enough to see what is wrong with it.
CREATE TABLE statement_bad_rows (
    statement_no bigint NOT NULL REFERENCES statements (statement_no),
    line         int NOT NULL,
    code         text NOT NULL,
    PRIMARY KEY (statement_no, line)
);

-- A parcel's way back is paid for once.
CREATE TABLE return_charges (
    shipment_id  uuid PRIMARY KEY REFERENCES shipments,
    statement_no bigint NOT NULL,
    line         int NOT NULL,
    amount       bigint NOT NULL CHECK (amount > 0)
);

CREATE TABLE bank_credits (
    bank_ref     text PRIMARY KEY,                                -- the bank's name of it: the same one is the same money
    statement_no bigint NOT NULL REFERENCES statements (statement_no),
    amount       bigint NOT NULL CHECK (amount > 0),
    value_date   date NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    reversed_at  timestamptz,
    reason       text
);
CREATE INDEX bank_credits_statement ON bank_credits (statement_no);

ALTER TABLE cod_cash
    ADD COLUMN remit_by     timestamptz,                          -- until when a statement must name it
    ADD COLUMN missing      bool NOT NULL DEFAULT false,          -- and none had: found once
    ADD COLUMN statement_no bigint,
    ADD COLUMN line         int,
    ADD COLUMN gross        bigint,
    ADD COLUMN fee          bigint,
    ADD CHECK (statement_no IS NOT NULL OR state NOT IN ('REMITTED', 'BANKED', 'SETTLED'));
UPDATE cod_cash SET remit_by = now() + interval '7 days' WHERE state = 'COLLECTED';  -- before there were contracts
CREATE INDEX cod_cash_remit_by ON cod_cash (remit_by) WHERE state = 'COLLECTED' AND NOT missing;
CREATE INDEX cod_cash_statement ON cod_cash (statement_no, state) WHERE statement_no IS NOT NULL;

-- Looked up by waybill alone too: whether a file is of another carrier.
DROP INDEX shipments_waybill;
CREATE UNIQUE INDEX shipments_waybill ON shipments (waybill, carrier) WHERE waybill IS NOT NULL;

ALTER TABLE discrepancies
    ADD COLUMN source       text NOT NULL DEFAULT 'report' CHECK (source IN ('report', 'statement', 'bank', 'time')),
    ADD COLUMN statement_no bigint,
    ADD COLUMN line         int,
    ADD COLUMN bearer       text,
    ADD COLUMN amount       bigint,
    ADD COLUMN note         text,
    ADD COLUMN resolved_by  text,
    ADD COLUMN events       int NOT NULL DEFAULT 0;               -- what was found before was not told
ALTER TABLE discrepancies ALTER COLUMN events SET DEFAULT 1;
UPDATE discrepancies SET source = 'time' WHERE kind IN ('delivered_without_cash', 'cash_without_delivery');
UPDATE discrepancies SET decision = 'accept', resolved_by = 'rule' WHERE decision = 'matched';
DROP INDEX discrepancies_open;
CREATE INDEX discrepancies_open ON discrepancies (discrepancy_id) WHERE resolved_at IS NULL;
CREATE INDEX discrepancies_open_waybill ON discrepancies (carrier, waybill) WHERE resolved_at IS NULL;
CREATE INDEX discrepancies_statement ON discrepancies (statement_no, line) WHERE statement_no IS NOT NULL;

-- Sets itself again each time it fires.
INSERT INTO timers (kind, subject, due_at, cause) VALUES ('chase_remittances', 'all', now(), '{}');
