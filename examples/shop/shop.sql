-- The shop of Fernweh Outfitters: the company's own database, as far as support needs it.
--
-- Days are relative to the day on which this script runs, so the demo is always fresh: delete
-- shop.db in the data folder and restart, and everything is as on the first day.  Money is in
-- cents.

CREATE TABLE customers (
    id              TEXT PRIMARY KEY,
    name            TEXT NOT NULL,
    email           TEXT NOT NULL UNIQUE,
    tier            TEXT NOT NULL CHECK (tier IN ('standard', 'premium')),
    customer_since  TEXT NOT NULL
);

CREATE TABLE orders (
    id              TEXT PRIMARY KEY,
    customer_id     TEXT NOT NULL REFERENCES customers (id),
    ordered_on      TEXT NOT NULL,
    delivered_on    TEXT,                   -- NULL: not yet
    status          TEXT NOT NULL CHECK (status IN ('processing', 'shipped', 'delivered')),
    carrier         TEXT,
    tracking        TEXT,
    CHECK ((status = 'delivered') = (delivered_on IS NOT NULL))
);

CREATE TABLE order_items (
    order_id        TEXT NOT NULL REFERENCES orders (id),
    line            INTEGER NOT NULL,
    name            TEXT NOT NULL,
    quantity        INTEGER NOT NULL CHECK (quantity > 0),
    unit_cents      INTEGER NOT NULL CHECK (unit_cents >= 0),
    PRIMARY KEY (order_id, line)
);

CREATE TABLE payments (
    id              INTEGER PRIMARY KEY,
    order_id        TEXT NOT NULL REFERENCES orders (id),
    paid_with       TEXT NOT NULL,          -- as the customer knows it: Visa ending 4242
    amount_cents    INTEGER NOT NULL CHECK (amount_cents > 0),
    paid_on         TEXT NOT NULL
);

CREATE TABLE refunds (
    id              INTEGER PRIMARY KEY,
    order_id        TEXT NOT NULL REFERENCES orders (id),
    customer_id     TEXT NOT NULL REFERENCES customers (id),    -- who asked for it
    amount_cents    INTEGER NOT NULL CHECK (amount_cents > 0),
    made_on         TEXT NOT NULL DEFAULT (date('now')),
    arrives_on      TEXT NOT NULL DEFAULT (date('now', '+5 days'))
);

CREATE TABLE subscriptions (
    customer_id     TEXT PRIMARY KEY REFERENCES customers (id),
    plan            TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('active', 'cancelled')),
    price_cents     INTEGER NOT NULL,       -- a month
    started_on      TEXT NOT NULL,
    period_ends_on  TEXT NOT NULL           -- renewed then, or over when it was cancelled
);

CREATE TABLE tickets (
    id              INTEGER PRIMARY KEY,
    customer_id     TEXT NOT NULL REFERENCES customers (id),
    subject         TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('open', 'closed')),
    opened_on       TEXT NOT NULL
);

CREATE INDEX orders_of_customer   ON orders (customer_id, ordered_on);
CREATE INDEX payments_of_order    ON payments (order_id);
CREATE INDEX refunds_of_order     ON refunds (order_id);
CREATE INDEX tickets_of_customer  ON tickets (customer_id, status);

-- How long after delivery money is given back.
CREATE TABLE refund_windows (
    tier            TEXT PRIMARY KEY,
    days            INTEGER NOT NULL
);
INSERT INTO refund_windows VALUES ('standard', 14), ('premium', 30);

-- For days in sentences; SQLite has only their numbers.
CREATE TABLE months (
    number          TEXT PRIMARY KEY,
    name            TEXT NOT NULL
);
INSERT INTO months VALUES
    ('01', 'January'), ('02', 'February'), ('03', 'March'),     ('04', 'April'),
    ('05', 'May'),     ('06', 'June'),     ('07', 'July'),      ('08', 'August'),
    ('09', 'September'), ('10', 'October'), ('11', 'November'), ('12', 'December');


