-- Payments and the books.

CREATE TABLE payments (
    payment_id uuid PRIMARY KEY, order_id uuid NOT NULL, state text NOT NULL CHECK (state IN
        ('PENDING', 'CAPTURED', 'FAILED', 'EXPIRED', 'PART_REFUNDED', 'REFUNDED')),
    due bigint NOT NULL, currency char(3) NOT NULL, captured bigint NOT NULL DEFAULT 0, psp text, psp_ref text,
    version int NOT NULL DEFAULT 1, events int NOT NULL DEFAULT 0,
    settled bool NOT NULL DEFAULT false
);
CREATE INDEX payments_order ON payments (order_id);

-- Signed calls as they came: the same webhook id, or the same report by another, gets the same answer.
CREATE TABLE payment_callbacks (
    psp text NOT NULL, webhook_id text NOT NULL, payment_id uuid NOT NULL, kind text NOT NULL, psp_ref text NOT NULL,
    body jsonb NOT NULL, outcome text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (psp, webhook_id)
);
CREATE INDEX payment_callbacks_report ON payment_callbacks (payment_id, psp, kind, psp_ref);

-- Double entry, append-only. A journal is unique by (cause, kind, subject) and sums to zero: the database says so.
CREATE TABLE journals (
    journal_id uuid PRIMARY KEY, kind text NOT NULL, cause text NOT NULL, subject text NOT NULL, stream_id text NOT NULL,
    order_id uuid, currency char(3) NOT NULL, posted_at timestamptz NOT NULL DEFAULT now(),
    posted_in xid8 NOT NULL DEFAULT pg_current_xact_id(),      -- no entry joins a journal of an earlier transaction
    UNIQUE (cause, kind, subject)
);
CREATE INDEX journals_order ON journals (order_id);
CREATE TABLE entries (
    journal_id uuid NOT NULL REFERENCES journals, ordinal smallint NOT NULL, account text NOT NULL, party text,
    order_id uuid, line_id uuid, shipment_id uuid,
    debit bigint NOT NULL DEFAULT 0 CHECK (debit >= 0), credit bigint NOT NULL DEFAULT 0 CHECK (credit >= 0),
    number bigint GENERATED ALWAYS AS IDENTITY,                -- newest last
    CHECK ((debit = 0) <> (credit = 0)), PRIMARY KEY (journal_id, ordinal)
);
CREATE INDEX entries_party ON entries (party, number) WHERE party IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: post a reversing journal' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER journals_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON journals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT coalesce(sum(debit) - sum(credit), 1) FROM entries WHERE journal_id = NEW.journal_id) <> 0 THEN
        RAISE EXCEPTION 'journal % does not sum to zero', NEW.journal_id USING ERRCODE = 'check_violation';
    END IF;
    IF (SELECT posted_in FROM journals WHERE journal_id = NEW.journal_id) <> pg_current_xact_id() THEN
        RAISE EXCEPTION 'journal % was posted before: post another', NEW.journal_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER journals_balance AFTER INSERT ON journals DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced();
CREATE CONSTRAINT TRIGGER entries_balance AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced();

-- Kept beside the journals so that a balance is one row; `wanpu reconcile` rebuilds them from the journals.
CREATE TABLE balances (
    party text NOT NULL, account text NOT NULL, currency char(3) NOT NULL, amount bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (party, account, currency)
) WITH (fillfactor = 70);

-- Streams on orders.ledger that are not an order's.
CREATE TABLE ledger_streams (stream_id text PRIMARY KEY, events int NOT NULL DEFAULT 0);
