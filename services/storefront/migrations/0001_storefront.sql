-- What storefront decides, and beside it what others told (a table mirrors one topic; no foreign keys between mirrors).

-- Ours ------------------------------------------------------------------------------------------------------------
CREATE TABLE creators (
    creator_id uuid PRIMARY KEY, name text NOT NULL,
    channel    text NOT NULL CHECK (channel IN ('account', 'group', 'person')),
    version    int NOT NULL DEFAULT 1, events int NOT NULL DEFAULT 1       -- stream position on storefront.creators
);
CREATE TABLE storefronts (
    storefront_id uuid PRIMARY KEY, creator_id uuid NOT NULL REFERENCES creators,
    slug          text NOT NULL UNIQUE, name text NOT NULL,
    version       int NOT NULL DEFAULT 1, events int NOT NULL DEFAULT 1
);
CREATE TABLE adoptions (
    adoption_id   uuid PRIMARY KEY, storefront_id uuid NOT NULL REFERENCES storefronts, creator_id uuid NOT NULL,
    offer_id      uuid NOT NULL, offer_version int NOT NULL, supplier_id uuid NOT NULL,
    state         text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'ended')),
    version       int NOT NULL DEFAULT 1, events int NOT NULL DEFAULT 1
);
-- An offer is adopted once by a storefront; after an end it may be adopted again.
CREATE UNIQUE INDEX adoptions_once ON adoptions (storefront_id, offer_id) WHERE state <> 'ended';
CREATE INDEX adoptions_offer ON adoptions (offer_id, adoption_id) WHERE state <> 'ended';

CREATE TABLE listings (
    listing_id uuid PRIMARY KEY, adoption_id uuid NOT NULL REFERENCES adoptions, storefront_id uuid NOT NULL,
    variant_id uuid NOT NULL,
    price      bigint CHECK (price > 0), currency text,           -- no price: the variant's list price (commission)
    state      text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
    CHECK ((price IS NULL) = (currency IS NULL))
);
CREATE INDEX listings_storefront ON listings (storefront_id, listing_id);
CREATE INDEX listings_adoption ON listings (adoption_id, listing_id);

CREATE TABLE contents (
    content_id uuid PRIMARY KEY, storefront_id uuid NOT NULL REFERENCES storefronts, creator_id uuid NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('article', 'post', 'live', 'video')),
    title      text NOT NULL, body text NOT NULL,
    version    int NOT NULL DEFAULT 1, events int NOT NULL DEFAULT 1,
    published_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX contents_storefront ON contents (storefront_id, content_id);
CREATE TABLE embeds (
    content_id uuid NOT NULL REFERENCES contents, position int NOT NULL, listing_id uuid NOT NULL REFERENCES listings,
    PRIMARY KEY (content_id, position)
);

-- Mirrors -----------------------------------------------------------------------------------------------------------
CREATE TABLE suppliers (                                               -- catalog.suppliers
    supplier_id uuid PRIMARY KEY, name text NOT NULL, regions jsonb NOT NULL, cod_allowed bool NOT NULL
);
CREATE TABLE products (                                                -- catalog.products, with its variants
    product_id uuid PRIMARY KEY, supplier_id uuid NOT NULL, state text NOT NULL, title text NOT NULL,
    description text NOT NULL, kind text NOT NULL, media jsonb NOT NULL
);
CREATE TABLE variants (
    variant_id uuid PRIMARY KEY, product_id uuid NOT NULL, spec jsonb NOT NULL,
    list_price bigint NOT NULL, currency text NOT NULL
);
CREATE INDEX variants_product ON variants (product_id);
CREATE TABLE offers (                                                  -- catalog.offers, with its versions
    offer_id uuid PRIMARY KEY, supplier_id uuid NOT NULL, state text NOT NULL, variant_ids jsonb NOT NULL,
    adoption text NOT NULL, invited jsonb NOT NULL, valid_from timestamptz, valid_until timestamptz
);
CREATE TABLE offer_versions (
    offer_id uuid NOT NULL, version int NOT NULL, terms jsonb NOT NULL, effective_from timestamptz NOT NULL,
    PRIMARY KEY (offer_id, version)
);
CREATE TABLE availability (                                            -- orders.availability
    variant_id uuid PRIMARY KEY, available text NOT NULL
);
