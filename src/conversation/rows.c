#include "conversation/rows.h"

#include "base/mem.h"
#include "conversation/usage.h"

#include <string.h>

#define SALT_SIZE 16

void rows_create(struct change *c, const char *id, const struct head *h)
{
	struct arena *mem = change_mem(c);
	struct db_value p[] = { DB_STR(arena_strdup(mem, id)), DB_NUM(h->seq), DB_NUM(h->epoch),
		DB_STR(owner_name(h->owner)), DB_NUM(h->open_since),
		DB_STR(head_customer_id(h) ? arena_strdup(mem, head_customer_id(h)) : NULL),
		DB_STR(head_write(h, mem)), DB_NUM(h->created_at), DB_NUM(h->updated_at) };

	change_add_first(c,
	    "INSERT INTO conversations (id, seq, epoch, owner, open_since, customer_id, head, "
	    "created_at, updated_at) "
	    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
	    p, array_len(p), 1, ERR_CONFLICT, "a conversation with this id exists");
}

void rows_move(struct change *c, const char *id, int64_t was, const struct head *h, bool identified)
{
	struct arena *mem = change_mem(c);
	struct db_value p[] = { DB_STR(arena_strdup(mem, id)), DB_NUM(was), DB_NUM(h->epoch),
		DB_NUM(h->seq), DB_STR(owner_name(h->owner)), DB_NUM(h->open_since),
		DB_STR(head_write(h, mem)), DB_NUM(h->updated_at),
		DB_STR(head_customer_id(h) ? arena_strdup(mem, head_customer_id(h)) : NULL) };

	/* A column that is named leaves its index and comes back, also when it is the same. */
	change_add_first(c,
	    identified
		? "UPDATE conversations SET seq = $4, owner = $5, open_since = $6, head = $7, "
		  "updated_at = $8, customer_id = $9 WHERE id = $1 AND seq = $2 AND epoch = $3"
		: "UPDATE conversations SET seq = $4, owner = $5, open_since = $6, head = $7, "
		  "updated_at = $8 WHERE id = $1 AND seq = $2 AND epoch = $3",
	    p, array_len(p), 1, ERR_CONFLICT,
	    "the conversation was changed by somebody else meanwhile");
}

void rows_event(
    struct change *c, struct world *w, struct digest *d, const char *id, const struct event *ev)
{
	struct arena *mem = change_mem(c);
	unsigned char *salt = arena_alloc(mem, SALT_SIZE), *hash = arena_alloc(mem, DIGEST_SIZE);
	char *payload = json_text(mem, ev->data);

	world_random(w, salt, SALT_SIZE);
	digest_add(d, salt, SALT_SIZE);
	digest_add(d, payload, strlen(payload));
	digest_end(d, hash);
	change_add(c,
	    "INSERT INTO events (conversation, seq, epoch, at, turn, kind, seen_by, payload, salt, "
	    "hash) "
	    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
	    (struct db_value[]){ DB_STR(arena_strdup(mem, id)), DB_NUM(ev->seq), DB_NUM(ev->epoch),
		DB_NUM(ev->at), DB_STR(ev->turn ? arena_strdup(mem, ev->turn) : NULL),
		DB_STR(event_name(ev->kind)), DB_NUM(event_seen_by(ev->kind)), DB_STR(payload),
		DB_BYTES(salt, SALT_SIZE), DB_BYTES(hash, DIGEST_SIZE) },
	    10, 1, ERR_CONFLICT, "an event with this number exists");
}

void rows_cost(struct change *c, const char *id, const struct event *ev)
{
	int64_t cost = event_cost(ev);
	struct db_value p[] = { DB_STR(arena_strdup(change_mem(c), id)), DB_NUM(usage_day(ev->at)),
		DB_NUM(cost) };

	if (cost <= 0)
		return;
	change_add(c,
	    "INSERT INTO costs (conversation, day, cost) VALUES ($1, $2, $3) "
	    "ON CONFLICT (conversation, day) DO UPDATE SET cost = costs.cost + excluded.cost",
	    p, array_len(p), 1, ERR_IO, "what was spent was not written down");
}

void rows_client_key(
    struct change *c, const struct client_key *k, const char *id, int64_t seq, int64_t at)
{
	struct arena *mem = change_mem(c);
	struct db_value p[] = { DB_STR(arena_strdup(mem, k->scope)),
		DB_STR(arena_strdup(mem, k->key)), DB_STR(arena_strdup(mem, k->body_hash)),
		DB_STR(arena_strdup(mem, id)), DB_NUM(seq), DB_NUM(at) };

	change_add(c,
	    "INSERT INTO client_keys (scope, key, body_hash, conversation, seq, at) "
	    "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
	    p, array_len(p), 1, ERR_CONFLICT, "this Idempotency-Key was used at the same moment");
}

/* What was written is read back, be it nested a few levels deeper than a stranger's JSON may be: it
 * holds such.  An erased payload is empty. */