-- One line per order, as a customer would tell it.
CREATE VIEW order_overview AS
SELECT
    o.id AS order_id,
    o.customer_id,
    (SELECT group_concat(iif(quantity > 1, quantity || ' x ', '') || name, ', ')
       FROM (SELECT quantity, name FROM order_items WHERE order_id = o.id ORDER BY line)) AS item,
    (SELECT count(*) FROM order_items WHERE order_id = o.id) AS items,
    o.ordered_on,
    o.delivered_on,
    o.status,
    (SELECT sum(quantity * unit_cents) FROM order_items WHERE order_id = o.id) AS total_cents,
    (SELECT coalesce(sum(amount_cents), 0) FROM refunds WHERE order_id = o.id) AS refunded_cents,
    (SELECT paid_with FROM payments WHERE order_id = o.id ORDER BY id DESC LIMIT 1) AS paid_with,
    o.carrier,
    o.tracking
FROM orders o;

-- What may be refunded, and why not.  `refundable`: the policy allows it; `needs_person`: it is
-- above 500 dollars, and only a person may make it.
CREATE VIEW refund_policy AS
WITH judged AS (
    SELECT o.*,
           o.total_cents - o.refunded_cents AS amount_cents,
           w.days AS window_days,
           date(o.delivered_on, '+' || w.days || ' days') AS refund_until
      FROM order_overview o
      JOIN customers c ON c.id = o.customer_id
      JOIN refund_windows w ON w.tier = c.tier
)
SELECT
    order_id, customer_id, item, items, ordered_on, delivered_on, total_cents, refunded_cents,
    amount_cents,
    coalesce(amount_cents > 0 AND date('now') <= refund_until, 0) AS refundable,
    total_cents > 50000 AS needs_person,
    CASE
        WHEN amount_cents = 0
            THEN 'it has been refunded already'
        WHEN delivered_on IS NULL
            THEN 'it has not been delivered yet, and the ' || window_days
                 || ' days for a refund begin with the delivery'
        WHEN date('now') > refund_until
            THEN 'the ' || window_days || ' days for a refund ended on '
                 || (SELECT name FROM months WHERE number = strftime('%m', refund_until))
                 || ' ' || (strftime('%d', refund_until) + 0)
                 || ', ' || strftime('%Y', refund_until)
        WHEN total_cents > 50000
            THEN 'refunds above $500 are made by a person'
    END AS reason,
    window_days,
    CAST(julianday(date('now')) - julianday(delivered_on) AS INTEGER) AS days_since_delivery,
    refund_until
FROM judged;

-- What ending the membership means.
CREATE VIEW cancellation_policy AS
SELECT
    customer_id, plan, status, price_cents, period_ends_on,
    status = 'active' AS cancellable,
    CASE status
        WHEN 'active' THEN
            plan || ' stays active until the end of the paid period; after that there are no '
            || 'further charges, and free express delivery and member prices end. '
            || 'What is paid for the current period is not refunded'
        ELSE
            plan || ' has been cancelled already and is not renewed'
    END AS what_it_means
FROM subscriptions;


-- Customers.  demo-1 to demo-4 may be chosen in the demo:
--   demo-1  premium, one recent order that may be refunded
--   demo-2  premium, one recent order above 500 dollars: a person decides
--   demo-3  standard, one order past its 14 days (premium would still have been in time)
--   demo-4  standard, two orders that may be refunded: which one?
INSERT INTO customers (id, name, email, tier, customer_since) VALUES
    ('demo-1', 'Ada Lindqvist',   'ada@example.com',    'premium',  date('now', '-4 years', '-38 days')),
    ('demo-2', 'Bruno Okafor',    'bruno@example.com',  'premium',  date('now', '-2 years', '-201 days')),
    ('demo-3', 'Clara Meunier',   'clara@example.com',  'standard', date('now', '-1 years', '-90 days')),
    ('demo-4', 'Dilan Yildiz',    'dilan@example.com',  'standard', date('now', '-3 years', '-12 days')),
    ('cust-5', 'Edda Sorensen',   'edda@example.com',   'standard', date('now', '-260 days')),
    ('cust-6', 'Farid Haddad',    'farid@example.com',  'premium',  date('now', '-5 years', '-77 days')),
    ('cust-7', 'Greta Novak',     'greta@example.com',  'standard', date('now', '-30 days'));

