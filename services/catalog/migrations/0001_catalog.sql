-- What suppliers say. `version` counts a row's changes, `events` its place in its stream; they are apart on purpose.

CREATE TABLE suppliers (
    supplier_id uuid        PRIMARY KEY,
    version     int         NOT NULL DEFAULT 1,
    events      int         NOT NULL DEFAULT 1,                -- stream position on catalog.suppliers
    name        text        NOT NULL,
    kinds       text[]      NOT NULL CHECK (cardinality(kinds) > 0),
    regions     text[]      NOT NULL,                          -- empty: everywhere
    cod_allowed bool        NOT NULL,
    loadtest    bool        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE products (
    product_id  uuid        PRIMARY KEY,
    supplier_id uuid        NOT NULL REFERENCES suppliers,
    version     int         NOT NULL DEFAULT 1,
    events      int         NOT NULL DEFAULT 0,                -- stream position on catalog.products
    state       text        NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'published', 'withdrawn')),
    title       text        NOT NULL,
    description text        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('good', 'service')),
    category    text        NOT NULL,
    media       text[]      NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX products_supplier ON products (supplier_id);

CREATE TABLE variants (
    variant_id  uuid     PRIMARY KEY,
    product_id  uuid     NOT NULL REFERENCES products,
    supplier_id uuid     NOT NULL,                             -- the product's, here for the unique key
    place       smallint NOT NULL,                             -- in the product, as the supplier listed them
    sku         text     NOT NULL,
    spec        jsonb    NOT NULL,
    list_price  bigint   NOT NULL CHECK (list_price > 0),
    currency    text     NOT NULL,
    weight_g    int,
    events      int      NOT NULL DEFAULT 0,                   -- stream position on catalog.stock
    UNIQUE (supplier_id, sku)
);
CREATE INDEX variants_product ON variants (product_id);

-- Deliveries only: what was sold is known to orders.
CREATE TABLE stock_deliveries (
    delivery_id uuid        NOT NULL,
    place       smallint    NOT NULL,
    variant_id  uuid        NOT NULL REFERENCES variants,
    supplier_id uuid        NOT NULL,
    delta       int         NOT NULL CHECK (delta <> 0),
    reason      text        NOT NULL,
    adjusted_at timestamptz NOT NULL,
    PRIMARY KEY (delivery_id, place)
);
CREATE INDEX stock_deliveries_variant ON stock_deliveries (variant_id);

CREATE TABLE offers (
    offer_id       uuid             PRIMARY KEY,
    supplier_id    uuid             NOT NULL REFERENCES suppliers,
    version        int              NOT NULL DEFAULT 1,        -- of the row; that of the terms is in offer_versions
    events         int              NOT NULL DEFAULT 1,        -- stream position on catalog.offers
    state          text             NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'ended')),
    variant_ids    uuid[]           NOT NULL CHECK (cardinality(variant_ids) > 0),
    adoption       text             NOT NULL CHECK (adoption IN ('open', 'invited')),
    invited        uuid[]           NOT NULL,
    valid_from     timestamptz,
    valid_until    timestamptz,
    notice_seconds double precision NOT NULL,                  -- as promised when it was published
    ended_at       timestamptz,
    created_at     timestamptz      NOT NULL DEFAULT now(),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL))
);
CREATE INDEX offers_supplier ON offers (supplier_id);

-- In force is the highest version whose time has come; one that was replaced before its time never counts.
CREATE TABLE offer_versions (
    offer_id       uuid        NOT NULL REFERENCES offers,
    version        int         NOT NULL,
    terms          jsonb       NOT NULL,
    effective_from timestamptz NOT NULL,
    replaced_at    timestamptz,
    PRIMARY KEY (offer_id, version)
);
