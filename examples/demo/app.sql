-- The application: an orders shop, run by psql through Weir. `events N` waits until N events in all were shown, so that
-- each step's events stand below its statements.
\set VERBOSITY terse

\echo
\echo '── Ada orders: one transaction, three statements, five rows'
BEGIN;
INSERT INTO orders (customer) VALUES ('Ada') RETURNING id;
INSERT INTO order_lines VALUES (1, 'book', 2), (1, 'pen', 1);
UPDATE products SET stock = stock - quantity FROM order_lines l WHERE l.sku = products.sku AND l.order_id = 1;
COMMIT;
\! $DEMO/events 5

\echo
\echo '── Bob changes his mind: ROLLBACK'
BEGIN;
INSERT INTO orders (customer) VALUES ('Bob');
INSERT INTO order_lines VALUES (2, 'lamp', 1);
ROLLBACK;
\! $DEMO/events 5

\echo
\echo '── Cleo wants no gift wrapping after all: ROLLBACK TO SAVEPOINT'
BEGIN;
INSERT INTO orders (customer) VALUES ('Cleo');
INSERT INTO order_lines VALUES (3, 'book', 1);
SAVEPOINT gift;
INSERT INTO order_lines VALUES (3, 'wrap', 1);
ROLLBACK TO SAVEPOINT gift;
COMMIT;
\! $DEMO/events 7

\echo
\echo '── Dan wants more lamps than there are: the statement fails'
UPDATE products SET stock = stock - 50 WHERE sku = 'lamp';
\! $DEMO/events 7

\echo
\echo '── Prices rise: one statement, two rows, no transaction block'
UPDATE products SET price = round(price * 1.05, 2) WHERE price > 20;
\! $DEMO/events 9

\echo
\echo '── A delivery: ON CONFLICT, one row is new and one is not'
INSERT INTO products VALUES ('ink', 'Blue ink', 6.00, 30), ('pen', 'A fountain pen', 18.50, 10)
    ON CONFLICT (sku) DO UPDATE SET stock = products.stock + excluded.stock;
\! $DEMO/events 11

\echo
\echo '── Ada sends the pen back: DELETE'
DELETE FROM order_lines WHERE order_id = 1 AND sku = 'pen';
\! $DEMO/events 12
