-- Placement is frozen text: what was told and answered can be told again byte for byte, and nothing is parsed to write it.
ALTER TABLE orders ALTER COLUMN placement TYPE json USING placement::json;
ALTER TABLE orders ALTER COLUMN ship_to TYPE json USING ship_to::json;
ALTER TABLE orders ADD COLUMN touch text CHECK (touch IN ('accepted', 'expired'));  -- as the buyer was answered

-- The order's own row says when it was placed, and whether it was confirmed in the same moment.
DELETE FROM order_timeline WHERE what = 'OrderPlaced' OR (what = 'OrderConfirmed' AND detail = '{}');

-- Counts the changes of each mirrored topic: what intake remembers of listings is good while none has moved.
CREATE TABLE shelf_changes (mirror text PRIMARY KEY, changes bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50);
INSERT INTO shelf_changes (mirror) VALUES ('suppliers'), ('products'), ('offers'), ('storefronts'), ('adoptions');
