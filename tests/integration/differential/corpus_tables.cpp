#include "tests/integration/differential/corpus.h"

namespace weir::differential {
namespace {

const char* const tables = R"(
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE point2 AS (x int, y int);
CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL, qty int DEFAULT 1 CHECK (qty >= 0), price numeric(10,2),
  tags text[], doc jsonb, made timestamptz DEFAULT '2026-01-01 00:00:00+00', raw bytea);
INSERT INTO items(id, name, qty, price, tags, doc, raw) VALUES
  (1, 'one', 1, 1.50, '{a,b}', '{"k": 1}', '\x0102'), (2, 'two', 2, 2.25, '{}', NULL, NULL),
  (3, 'three', 3, NULL, NULL, '[1, 2]', '\xff'), (4, 'four', 4, 4.00, '{"x y"}', 'null', ''),
  (5, 'five', 0, 5.55, NULL, '"s"', NULL);
CREATE TABLE orders (id bigserial PRIMARY KEY, item int REFERENCES items ON UPDATE CASCADE ON DELETE SET NULL,
  amount int NOT NULL DEFAULT 7, note varchar(10));
INSERT INTO orders(item, amount, note) VALUES (1, 10, 'a'), (1, 20, 'b'), (2, 30, 'c'), (NULL, 40, NULL);
CREATE TABLE nokey (a int, b text);
INSERT INTO nokey VALUES (1, 'x'), (1, 'x'), (2, NULL);
CREATE TABLE gen (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE parts (k int, region text, v text, PRIMARY KEY (k, region)) PARTITION BY LIST (region);
CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
CREATE TABLE parts_us PARTITION OF parts FOR VALUES IN ('us', 'ca');
INSERT INTO parts VALUES (1, 'eu', 'a'), (2, 'us', 'b'), (3, 'ca', 'c');
CREATE TABLE parent (id int, p text);
CREATE TABLE child (c text) INHERITS (parent);
INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (2, 'q', 'c');
CREATE TABLE late (id int PRIMARY KEY, u int, CONSTRAINT late_u UNIQUE (u) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO late VALUES (1, 1), (2, 2);
CREATE TABLE "Odd ""Names" ("Select" int PRIMARY KEY, "a b" text, "returning" text);
INSERT INTO "Odd ""Names" VALUES (1, 'x', 'y');
CREATE TABLE typed (id int PRIMARY KEY, m mood, d positive, p point2, ts timestamp, iv interval, f float8, n numeric,
  j json, u uuid, arr int[][], r int4range, b bit(3), c char(4), i inet);
INSERT INTO typed VALUES (1, 'ok', 5, (1,2), '2026-02-03 04:05:06.789', '1 day 02:03:04', 0.1, 123456789012345678901234567890.123,
  '{"a" :  1}', '00000000-0000-0000-0000-000000000001', '{{1,2},{3,4}}', '[1,5)', '101', 'ab', '10.0.0.1/8');
)";

const char* const triggers = R"(
CREATE TABLE audit (seq bigserial PRIMARY KEY, op text, query text, image text);
CREATE TABLE audited (id int PRIMARY KEY, v text);
INSERT INTO audited VALUES (1, 'a'), (2, 'b');
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO audit(op, query, image) VALUES (TG_OP, current_query(), row_to_json(COALESCE(NEW, OLD))::text); RETURN NULL; END $$;
CREATE TRIGGER audited_changes AFTER INSERT OR UPDATE OR DELETE ON audited FOR EACH ROW EXECUTE FUNCTION note_change();
CREATE TABLE noisy (id int PRIMARY KEY, v int);
INSERT INTO noisy VALUES (1, 1), (2, 2), (3, 3);
CREATE FUNCTION make_noise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE NOTICE '% % of row %', TG_WHEN, TG_OP, COALESCE(NEW.id, OLD.id) USING HINT = 'just noise', DETAIL = 'row ' || COALESCE(NEW.id, OLD.id);
  IF TG_OP <> 'DELETE' AND NEW.v = 13 AND TG_WHEN = 'AFTER' THEN RAISE EXCEPTION 'bad luck' USING ERRCODE = 'P0013'; END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$;
CREATE TRIGGER noise_before BEFORE INSERT OR UPDATE OR DELETE ON noisy FOR EACH ROW EXECUTE FUNCTION make_noise();
CREATE TRIGGER noise_after AFTER INSERT OR UPDATE OR DELETE ON noisy FOR EACH ROW EXECUTE FUNCTION make_noise();
CREATE TABLE changed (id int PRIMARY KEY, v text);
CREATE FUNCTION change_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.v = 'skip' THEN RETURN NULL; END IF; NEW.v := upper(NEW.v); RETURN NEW; END $$;
CREATE TRIGGER change_before BEFORE INSERT OR UPDATE ON changed FOR EACH ROW EXECUTE FUNCTION change_row();
CREATE TABLE at_commit (id int PRIMARY KEY, v int);
CREATE FUNCTION check_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE NOTICE 'checked at commit: %', NEW.v; IF NEW.v < 0 THEN RAISE EXCEPTION 'negative at commit' USING ERRCODE = 'P0014'; END IF;
  RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late_check AFTER INSERT OR UPDATE ON at_commit DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION check_at_commit();
)";

const char* const views_and_rules = R"(
CREATE SEQUENCE counted;
CREATE FUNCTION spoken(i int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN RAISE NOTICE 'spoken %', i; RETURN i; END $$;
CREATE VIEW plain_view AS SELECT id, name, qty FROM items;
CREATE VIEW checked_view AS SELECT id, name, qty FROM items WHERE qty > 0 WITH CHECK OPTION;
CREATE VIEW computed_view AS SELECT id, name, qty, 10 / qty AS ratio FROM items;
CREATE VIEW volatile_view AS SELECT id, v, nextval('counted') AS n, spoken(id) AS s FROM changed;
CREATE VIEW joined_view AS SELECT i.id, i.name, o.amount FROM items i JOIN orders o ON o.item = i.id;
CREATE FUNCTION joined_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'DELETE' THEN DELETE FROM orders WHERE item = OLD.id; RETURN OLD; END IF;
  UPDATE items SET name = NEW.name WHERE id = NEW.id; RETURN NEW; END $$;
CREATE TRIGGER joined_instead INSTEAD OF UPDATE OR DELETE ON joined_view FOR EACH ROW EXECUTE FUNCTION joined_write();
CREATE TABLE ruled (id int PRIMARY KEY, v text);
CREATE TABLE ruled_log (id int, v text, what text);
CREATE RULE ruled_also AS ON INSERT TO ruled DO ALSO INSERT INTO ruled_log VALUES (NEW.id, NEW.v, 'also');
CREATE RULE ruled_instead AS ON DELETE TO ruled DO INSTEAD UPDATE ruled SET v = 'deleted' WHERE id = OLD.id;
CREATE RULE ruled_if AS ON UPDATE TO ruled WHERE NEW.v = 'never' DO INSTEAD NOTHING;
CREATE TABLE told (id int PRIMARY KEY, v text);
CREATE RULE told_select AS ON UPDATE TO told DO INSTEAD SELECT OLD.id, 'not updated'::text AS said;
INSERT INTO told VALUES (1, 'a'), (2, 'b');
CREATE TABLE secret (id int PRIMARY KEY, owner text, v text);
INSERT INTO secret SELECT i, CASE WHEN i % 2 = 0 THEN 'app' ELSE 'nobody' END, 'v' || i FROM generate_series(1, 6) i;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY secret_read ON secret FOR SELECT USING (owner = current_user);
CREATE POLICY secret_insert ON secret FOR INSERT WITH CHECK (true);
CREATE POLICY secret_update ON secret FOR UPDATE USING (true) WITH CHECK (true);
CREATE POLICY secret_delete ON secret FOR DELETE USING (true);
CREATE TABLE drop_box (id int, v text DEFAULT 'boxed', hidden text);
CREATE FUNCTION add_item(i int) RETURNS int LANGUAGE sql AS $$ INSERT INTO items(id, name) VALUES (i, 'by function') RETURNING id $$;
CREATE PROCEDURE add_and_commit(i int) LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO nokey VALUES (i, 'kept'); COMMIT; INSERT INTO nokey VALUES (i, 'dropped'); ROLLBACK; END $$;
)";

const char* const grants = R"(
GRANT ALL ON ALL TABLES IN SCHEMA :schema TO app; GRANT ALL ON ALL SEQUENCES IN SCHEMA :schema TO app, inserter, limited;
GRANT USAGE, CREATE ON SCHEMA :schema TO app; GRANT USAGE ON SCHEMA :schema TO inserter, limited, other;
GRANT INSERT ON drop_box, audited, parts, secret, gen TO inserter; GRANT INSERT ON audit TO inserter, limited;
GRANT INSERT, UPDATE, DELETE ON drop_box TO limited; GRANT SELECT (id, v), UPDATE (v), INSERT (id, v) ON audited TO limited;
GRANT UPDATE (qty), SELECT (id) ON items TO limited; GRANT SELECT ON nokey TO other; GRANT INSERT ON orders TO limited;
)";

}  // namespace

std::string common_tables() {
  return std::string(tables) + triggers + views_and_rules + grants;
}

}  // namespace weir::differential
