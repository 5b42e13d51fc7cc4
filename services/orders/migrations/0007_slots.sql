-- What a line reserves: pieces of a good, counted by its variant, or places in a slot of a service. Both are stock.
ALTER TABLE stock ADD COLUMN stock_id uuid, ADD COLUMN starts_at timestamptz;
UPDATE stock SET stock_id = variant_id;
ALTER TABLE stock DROP CONSTRAINT stock_pkey, ADD PRIMARY KEY (stock_id),
    ADD CHECK ((stock_id = variant_id) = (starts_at IS NULL));  -- slots begin
ALTER TABLE lines ADD COLUMN slot_id uuid;
