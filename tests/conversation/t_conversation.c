#include "check.h"

#include "base/mem.h"
#include "base/text.h"
#include "conversation/conversation.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Conversations in memory over a real log: who waits for what, who reads along, what stays when
 * the log fails, and that what comes back from the log is what went in. */

struct fixture {
	struct world *world;
	struct store *store;
	struct conversations *all;
	struct arena *mem;
	char dir[64], path[96];
};

static void set_up(struct fixture *f, struct world *w, size_t budget)
{
	struct err e = { 0 };

	*f = (struct fixture){ .world = w, .mem = arena_new() };
	snprintf(f->dir, sizeof(f->dir), "%s/frontdesk-test-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(f->dir))
		bug("no folder");
	snprintf(f->path, sizeof(f->path), "%s/log.db", f->dir);
	f->store = store_open(w, f->path, &e);
	if (!f->store)
		bug("%s", e.msg);
	f->all = conversations_new(w, f->store, budget);
}

static void tear_down(struct fixture *f)
{
	char path[128];

	store_close(f->store);
	conversations_free(f->all);
	for (const char *const *s = (const char *const[]){ "", "-wal", "-shm", NULL }; *s; s++) {
		snprintf(path, sizeof(path), "%s%s", f->path, *s);
		unlink(path);
	}
	rmdir(f->dir);
	arena_free(f->mem);
}

#define LOG_TEST(name_)                                                                            \
	static void name_##_body(struct fixture *f);                                               \
	static void name_(struct world *w)                                                         \
	{                                                                                          \
		struct fixture f;                                                                  \
                                                                                                   \
		set_up(&f, w, 1 << 20);                                                            \
		name_##_body(&f);                                                                  \
		tear_down(&f);                                                                     \
	}                                                                                          \
	static void name_##_body(struct fixture *f)

static struct conversation *fresh(struct fixture *f)
{
	struct err e = { 0 };
	struct conversation *c =
	    conversation_create(f->all, json_pack("{s{ss}}", "customer", "id", "cust-1"), NULL, &e);

	CHECK(c);
	return c;
}

static int64_t say_as(struct conversation *c, const char *role, const char *text)
{
	struct err e = { 0 };
	int64_t seq = conversation_append(c,
	    &(struct draft){
		EVENT_MESSAGE, json_pack("{ss ss}", "role", role, "content", text), NULL },
	    1, NULL, &e);

	CHECK_OK(seq < 0 ? -1 : 0, &e);
	return seq;
}

static int64_t say(struct conversation *c, const char *text)
{
	return say_as(c, "person", text);
}

static int settle(struct conversation *c)
{
	struct err e = { 0 };

	return CHECK_OK(conversation_settle(c, conversation_head(c)->seq, &e), &e) ? 0 : -1;
}

/* All that is known of it in memory, in one text. */
static const char *state_of(struct conversation *c, struct arena *mem)
{
	struct buf all = { 0 };
	const struct wire *w = conversation_wire(c);
	const struct turn_log *t = conversation_turn(c);
	char *text;

	buf_adds(&all, head_write(conversation_head(c), mem));
	for (int i = 0; i < wire_len(w); i++)
		buf_printf(&all, "\n%d %lld %s", wire_at(w, i)->role, (long long)wire_at(w, i)->seq,
		    wire_at(w, i)->text ? wire_at(w, i)->text : "-");
	buf_printf(&all, "\nturn %lld %d %d", (long long)t->trigger, t->ended, t->steps);
	text = arena_strdup(mem, all.data);
	buf_done(&all);
	return text;
}

LOG_TEST(what_is_appended_is_seen_at_once_and_durable_when_settled)
{
	struct conversation *c = fresh(f);
	struct err e = { 0 };
	const struct event *events;
	int n;

	CHECK_INT(say(c, "one"), 2);
	CHECK_INT(conversation_head(c)->seq, 2);
	CHECK_INT(wire_len(conversation_wire(c)), 1);
	CHECK_INT(conversation_committed(c), 0);
	CHECK_OK(conversation_events(c, 0, 10, f->mem, &events, &n, &e), &e);
	CHECK_INT(n, 0);
	CHECK_OK(conversation_settle(c, 1, &e), &e);
	CHECK_INT(conversation_committed(c), 2); /* both waited for the same commit */
	CHECK_OK(conversation_events(c, 0, 10, f->mem, &events, &n, &e), &e);
	CHECK_INT(n, 2);
	CHECK_INT(events[1].seq, 2);
	CHECK_STR(json_str(events[1].data, "content"), "one");
	CHECK_INT(conversation_wait(c, 2, fiber_now() + 5, &e), -1);
	CHECK_INT(e.code, ERR_TIMEOUT);
	conversation_close(c);
}

LOG_TEST(several_drafts_are_one_change)
{
	struct conversation *c = fresh(f);
	struct draft d[3];
	struct err e = { 0 };

	settle(c);
	for (int i = 0; i < 3; i++)
		d[i] = (struct draft){ EVENT_MESSAGE,
			json_pack("{ss ss}", "role", "person", "content", "x"), "t1" };
	CHECK_INT(conversation_append(c, d, 3, NULL, &e), 4);
	settle(c);
	CHECK_INT(store_stats(f->store).changes, 2);
	conversation_close(c);
}

/* Followers. */

struct follower {
	struct conversation *c;
	uint64_t chance;
	int64_t after, upto;
	int read, from_memory;
};

static int some(uint64_t *chance, int n)
{
	*chance = *chance * 6364136223846793005u + 1442695040888963407u;
	return (int)((*chance >> 33) % (uint64_t)n);
}

/* Reads all up to `upto`, in pieces, in no hurry, leaving and coming back. */
static void follow(void *arg)
{
	struct follower *f = arg;
	struct err e = { 0 };

	if (some(&f->chance, 2))
		fiber_sleep(some(&f->chance, 200), &e);
	conversation_follow(f->c, false);
	while (f->after < f->upto) {
		struct arena *mem = arena_new();
		const struct event *events;
		int n;

		if (!CHECK_OK(conversation_wait(f->c, f->after, FOREVER, &e), &e) ||
		    !CHECK_OK(conversation_events(
				  f->c, f->after, 1 + some(&f->chance, 40), mem, &events, &n, &e),
			&e) ||
		    !CHECK(n > 0)) {
			arena_free(mem);
			break;
		}
		for (int i = 0; i < n; i++) {
			CHECK_INT(events[i].seq, f->after + 1);
			if (events[i].kind == EVENT_MESSAGE)
				CHECK_INT(json_int(events[i].data, "number", 0), events[i].seq);
			f->after = events[i].seq;
		}
		arena_free(mem);
		if (some(&f->chance, 6) == 0)
			fiber_sleep(some(&f->chance, 300), &e);
		if (some(&f->chance, 6) == 0) {
			conversation_unfollow(f->c, false);
			fiber_sleep(some(&f->chance, 30), &e);
			conversation_follow(f->c, false);
		}
	}
	conversation_unfollow(f->c, false);
}

static void write_numbers(struct conversation *c, uint64_t chance, int64_t upto)
{
	struct err e = { 0 };

	while (conversation_head(c)->seq < upto) {
		struct draft d[4];
		int n = 0, want = 1 + some(&chance, 4);

		for (; n < want && conversation_head(c)->seq + n < upto; n++)
			d[n] = (struct draft){ EVENT_MESSAGE,
				json_pack("{ss ss sI}", "role", "person", "content", "x", "number",
				    (json_int_t)(conversation_head(c)->seq + 1 + n)),
				"t1" };
		CHECK(conversation_append(c, d, n, NULL, &e) > 0);
		if (some(&chance, 3) == 0)
			fiber_sleep(some(&chance, 20), &e);
	}
}

static void everybody_reads_each_event_once_and_in_order(struct world *w)
{
	enum {
		FOLLOWERS = 6,
		EVENTS = 300
	};

	world_sim_jitter(w, 8);
	for (uint64_t seed = check_seed(); seed < check_seed() + 25; seed++) {
		struct fixture f;
		struct follower who[FOLLOWERS];
		struct conversation *c;
		struct scope s;

		set_up(&f, w, 1 << 20);
		c = fresh(&f);
		scope_open(&s, FOREVER);
		for (int i = 0; i < FOLLOWERS; i++) {
			who[i] = (struct follower){
				.c = c, .chance = seed * 100 + (uint64_t)i, .upto = EVENTS
			};
			scope_go(&s, follow, &who[i]);
		}
		write_numbers(c, seed, EVENTS);
		scope_join(&s);
		for (int i = 0; i < FOLLOWERS; i++)
			CHECK_INT(who[i].after, EVENTS);
		conversation_close(c);
		tear_down(&f);
	}
}

LOG_TEST(who_keeps_up_reads_from_memory_and_who_is_late_from_the_log)
{
	struct conversation *c = fresh(f);
	const struct event *events;
	struct err e = { 0 };
	int64_t before;
	int n;

	conversation_follow(c, true);
	CHECK(conversation_live(c));
	for (int i = 0; i < 100; i++)
		say(c, "x");
	settle(c);
	before = store_stats(f->store).queries;
	CHECK_OK(conversation_events(c, 60, 500, f->mem, &events, &n, &e), &e);
	CHECK_INT(n, 41);
	CHECK_INT(store_stats(f->store).queries, before);
	CHECK_OK(conversation_events(c, 5, 500, f->mem, &events, &n, &e), &e);
	CHECK_INT(n, 96);
	CHECK_INT(store_stats(f->store).queries, before + 1);
	conversation_unfollow(c, true);
	CHECK(!conversation_live(c));
	CHECK_OK(conversation_events(c, 100, 500, f->mem, &events, &n, &e), &e);
	CHECK_INT(n, 1);
	CHECK_INT(store_stats(f->store).queries, before + 2); /* nothing is kept for nobody */
	conversation_close(c);
}

/* A log that was changed by somebody else: another process, as far as this one can tell. */

struct other {
	struct conversations *all;
	struct conversation *c;
};

static struct other meddle(struct fixture *f, const char *id)
{
	struct other o = { .all = conversations_new(f->world, f->store, 1 << 20) };
	struct err e = { 0 };

	o.c = conversation_open(o.all, id, &e);
	CHECK(o.c);
	say(o.c, "from elsewhere");
	settle(o.c);
	conversation_close(o.c);
	conversations_free(o.all);
	return o;
}

LOG_TEST(who_was_too_late_is_broken_and_the_next_starts_from_the_log)
{
	struct conversation *c = fresh(f), *again;
	struct err e = { 0 };
	int64_t seq;

	settle(c);
	conversation_follow(c, false);
	meddle(f, conversation_id(c));
	say(c, "too late"); /* nobody knows it yet */
	seq = say(c, "later still");
	CHECK_ERR(conversation_settle(c, seq, &e), &e, ERR_CONFLICT);
	CHECK_HAS(e.msg, "changed by somebody else");
	CHECK_ERR((int)conversation_append(
		      c, &(struct draft){ EVENT_MESSAGE, json_object(), NULL }, 1, NULL, &e),
	    &e, ERR_CONFLICT);
	CHECK_ERR(conversation_wait(c, 1, FOREVER, &e), &e, ERR_CONFLICT);
	CHECK_INT(conversation_committed(c), 1);

	again = conversation_open(f->all, conversation_id(c), &e);
	CHECK(again && again != c);
	CHECK_INT(conversation_head(again)->seq, 2);
	CHECK_STR(wire_at(conversation_wire(again), 0)->text, "from elsewhere");
	say(again, "goes on");
	settle(again);
	/* The old one is still there for who holds it. */
	CHECK_INT(conversation_head(c)->seq, 3);
	CHECK_STR(conversation_id(c), conversation_id(again));
	conversation_unfollow(c, false);
	conversation_close(c);
	CHECK(conversation_open(f->all, conversation_id(again), &e) == again);
	conversation_close(again);
	conversation_close(again);
}

LOG_TEST(nothing_of_a_lost_change_is_in_the_log)
{
	struct conversation *c = fresh(f), *again;
	struct draft d[2] = { { EVENT_MESSAGE,
				  json_pack("{ss ss}", "role", "person", "content", "a"), NULL },
		{ EVENT_MESSAGE, json_pack("{ss ss}", "role", "person", "content", "b"), NULL } };
	const struct event *events;
	struct err e = { 0 };
	int n;

	settle(c);
	meddle(f, conversation_id(c));
	conversation_append(c, d, 2, NULL, &e);
	CHECK_ERR(conversation_settle(c, 3, &e), &e, ERR_CONFLICT);
	again = conversation_open(f->all, conversation_id(c), &e);
	CHECK_OK(conversation_events(again, 0, 10, f->mem, &events, &n, &e), &e);
	CHECK_INT(n, 2);
	conversation_close(again);
	conversation_close(c);
}

/* Memory. */

LOG_TEST(a_conversation_nobody_holds_is_found_again_without_reading)
{
	struct conversation *c = fresh(f), *again;
	struct err e = { 0 };
	int64_t before;
	char id[WORLD_ID_SIZE];

	strcpy(id, conversation_id(c));
	settle(c);
	conversation_close(c);
	before = store_stats(f->store).queries;
	again = conversation_open(f->all, id, &e);
	CHECK(again == c);
	CHECK_INT(store_stats(f->store).queries, before);
	conversation_close(again);
}

static void what_had_to_leave_memory_comes_back_the_same(struct world *w)
{
	enum {
		MANY = 40
	};
	struct fixture f;
	char ids[MANY][WORLD_ID_SIZE];
	const char *states[MANY];
	struct err e = { 0 };
	int64_t before;

	set_up(&f, w, 400000); /* a few conversations' worth */
	for (int i = 0; i < MANY; i++) {
		struct conversation *c = fresh(&f);

		strcpy(ids[i], conversation_id(c));
		for (int k = 0; k < 1 + i % 5 * 130; k++) /* some longer than one read */
			say_as(c, k % 3 ? "person" : "customer", "what is it?");
		settle(c);
		states[i] = state_of(c, f.mem);
		conversation_close(c);
	}
	before = store_stats(f.store).queries;
	conversation_close(conversation_open(f.all, ids[MANY - 1], &e));
	CHECK_INT(store_stats(f.store).queries, before); /* the last one is still there */
	for (int i = 0; i < MANY - 1; i++) {
		struct conversation *c = conversation_open(f.all, ids[i], &e);

		if (!CHECK(c))
			break;
		CHECK_STR(state_of(c, f.mem), states[i]);
		conversation_close(c);
	}
	CHECK(store_stats(f.store).queries - before > MANY);
	tear_down(&f);
}

static void whoever_was_used_last_stays_longest(struct world *w)
{
	struct fixture f;
	char ids[3][WORLD_ID_SIZE];
	struct err e = { 0 };
	int64_t before;

	set_up(&f, w, 80000); /* two of these */
	for (int i = 0; i < 3; i++) {
		struct conversation *c = fresh(&f);

		strcpy(ids[i], conversation_id(c));
		for (int k = 0; k < 100; k++)
			say(c, "what is it?");
		settle(c);
		conversation_close(c);
		if (i == 1) /* the first is used again: the second is the oldest now */
			conversation_close(conversation_open(f.all, ids[0], &e));
	}
	before = store_stats(f.store).queries;
	conversation_close(conversation_open(f.all, ids[0], &e));
	CHECK_INT(store_stats(f.store).queries, before);
	conversation_close(conversation_open(f.all, ids[1], &e));
	CHECK(store_stats(f.store).queries > before);
	tear_down(&f);
}

struct opener {
	struct fixture *f;
	const char *id;
	struct conversation *c;
	struct err err;
};

static void open_it(void *arg)
{
	struct opener *o = arg;

	o->c = conversation_open(o->f->all, o->id, &o->err);
}

/* A conversation in the log and not in memory. */
static const char *cold(struct fixture *f)
{
	struct conversation *c = fresh(f);
	const char *id = arena_strdup(f->mem, conversation_id(c));

	say(c, "x");
	settle(c);
	conversation_close(c);
	conversations_free(f->all);
	f->all = conversations_new(f->world, f->store, 1 << 20);
	return id;
}

LOG_TEST(two_who_open_a_cold_conversation_read_it_once)
{
	struct opener a = { f, cold(f), NULL, { 0 } }, b = a;
	int64_t before = store_stats(f->store).queries;
	struct scope s;

	world_sim_jitter(f->world, 10);
	scope_open(&s, FOREVER);
	scope_go(&s, open_it, &a);
	scope_go(&s, open_it, &b);
	scope_join(&s);
	CHECK(a.c && a.c == b.c);
	CHECK_INT(store_stats(f->store).queries - before, 2); /* the row, the events */
	conversation_close(a.c);
	conversation_close(b.c);
}

LOG_TEST(who_stops_while_it_loads_spoils_it_for_nobody_else)
{
	struct opener a = { f, cold(f), NULL, { 0 } }, b = a, c = a;
	struct scope hasty, patient;
	struct err e = { 0 };

	world_sim_jitter(f->world, 50);
	scope_open(&hasty, FOREVER);
	scope_open(&patient, FOREVER);
	scope_go(&hasty, open_it, &a);
	scope_go(&patient, open_it, &b);
	scope_go(&patient, open_it, &c);
	CHECK_OK(fiber_yield(&e), &e);
	scope_cancel(&hasty);
	scope_join(&hasty);
	scope_join(&patient);
	CHECK(!a.c);
	CHECK_INT(a.err.code, ERR_CANCELED);
	CHECK(b.c && b.c == c.c);
	conversation_close(b.c);
	conversation_close(c.c);
}

LOG_TEST(what_is_not_there_is_not_found)
{
	struct err e = { 0 };

	CHECK(!conversation_open(f->all, "c_nowhere", &e));
	CHECK_INT(e.code, ERR_NOT_FOUND);
	CHECK(!conversation_open(
	    f->all, "c_a_name_that_is_much_longer_than_any_name_can_be_that_was_ever_given", &e));
	CHECK_INT(e.code, ERR_NOT_FOUND);
	CHECK(!conversation_open(f->all, "", &e));
	CHECK_INT(e.code, ERR_NOT_FOUND);
}

/* Keys of clients. */

static int64_t say_once(
    struct conversation *c, const char *text, const struct client_key *key, struct err *e)
{
	return conversation_append(c,
	    &(struct draft){
		EVENT_MESSAGE, json_pack("{ss ss}", "role", "person", "content", text), NULL },
	    1, key, e);
}

LOG_TEST(a_key_leads_back_to_what_it_made)
{
	struct conversation *c = fresh(f);
	struct client_key key = { conversation_id(c), "k1", "body" },
			  changed = { conversation_id(c), "k1", "other" };
	struct err e = { 0 };
	const char *id;
	int64_t seq, found;

	CHECK_OK(conversation_key_used(f->all, f->mem, &key, &id, &found, &e), &e);
	CHECK_INT(found, 0);
	seq = say_once(c, "hello", &key, &e);
	settle(c);
	say(c, "more");
	CHECK_OK(conversation_key_used(f->all, f->mem, &key, &id, &found, &e), &e);
	CHECK_INT(found, seq);
	CHECK_STR(id, conversation_id(c));
	CHECK_ERR(
	    conversation_key_used(f->all, f->mem, &changed, &id, &found, &e), &e, ERR_CONFLICT);
	CHECK_HAS(e.msg, "another body");
	conversation_close(c);
}

LOG_TEST(the_same_key_at_the_same_moment_is_refused_and_breaks_nothing)
{
	struct conversation *c = fresh(f);
	struct client_key key = { conversation_id(c), "k1", "body" };
	struct err e = { 0 };

	CHECK_INT(say_once(c, "hello", &key, &e), 2);
	CHECK_ERR((int)say_once(c, "hello", &key, &e), &e, ERR_CONFLICT);
	settle(c);
	CHECK_ERR((int)say_once(c, "hello", &key, &e), &e, ERR_CONFLICT);
	CHECK_INT(say(c, "goes on"), 3);
	settle(c);
	conversation_close(c);
}

LOG_TEST(of_two_that_are_created_with_one_key_one_is_made)
{
	struct client_key key = { "api", "k1", "body" };
	struct err e = { 0 };
	struct conversation *a = conversation_create(f->all, json_object(), &key, &e),
			    *b = conversation_create(f->all, json_object(), &key, &e);
	const char *id;
	int64_t seq;

	CHECK_OK(conversation_settle(a, 1, &e), &e);
	CHECK_ERR(conversation_settle(b, 1, &e), &e, ERR_CONFLICT);
	CHECK_OK(conversation_key_used(f->all, f->mem, &key, &id, &seq, &e), &e);
	CHECK_STR(id, conversation_id(a));
	CHECK(!conversation_open(f->all, conversation_id(b), &e));
	CHECK_INT(e.code, ERR_NOT_FOUND);
	conversation_close(a);
	conversation_close(b);
}

/* The rows. */

static void run_sql(struct fixture *f, const char *sql)
{
	struct err e = { 0 };
	struct sqlite *log = sqlite_open(f->path, SQLITE_WRITES, &e);

	if (CHECK(log))
		CHECK_OK(sqlite_script(log, sql, &e), &e);
	sqlite_close(log);
}

LOG_TEST(each_hash_is_of_its_salt_and_payload)
{
	struct conversation *c = fresh(f);
	struct rows r;
	struct err e = { 0 };

	say(c, "hello");
	say(c, "hello");
	settle(c);
	CHECK_OK(store_query(f->store, f->mem,
		     "SELECT payload, salt, hash FROM events ORDER BY seq", NULL, 0, &r, &e),
	    &e);
	CHECK_INT(r.n, 3);
	for (int i = 0; i < r.n; i++) {
		const struct db_value *payload = row_value(&r, i, 0), *salt = row_value(&r, i, 1),
				      *hash = row_value(&r, i, 2);
		unsigned char *both = arena_alloc(f->mem, salt->n + payload->n),
			      out[EVP_MAX_MD_SIZE];
		unsigned n;

		CHECK_INT(salt->n, 16);
		CHECK_INT(hash->n, 32);
		memcpy(both, salt->p, salt->n);
		memcpy(both + salt->n, payload->p, payload->n);
		EVP_Digest(both, salt->n + payload->n, out, &n, EVP_sha256(), NULL);
		CHECK(!memcmp(out, hash->p, 32));
		if (i)
			CHECK(memcmp(salt->p, row_value(&r, i - 1, 1)->p, 16) != 0);
	}
	conversation_close(c);
}

LOG_TEST(what_is_nested_as_deep_as_may_be_comes_back_from_the_log)
{
	struct conversation *c = fresh(f), *again;
	struct err e = { 0 };
	json_t *deep = json_integer(1), *result;
	char id[WORLD_ID_SIZE];

	for (int i = 0; i < JSON_DEPTH_MAX; i++)
		deep = json_pack("[o]", deep);
	result = json_pack("{ss sb so}", "call", "a", "ok", 1, "result", deep);
	conversation_append(c, &(struct draft){ EVENT_RESULT, result, NULL }, 1, NULL, &e);
	settle(c);
	strcpy(id, conversation_id(c));
	conversation_close(c);
	conversations_free(f->all);
	f->all = conversations_new(f->world, f->store, 1 << 20);
	again = conversation_open(f->all, id, &e);
	if (!CHECK(again))
		fprintf(stderr, "%s\n", e.msg);
	conversation_close(again);
}

LOG_TEST(an_erased_payload_is_read_as_empty)
{
	const char *id = cold(f);
	struct conversation *c;
	struct err e = { 0 };

	run_sql(f, "UPDATE events SET payload = '' WHERE seq = 2");
	c = conversation_open(f->all, id, &e);
	CHECK(c);
	conversation_close(c);
}

/* One damaged conversation is one that cannot be opened, not the end of the server. */
LOG_TEST(a_damaged_conversation_says_what_is_wrong)
{
	static const struct {
		const char *sql, *words;
	} damage[] = {
		{ "UPDATE events SET kind = 'conversation.sung' WHERE seq = 2",
		    "event 2 has the kind conversation.sung, which this frontdesk does not know" },
		{ "UPDATE events SET payload = '{\"a\":' WHERE seq = 2",
		    "event 2: its JSON is damaged" },
		{ "UPDATE conversations SET head = 'nonsense'", "JSON is damaged" },
		{ "UPDATE conversations SET head = '{}'", "does not hold a state" },
		{ "DELETE FROM events WHERE seq = 2", "it ends at event 1 of 2" },
	};

	for (size_t i = 0; i < array_len(damage); i++) {
		const char *id = cold(f);
		struct err e = { 0 };

		run_sql(f, damage[i].sql);
		CHECK(!conversation_open(f->all, id, &e));
		CHECK_INT(e.code, ERR_INVALID);
		CHECK_HAS(e.msg, damage[i].words);
		run_sql(f, "DELETE FROM events; DELETE FROM conversations;");
	}
}

LOG_TEST(open_turns_are_found_the_longest_waiting_first)
{
	struct conversation *c[4];
	const char *const *ids;
	struct err e = { 0 };
	int n;

	for (int i = 0; i < 4; i++) {
		c[i] = fresh(f);
		fiber_sleep(10, &e);
		if (i != 2)
			say_as(c[i], "customer", "help");
		settle(c[i]);
	}
	CHECK_OK(conversations_unfinished(f->all, f->mem, &ids, &n, &e), &e);
	CHECK_INT(n, 3);
	CHECK_STR(ids[0], conversation_id(c[0]));
	CHECK_STR(ids[2], conversation_id(c[3]));
	for (int i = 0; i < 4; i++)
		conversation_close(c[i]);
}

/* What each may see. */

static void a_customer_sees_no_arguments_reasons_or_profiles(void **state)
{
	struct arena *mem = arena_new();
	json_t *step = json_in(mem, json_pack("{si ss s[{ss ss s{ss} ss ss}]}", "n", 1, "text",
					"secret", "calls", "id", "a", "name", "order", "arguments",
					"secret", "secret", "shown", "Looking", "key", "secret"));
	json_t *result = json_in(mem,
	    json_pack("{ss ss sb ss}", "call", "a", "name", "order", "ok", 1, "result", "secret"));
	json_t *profile = json_in(mem, json_pack("{s{ss}}", "profile", "secret", "secret"));
	json_t *escalated = json_in(
	    mem, json_pack("{ss ss ss}", "kind", "review", "reason", "secret", "rule", "secret"));
	const struct event events[] = { { .kind = EVENT_STEP, .data = step },
		{ .kind = EVENT_RESULT, .data = result },
		{ .kind = EVENT_PROFILE, .data = profile },
		{ .kind = EVENT_ESCALATED, .data = escalated },
		{ .kind = EVENT_CREATED, .data = profile },
		{ .kind = EVENT_IDENTIFIED, .data = profile },
		{ .kind = EVENT_INTENTS, .data = profile },
		{ .kind = EVENT_CALL_STARTED, .data = profile },
		{ .kind = EVENT_TURN_ENDED, .data = profile } };

	(void)state;
	for (size_t i = 0; i < array_len(events); i++) {
		json_t *seen = json_in(mem, event_view(&events[i], SEEN_BY_CUSTOMER)),
		       *desk = json_in(mem, event_view(&events[i], SEEN_BY_DESK));

		if (seen)
			assert_null(strstr(json_text(mem, seen), "secret"));
		assert_non_null(strstr(json_text(mem, desk), "secret"));
	}
	assert_null(event_view(&events[2], SEEN_BY_CUSTOMER));
	for (int k = 0; k < EVENT_KINDS; k++)
		assert_int_equal(event_kind_named(event_name((enum event_kind)k)), k);
	assert_int_equal(event_kind_named("nonsense"), -1);
	arena_free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(what_is_appended_is_seen_at_once_and_durable_when_settled),
		SIM_TEST(several_drafts_are_one_change),
		SIM_TEST(everybody_reads_each_event_once_and_in_order),
		SIM_TEST(who_keeps_up_reads_from_memory_and_who_is_late_from_the_log),
		SIM_TEST(who_was_too_late_is_broken_and_the_next_starts_from_the_log),
		SIM_TEST(nothing_of_a_lost_change_is_in_the_log),
		SIM_TEST(a_conversation_nobody_holds_is_found_again_without_reading),
		SIM_TEST(what_had_to_leave_memory_comes_back_the_same),
		SIM_TEST(whoever_was_used_last_stays_longest),
		SIM_TEST(two_who_open_a_cold_conversation_read_it_once),
		SIM_TEST(who_stops_while_it_loads_spoils_it_for_nobody_else),
		SIM_TEST(what_is_not_there_is_not_found),
		SIM_TEST(a_key_leads_back_to_what_it_made),
		SIM_TEST(the_same_key_at_the_same_moment_is_refused_and_breaks_nothing),
		SIM_TEST(of_two_that_are_created_with_one_key_one_is_made),
		SIM_TEST(each_hash_is_of_its_salt_and_payload),
		SIM_TEST(what_is_nested_as_deep_as_may_be_comes_back_from_the_log),
		SIM_TEST(an_erased_payload_is_read_as_empty),
		SIM_TEST(a_damaged_conversation_says_what_is_wrong),
		SIM_TEST(open_turns_are_found_the_longest_waiting_first),
		cmocka_unit_test(a_customer_sees_no_arguments_reasons_or_profiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