INSERT INTO orders (id, customer_id, ordered_on, delivered_on, status, carrier, tracking) VALUES
    ('FW-1042', 'demo-1', date('now', '-9 days'),   date('now', '-6 days'),   'delivered', 'DHL', 'JD0146004201'),
    ('FW-0871', 'demo-1', date('now', '-143 days'), date('now', '-139 days'), 'delivered', 'DHL', 'JD0146001877'),
    ('FW-0519', 'demo-1', date('now', '-402 days'), date('now', '-398 days'), 'delivered', 'UPS', '1Z84A0190353'),

    ('FW-1057', 'demo-2', date('now', '-8 days'),   date('now', '-4 days'),   'delivered', 'UPS', '1Z84A0197712'),
    ('FW-0902', 'demo-2', date('now', '-121 days'), date('now', '-117 days'), 'delivered', 'DHL', 'JD0146002290'),

    ('FW-1018', 'demo-3', date('now', '-24 days'),  date('now', '-20 days'),  'delivered', 'DHL', 'JD0146003512'),
    ('FW-0790', 'demo-3', date('now', '-188 days'), date('now', '-185 days'), 'delivered', 'DHL', 'JD0146001203'),

    ('FW-1049', 'demo-4', date('now', '-8 days'),   date('now', '-5 days'),   'delivered', 'DHL', 'JD0146004377'),
    ('FW-1061', 'demo-4', date('now', '-6 days'),   date('now', '-3 days'),   'delivered', 'UPS', '1Z84A0198046'),
    ('FW-0844', 'demo-4', date('now', '-160 days'), date('now', '-157 days'), 'delivered', 'DHL', 'JD0146001590'),

    ('FW-1070', 'cust-5', date('now', '-3 days'),   NULL,                     'shipped',   'DHL', 'JD0146004811'),
    ('FW-1073', 'cust-5', date('now', '-1 days'),   NULL,                     'processing', NULL, NULL),
    ('FW-1033', 'cust-6', date('now', '-15 days'),  date('now', '-12 days'),  'delivered', 'UPS', '1Z84A0195530'),
    ('FW-1039', 'cust-6', date('now', '-12 days'),  date('now', '-9 days'),   'delivered', 'DHL', 'JD0146004102'),
    ('FW-1066', 'cust-7', date('now', '-7 days'),   date('now', '-2 days'),   'delivered', 'DHL', 'JD0146004566');

INSERT INTO order_items (order_id, line, name, quantity, unit_cents) VALUES
    ('FW-1042', 1, 'Trail jacket',                1, 18900),
    ('FW-0871', 1, 'Merino socks',                2,  2450),
    ('FW-0871', 2, 'Headlamp',                    1,  5900),
    ('FW-0519', 1, 'Trekking backpack',           1, 21900),

    ('FW-1057', 1, 'Expedition tent',             1, 72900),
    ('FW-0902', 1, 'Sleeping mat',                1, 11900),

    ('FW-1018', 1, 'Hiking boots',                1, 21900),
    ('FW-0790', 1, 'Fleece pullover',             1,  8900),

    ('FW-1049', 1, 'Rain trousers',               1, 12900),
    ('FW-1061', 1, 'Camping stove',               1,  8900),
    ('FW-1061', 2, 'Gas cartridge',               2,   850),
    ('FW-0844', 1, 'Water bottle',                3,  1900),

    ('FW-1070', 1, 'Down jacket',                 1, 27900),
    ('FW-1073', 1, 'Trekking poles',              1,  9900),
    ('FW-1033', 1, 'Dry bag set',                 1,  5400),
    ('FW-1039', 1, 'Sunglasses',                  1, 10900),
    ('FW-1066', 1, 'Travel towel',                2,  2200);

