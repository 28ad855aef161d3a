-- The shop's database before Weir is there: ordinary tables, nothing made for capturing.
CREATE TABLE products (
    sku   text PRIMARY KEY,
    name  text NOT NULL,
    price numeric(10, 2) NOT NULL,
    stock integer NOT NULL CHECK (stock >= 0)
);
CREATE TABLE orders (
    id       integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    customer text NOT NULL,
    status   text NOT NULL DEFAULT 'new',
    placed   date NOT NULL DEFAULT current_date
);
CREATE TABLE order_lines (
    order_id integer REFERENCES orders,
    sku      text REFERENCES products,
    quantity integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, sku)
);
INSERT INTO products VALUES
    ('book', 'A book on rivers', 24.00, 12),
    ('lamp', 'A reading lamp', 39.90, 5),
    ('pen', 'A fountain pen', 18.50, 40),
    ('wrap', 'Gift wrapping', 2.50, 100);