static json_t *read_json(struct arena *mem, const char *text, struct err *e)
{
	json_error_t je = { .text = "nested too deeply" };
	size_t n = text ? strlen(text) : 0;
	json_t *j = !n ? json_object()
		    : json_depth_ok(text, n, JSON_DEPTH_MAX + 8)
			? json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je)
			: NULL;

	if (!j)
		err_set(e, ERR_INVALID, "its JSON is damaged: %s", je.text);
	return json_in(mem, j);
}

int rows_read_head(
    struct store *s, struct arena *mem, const char *id, struct head *h, struct err *e)
{
	struct db_value p = DB_STR(id);
	struct rows r;
	json_t *head;

	if (store_query(s, mem, "SELECT head FROM conversations WHERE id = $1", &p, 1, &r, e) < 0)
		return -1;
	if (!r.n)
		return err_set(e, ERR_NOT_FOUND, "there is no such conversation");
	head = read_json(mem, db_text(row_value(&r, 0, 0)), e);
	return head && head_read(h, head, e) == 0 ? 0
						  : err_wrap(e, "the row of conversation %s", id);
}

/* An event of a kind that this program does not know (a newer one wrote it) ends the reading: to
 * pass over it would fold another state than was meant. */
static int event_of(
    const struct rows *r, int row, struct arena *mem, struct event *ev, struct err *e)
{
	const char *name = db_text(row_value(r, row, 4));
	int kind = event_kind_named(name);

	if (kind < 0)
		return err_set(e, ERR_INVALID,
		    "event %lld has the kind %s, which this frontdesk does not know",
		    (long long)row_value(r, row, 0)->i, name);
	*ev = (struct event){ .seq = row_value(r, row, 0)->i,
		.epoch = row_value(r, row, 1)->i,
		.at = row_value(r, row, 2)->i,
		.turn = db_text(row_value(r, row, 3)),
		.kind = (enum event_kind)kind,
		.data = read_json(mem, db_text(row_value(r, row, 5)), e) };
	return ev->data ? 0 : err_wrap(e, "event %lld", (long long)ev->seq);
}

int rows_read_events(struct store *s, struct arena *mem, const char *id, int64_t after, int max,
    const struct event **out, int *n, struct err *e)
{
	struct db_value p[] = { DB_STR(id), DB_NUM(after), DB_NUM(max) };
	struct event *events;
	struct rows r;

	if (store_query(s, mem,
		"SELECT seq, epoch, at, turn, kind, payload FROM events "
		"WHERE conversation = $1 AND seq > $2 ORDER BY seq LIMIT $3",
		p, 3, &r, e) < 0)
		return -1;
	events = arena_array(mem, struct event, r.n);
	for (int i = 0; i < r.n; i++)
		if (event_of(&r, i, mem, &events[i], e) < 0)
			return -1;
	*out = events;
	*n = r.n;
	return 0;
}

int rows_read_client_key(struct store *s, struct arena *mem, const struct client_key *k,
    const char **conversation, int64_t *seq, struct err *e)
{
	struct db_value p[] = { DB_STR(k->scope), DB_STR(k->key) };
	struct rows r;

	*seq = 0;
	if (store_query(s, mem,
		"SELECT body_hash, conversation, seq FROM client_keys "
		"WHERE scope = $1 AND key = $2",
		p, array_len(p), &r, e) < 0)
		return -1;
	if (!r.n)
		return 0;
	if (strcmp(db_text(row_value(&r, 0, 0)), k->body_hash) != 0)
		return err_set(e, ERR_CONFLICT,
		    "this Idempotency-Key was used with another body: take a new key for a new "
		    "request");
	*conversation = db_text(row_value(&r, 0, 1));
	*seq = row_value(&r, 0, 2)->i;
	return 0;
}

int rows_read_spent(struct store *s, int64_t day, int64_t *cost, struct err *e)
{
	struct arena *mem = arena_new();
	struct db_value p = DB_NUM(day);
	struct rows r;
	int result = store_query(s, mem,
	    "SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT) FROM costs WHERE day = $1", &p, 1, &r,
	    e);

	if (result == 0)
		*cost = row_value(&r, 0, 0)->i;
	arena_free(mem);
	return result;
}

int rows_read_unfinished(
    struct store *s, struct arena *mem, const char *const **ids, int *n, struct err *e)
{
	const char **list;
	struct rows r;

	if (store_query(s, mem,
		"SELECT id FROM conversations WHERE open_since > 0 ORDER BY updated_at", NULL, 0,
		&r, e) < 0)
		return -1;
	list = arena_array(mem, const char *, r.n);
	for (int i = 0; i < r.n; i++)
		list[i] = db_text(row_value(&r, i, 0));
	*ids = list;
	*n = r.n;
	return 0;
}

void rows_forget_keys(struct change *c, const char *scope, int64_t before)
{
	struct db_value p[] = { DB_STR(arena_printf(change_mem(c), "%s%%", scope)),
		DB_NUM(before) };

	change_add(c, "DELETE FROM client_keys WHERE scope LIKE $1 AND at < $2", p, 2, -1, ERR_IO,
	    "old keys were not deleted");
}