INSERT INTO payments (order_id, paid_with, amount_cents, paid_on)
SELECT
    o.id,
    CASE o.customer_id
        WHEN 'demo-1' THEN 'Visa ending 4242'
        WHEN 'demo-2' THEN 'Mastercard ending 5100'
        WHEN 'demo-3' THEN 'PayPal'
        WHEN 'demo-4' THEN 'Visa ending 0931'
        WHEN 'cust-6' THEN 'American Express ending 1007'
        ELSE 'SEPA direct debit ending 8841'
    END,
    (SELECT sum(quantity * unit_cents) FROM order_items WHERE order_id = o.id),
    o.ordered_on
FROM orders o ORDER BY o.ordered_on, o.id;

INSERT INTO refunds (order_id, customer_id, amount_cents, made_on, arrives_on) VALUES
    ('FW-0871', 'demo-1', 2450, date('now', '-130 days'), date('now', '-125 days')),
    ('FW-1033', 'cust-6', 5400, date('now', '-10 days'),  date('now', '-5 days')),
    ('FW-1039', 'cust-6', 4000, date('now', '-6 days'),   date('now', '-1 days'));

INSERT INTO subscriptions (customer_id, plan, status, price_cents, started_on, period_ends_on) VALUES
    ('demo-1', 'Fernweh Plus', 'active',    799, date('now', '-4 years'),  date('now', '+11 days')),
    ('demo-2', 'Fernweh Plus', 'active',    799, date('now', '-2 years'),  date('now', '+19 days')),
    ('demo-3', 'Fernweh Plus', 'active',    799, date('now', '-300 days'), date('now', '+6 days')),
    ('demo-4', 'Fernweh Plus', 'active',    799, date('now', '-700 days'), date('now', '+23 days')),
    ('cust-6', 'Fernweh Plus', 'cancelled', 799, date('now', '-5 years'),  date('now', '+4 days'));

INSERT INTO tickets (customer_id, subject, status, opened_on) VALUES
    ('demo-1', 'Zip of the backpack',              'closed', date('now', '-390 days')),
    ('demo-2', 'Tent pole bent on arrival',        'open',   date('now', '-2 days')),
    ('demo-3', 'Question about resoling boots',    'closed', date('now', '-60 days')),
    ('cust-5', 'Parcel goes to the old address',   'open',   date('now', '-1 days')),
    ('cust-7', 'Invoice without VAT number',       'open',   date('now', '-1 days'));


-- Whoever makes a refund, the rules hold; the words are read to the one who tries.
CREATE TRIGGER refunds_follow_the_policy BEFORE INSERT ON refunds
BEGIN
    SELECT CASE
        WHEN p.order_id IS NULL
            THEN raise(ABORT, 'there is no such order')
        WHEN p.amount_cents = 0
            THEN raise(ABORT, 'this order has been refunded already')
        WHEN p.delivered_on IS NULL
            THEN raise(ABORT, 'this order has not been delivered yet')
        WHEN date('now') > p.refund_until
            THEN raise(ABORT, 'the time for a refund of this order is over')
        WHEN new.amount_cents > p.amount_cents
            THEN raise(ABORT, 'this is more than what is left to refund of this order')
        WHEN new.amount_cents + p.refunded_cents > 50000
            THEN raise(ABORT, 'refunds above $500 are made by a person')
    END
    FROM (SELECT 1)
    LEFT JOIN refund_policy p ON p.order_id = new.order_id AND p.customer_id = new.customer_id;
END;
