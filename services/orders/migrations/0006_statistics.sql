-- Nothing is ever found by what these say; sorting a sample of them was a second of processor time an ANALYZE.
ALTER TABLE orders ALTER COLUMN placement SET STATISTICS 0, ALTER COLUMN ship_to SET STATISTICS 0;
ALTER TABLE lines ALTER COLUMN split SET STATISTICS 0;
ALTER TABLE order_timeline ALTER COLUMN detail SET STATISTICS 0;
