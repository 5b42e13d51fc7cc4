-- What others told us (one table mirrors one topic; no foreign keys between mirrors), what we decide, what we hold.

-- Mirrors -------------------------------------------------------------------------------------------------------
CREATE TABLE suppliers (
    supplier_id uuid PRIMARY KEY, name text NOT NULL, regions text[] NOT NULL, cod_allowed bool NOT NULL,
    loadtest bool NOT NULL
);
CREATE TABLE products (
    product_id uuid PRIMARY KEY, supplier_id uuid NOT NULL, version int NOT NULL, state text NOT NULL,
    title text NOT NULL, kind text NOT NULL
);
CREATE TABLE variants (
    variant_id uuid PRIMARY KEY, product_id uuid NOT NULL, sku text NOT NULL, spec jsonb NOT NULL,
    list_price bigint NOT NULL, currency char(3) NOT NULL
);
CREATE TABLE offers (
    offer_id uuid PRIMARY KEY, supplier_id uuid NOT NULL, state text NOT NULL,
    valid_from timestamptz, valid_until timestamptz
);
CREATE TABLE offer_versions (
    offer_id uuid NOT NULL, version int NOT NULL, terms jsonb NOT NULL, effective_from timestamptz NOT NULL,
    PRIMARY KEY (offer_id, version)
);
CREATE TABLE storefronts (
    storefront_id uuid PRIMARY KEY, creator_id uuid NOT NULL, slug text NOT NULL
);
CREATE TABLE adoptions (
    adoption_id uuid PRIMARY KEY, storefront_id uuid NOT NULL, creator_id uuid NOT NULL, offer_id uuid NOT NULL,
    state text NOT NULL
);
CREATE TABLE listings (
    listing_id uuid PRIMARY KEY, adoption_id uuid NOT NULL, variant_id uuid NOT NULL,
    price bigint, currency char(3), state text NOT NULL        -- no price: the variant's list price (commission)
);
CREATE INDEX listings_adoption ON listings (adoption_id);

-- Stock: received from catalog's deltas, reserved by live orders, sold at hand-over; sellable is what is left -------
CREATE TABLE stock (
    variant_id  uuid PRIMARY KEY,
    supplier_id uuid NOT NULL,
    received    bigint NOT NULL DEFAULT 0,
    reserved    bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    sold        bigint NOT NULL DEFAULT 0 CHECK (sold >= 0),
    announced   text NOT NULL DEFAULT 'no' CHECK (announced IN ('yes', 'few', 'no')),
    announced_at timestamptz NOT NULL DEFAULT '-infinity',
    short       bigint NOT NULL DEFAULT 0,                     -- the missing pieces last told by StockShort
    events      int NOT NULL DEFAULT 0                         -- stream position on orders.availability
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- Orders --------------------------------------------------------------------------------------------------------------
CREATE TABLE orders (
    order_id      uuid PRIMARY KEY,
    order_no      text NOT NULL,
    buyer_ref     text NOT NULL,
    placed_by     text NOT NULL,                               -- the caller's party
    storefront_id uuid NOT NULL,
    creator_id    uuid NOT NULL,
    state         text NOT NULL CHECK (state IN
                  ('PLACED', 'CONFIRMED', 'FULFILLED', 'COMPLETED', 'EXPIRED', 'CANCELLED', 'CLOSED')),
    cancellation  text CHECK (cancellation IN ('REQUESTED', 'REFUSED', 'DONE')),
    payment_mode  text NOT NULL CHECK (payment_mode IN ('cod', 'prepaid')),
    payment_id    uuid,
    currency      char(3) NOT NULL,
    payable       bigint NOT NULL CHECK (payable >= 0),
    placement     jsonb NOT NULL,        -- all that was agreed, frozen: the body of OrderPlaced without state and expiry
    ship_to       jsonb NOT NULL,        -- name, phone, region, address: never in an event but on orders.personal
    code_hash     bytea,                 -- of the confirmation code; COD over the limit
    code_tries    smallint NOT NULL DEFAULT 0,
    loadtest      bool NOT NULL DEFAULT false,
    placed_at     timestamptz NOT NULL,
    confirmed_at  timestamptz,
    expires_at    timestamptz,
    ended_at      timestamptz,
    version       int NOT NULL DEFAULT 1,
    events        int NOT NULL,                                -- stream position on orders.orders
    personal_events int NOT NULL DEFAULT 0,                    -- stream position on orders.personal
    ledger_events int NOT NULL DEFAULT 0,                      -- stream position on orders.ledger
    traceparent   text,
    correlation_id text
) WITH (fillfactor = 80);
CREATE INDEX orders_buyer ON orders (buyer_ref, order_id);

CREATE TABLE supplier_orders (
    supplier_order_id uuid PRIMARY KEY, order_id uuid NOT NULL, supplier_id uuid NOT NULL,
    state        text NOT NULL DEFAULT 'PLACED' CHECK (state IN
                 ('PLACED', 'CONFIRMED', 'HANDED_OVER', 'DELIVERED', 'CANCELLED', 'RETURNED', 'LOST', 'RELEASED')),
    cancellation text CHECK (cancellation IN ('REQUESTED', 'REFUSED', 'DONE')),
    shipment_id  uuid,
    cod_amount   bigint,
    cod_collected bigint
) WITH (fillfactor = 80);
CREATE INDEX supplier_orders_order ON supplier_orders (order_id);
CREATE INDEX supplier_orders_supplier ON supplier_orders (supplier_id, state, supplier_order_id);

CREATE TABLE lines (
    line_id    uuid PRIMARY KEY, order_id uuid NOT NULL, supplier_order_id uuid NOT NULL, supplier_id uuid NOT NULL,
    ordinal    smallint NOT NULL,
    state      text NOT NULL DEFAULT 'RESERVED' CHECK (state IN ('RESERVED', 'CONFIRMED', 'SHIPPED', 'DELIVERED',
               'COMPLETED', 'RELEASED', 'CANCELLED', 'REFUSED', 'RETURNED', 'LOST')),
    kind       text NOT NULL CHECK (kind IN ('good', 'service', 'fee')),
    variant_id uuid, listing_id uuid,
    qty        int NOT NULL CHECK (qty > 0),
    amount     bigint NOT NULL CHECK (amount >= 0),
    split      jsonb NOT NULL,           -- [{party_kind, party, rate_ppm?, amount: {amount, currency}}], sums to amount
    version    int NOT NULL DEFAULT 1
) WITH (fillfactor = 80);
CREATE INDEX lines_order ON lines (order_id);
CREATE INDEX lines_supplier_order ON lines (supplier_order_id);

-- What happened to an order, for people: one row an event we took part in.
CREATE TABLE order_timeline (
    order_id uuid NOT NULL, at timestamptz NOT NULL DEFAULT now(), what text NOT NULL, detail jsonb NOT NULL DEFAULT '{}',
    id bigint GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (order_id, id)
);
