-- The example database, made in the data folder when it is not there.  Put your own in its place:
-- agent.yaml, databases.  Days are relative to the day on which this runs; money is in cents.

CREATE TABLE customers (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    email         TEXT NOT NULL UNIQUE
);

CREATE TABLE orders (
    id            TEXT PRIMARY KEY,
    customer_id   TEXT NOT NULL REFERENCES customers (id),
    item          TEXT NOT NULL,
    total_cents   INTEGER NOT NULL CHECK (total_cents >= 0),
    ordered_on    TEXT NOT NULL,
    due_on        TEXT,
    status        TEXT NOT NULL CHECK (status IN ('packing', 'sent', 'delivered', 'cancelled'))
);
CREATE INDEX orders_of_customer ON orders (customer_id, ordered_on);

-- What anybody may ask, in your words.
CREATE TABLE answers (
    topic         TEXT PRIMARY KEY,
    answer        TEXT NOT NULL
);

INSERT INTO customers VALUES
    ('demo-1', 'Ada Lindqvist', 'ada@example.com'),
    ('demo-2', 'Bruno Okafor',  'bruno@example.com');

INSERT INTO orders VALUES
    ('EG-1001', 'demo-1', 'enamel kettle', 4900, date('now', '-1 days'),  date('now', '+3 days'),  'packing'),
    ('EG-0987', 'demo-1', 'linen towels',  3200, date('now', '-40 days'), date('now', '-36 days'), 'delivered'),
    ('EG-1002', 'demo-2', 'desk lamp',     8900, date('now', '-4 days'),  date('now', '+1 days'),  'sent');

INSERT INTO answers VALUES
    ('delivery', 'Delivery takes three to five working days and costs 4.90; from 50 it is free.'),
    ('returns',  'You may send anything back within 30 days of its delivery, unused; the label is in the parcel.'),
    ('hours',    'People answer here from Monday to Friday, 9 to 17; I am here all the time.');

-- Whoever cancels, the rule holds; the words are read to the one who tries.
CREATE TRIGGER only_what_is_here BEFORE UPDATE OF status ON orders
WHEN new.status = 'cancelled' AND old.status <> 'packing'
BEGIN
    SELECT raise(ABORT, 'this order has left the house and cannot be cancelled');
END;
