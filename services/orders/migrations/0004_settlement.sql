-- From the books to the bank: shares of lines, provider settlements, refunds, payouts, statements.

-- Where a share of a line is on its way to its party. `held`: on which of the party's accounts it lies.
CREATE TABLE commissions (
    line_id    uuid NOT NULL, party_kind text NOT NULL CHECK (party_kind IN ('supplier', 'creator', 'referrer', 'platform')),
    party      text NOT NULL, order_id uuid NOT NULL, supplier_order_id uuid NOT NULL,
    state      text NOT NULL CHECK (state IN
               ('ESTIMATED', 'EARNED', 'AVAILABLE', 'IN_PAYOUT', 'PAID', 'VOID', 'REVERSED', 'FROZEN')),
    held       bool NOT NULL DEFAULT true,
    amount     bigint NOT NULL CHECK (amount >= 0),            -- what is left of the share
    currency   char(3) NOT NULL,
    hold_until timestamptz,
    available_at timestamptz,
    payout_id  uuid,                                           -- the one it went out with
    PRIMARY KEY (line_id, party_kind)
) WITH (fillfactor = 70);
CREATE INDEX commissions_order ON commissions (order_id);
CREATE INDEX commissions_supplier_order ON commissions (supplier_order_id);
CREATE INDEX commissions_available ON commissions (party, available_at) WHERE state = 'AVAILABLE';
CREATE INDEX commissions_payout ON commissions (payout_id) WHERE payout_id IS NOT NULL;

-- Positions on orders.commissions.
CREATE TABLE commission_streams (party text PRIMARY KEY, events int NOT NULL DEFAULT 0) WITH (fillfactor = 70);

-- What was taken at the door less than was due, and decided who bears it.
ALTER TABLE supplier_orders ADD COLUMN cod_decided bigint NOT NULL DEFAULT 0;
CREATE INDEX entries_shipment ON entries (shipment_id) WHERE shipment_id IS NOT NULL;

-- A provider's settlements: the same id, the same answer.
CREATE TABLE settlements (
    psp text NOT NULL, settlement_id text NOT NULL, bank_ref text NOT NULL, currency char(3) NOT NULL,
    body jsonb NOT NULL, at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (psp, settlement_id)
);

CREATE TABLE refunds (
    refund_id  uuid PRIMARY KEY, order_id uuid NOT NULL, supplier_order_id uuid,
    kind       text NOT NULL CHECK (kind IN ('refund_only', 'return_and_refund', 'automatic')),
    state      text NOT NULL CHECK (state IN
               ('REQUESTED', 'APPROVED', 'REJECTED', 'AWAITING_RETURN', 'INSPECTED', 'DUE', 'SUBMITTED', 'REFUNDED', 'FAILED')),
    reason     text NOT NULL, requested_by text NOT NULL, route text NOT NULL CHECK (route IN ('card', 'transfer', 'wallet')),
    payment_id uuid, amount bigint NOT NULL CHECK (amount > 0), currency char(3) NOT NULL,
    cause      text NOT NULL,                                  -- what led to it: an automatic one is due once a cause
    paid_ref   text, note text,
    approve_by timestamptz, created_at timestamptz NOT NULL DEFAULT now(), ended_at timestamptz,
    version    int NOT NULL DEFAULT 1, events int NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX refunds_order ON refunds (order_id);
CREATE INDEX refunds_supplier_order ON refunds (supplier_order_id);
CREATE INDEX refunds_submitted ON refunds (currency) WHERE state = 'SUBMITTED' AND route = 'transfer';
CREATE UNIQUE INDEX refunds_cause ON refunds (cause) WHERE kind = 'automatic';
CREATE TABLE refund_lines (
    refund_id uuid NOT NULL REFERENCES refunds, line_id uuid NOT NULL, qty int NOT NULL CHECK (qty > 0),
    amount    bigint NOT NULL CHECK (amount >= 0), PRIMARY KEY (refund_id, line_id)
);
CREATE INDEX refund_lines_line ON refund_lines (line_id);

CREATE TABLE payouts (
    payout_id  uuid PRIMARY KEY, party text NOT NULL,
    state      text NOT NULL CHECK (state IN ('REQUESTED', 'APPROVED', 'SUBMITTED', 'PAID', 'FAILED', 'RETURNED')),
    amount     bigint NOT NULL CHECK (amount > 0), currency char(3) NOT NULL,
    requested_by text NOT NULL, approved_by text, bank_ref text, failure text,
    created_at timestamptz NOT NULL DEFAULT now(), ended_at timestamptz,
    version    int NOT NULL DEFAULT 1, events int NOT NULL DEFAULT 0,
    CHECK (approved_by IS NULL OR approved_by <> requested_by)
) WITH (fillfactor = 80);
CREATE INDEX payouts_party ON payouts (party, payout_id);
CREATE INDEX payouts_open ON payouts (currency) WHERE state IN ('REQUESTED', 'APPROVED', 'SUBMITTED');

-- Signed calls of banks as they came.
CREATE TABLE bank_callbacks (
    bank text NOT NULL, webhook_id text NOT NULL, kind text NOT NULL, subject uuid NOT NULL, bank_ref text NOT NULL,
    body jsonb NOT NULL, outcome text NOT NULL, at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (bank, webhook_id)
);
CREATE INDEX bank_callbacks_report ON bank_callbacks (subject, bank, kind, bank_ref);

-- A party's statement, cut once when its period is over.
CREATE TABLE party_statements (
    party text NOT NULL, period text NOT NULL, currency char(3) NOT NULL,
    opening bigint NOT NULL, closing bigint NOT NULL,
    after_number bigint NOT NULL, to_number bigint NOT NULL,   -- the entries it tells of
    lines int NOT NULL, digest bytea NOT NULL, cut_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (party, period, currency)
);
CREATE TRIGGER party_statements_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON party_statements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
