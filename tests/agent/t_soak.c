#include "kit.h"

#include "base/mem.h"
#include "base/text.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Conversations by chance: customers who write when they like and ask again when they got no
 * answer, tools that are slow, broken or too talkative, a model that fails, a process that dies up
 * to three times, a disk that fails for a while.  In the end: nothing that was acknowledged is
 * lost, doubled or out of order; what was seen did not change; each turn has one answer; each write
 * was done once, or, where the backend knows no keys, at most once and a person is asked if in
 * doubt; nobody is stuck, and nobody was handed over without a cause.
 *
 * A run is a seed; FRONTDESK_SOAK=1000 makes so many conversations, FRONTDESK_SEED another
 * beginning. */

#define GROUP        8 /* conversations of one run */
#define MESSAGES_MAX 4
#define LIVES_MAX    4

struct seen {
	int64_t seq;
	char *text;
};

struct client {
	int nth, nmessages, acknowledged;
	bool reads_along;
	char id[WORLD_ID_SIZE]; /* "": not created yet */
	int64_t read_upto;
	struct seen *seen;
	int nseen;
};

static struct run {
	uint64_t chance;
	int lives, life;
	struct kit kit;
	struct client clients[GROUP];
	bool model_fails;
	bool over; /* the clients of this life are done */
} run;

static struct bank ledger;
static int crashes, disk_faults, retries, doubts, handovers,
    shown; /* of all runs, for the figures */

static int below(int n)
{
	run.chance = run.chance * 6364136223846793005u + 1442695040888963407u;
	return (int)((run.chance >> 33) % (uint64_t)n);
}

/* What the model will say. */

static json_t *some_call(void)
{
	static const char *const tools[] = { "lookup_order", "lookup_account", "quick", "quick",
		"broken", "slow", "huge", "private", "refund", "refund", "wire", "nonsense",
		"escalate_to_human" };
	const char *name =
	    tools[below(below(3) ? (int)array_len(tools) - 1 : (int)array_len(tools))];
	char order[2] = { (char)('1' + below(3)), '\0' };

	return json_pack("{ss s{ss}}", "name", name, "arguments",
	    text_is(name, "escalate_to_human") ? "reason" : "order_id", order);
}

static json_t *some_step(bool last)
{
	json_t *step = json_pack("{si}", "delay_ms", below(400)), *calls = json_array();

	if (below(2)) {
		json_object_set_new(step, "deltas",
		    json_pack(
			"[ssss]", "Let me see. ", "One moment. ", "The refund is 3.50. ", "So. "));
		json_object_set_new(step, "delta_ms", json_integer(below(300)));
	} else {
		json_object_set_new(step, "text", json_string("It is so."));
	}
	for (int n = last ? 0 : below(4); n > 0; n--)
		json_array_append_new(calls, some_call());
	if (json_array_size(calls))
		json_object_set_new(step, "calls", calls);
	else
		json_decref(calls);
	if (!last && below(25) == 0) {
		json_object_set_new(step, "error", json_string("overloaded"));
		run.model_fails = true;
	}
	return step;
}

static const char *some_script(struct arena *mem)
{
	json_t *steps = json_in(mem, json_array());

	for (int n = 2 + below(5); n > 0; n--)
		json_array_append_new(steps, some_step(n == 1));
	return json_text(mem, steps);
}

/* A customer, over all lives of the server. */

static struct conversation *created(struct client *cl, struct err *e)
{
	struct arena *mem = arena_new();
	char name[16];
	struct client_key key = { "api", name, "body" };
	struct conversation *c = NULL;
	const char *id;
	int64_t seq = 0;

	snprintf(name, sizeof(name), "conv %d", cl->nth);
	if (conversation_key_used(run.kit.all, mem, &key, &id, &seq, e) == 0 && seq)
		c = conversation_open(run.kit.all, id, e);
	else if (!seq && !world_crashed(run.kit.world))
		c = conversation_create(run.kit.all,
		    json_pack("{s{ss} ss}", "customer", "id", "cust-1", "identity", "verified"),
		    &key, e);
	if (c && conversation_settle(c, 1, e) < 0) {
		conversation_close(c);
		c = NULL;
	}
	if (c)
		strcpy(cl->id, conversation_id(c));
	arena_free(mem);
	return c;
}

static int send_next(struct client *cl, struct err *e)
{
	struct conversation *c =
	    *cl->id ? conversation_open(run.kit.all, cl->id, e) : created(cl, e);
	struct arena *mem = arena_new();
	char text[16];
	struct client_key key = { cl->id, text, "body" };
	const char *id;
	int64_t seq = 0;
	int result = -1;

	snprintf(text, sizeof(text), "m%d", cl->acknowledged);
	if (c)
		result = conversation_key_used(run.kit.all, mem, &key, &id, &seq, e);
	if (result == 0 && !seq)
		result = agent_message(run.kit.agent, c, text, &key, &seq, e);
	conversation_close(c);
	arena_free(mem);
	return result;
}

static void write_messages(void *arg)
{
	struct client *cl = arg;
	struct err e;

	while (cl->acknowledged < cl->nmessages) {
		if (fiber_sleep(below(4) ? below(6000) : below(30), &e) < 0)
			return;
		if (send_next(cl, &e) == 0)
			cl->acknowledged++;
		else
			retries++;
	}
}

static void note_seen(struct client *cl, const struct event *ev)
{
	struct arena *mem = arena_new();

	if (ev->kind == EVENT_PART)
		shown++;
	cl->seen = mem_resize(cl->seen, sizeof(*cl->seen) * (size_t)(cl->nseen + 1));
	cl->seen[cl->nseen++] = (struct seen){ ev->seq, mem_strdup(json_text(mem, ev->data)) };
	cl->read_upto = ev->seq;
	arena_free(mem);
}

/* One reference's worth of reading along; it ends when the conversation breaks or the life does. */
static void read_some(struct client *cl, struct conversation *c)
{
	struct err e;

	conversation_follow(c, true);
	while (!run.over && below(100)) { /* now and then the reader goes away */
		struct arena *mem = arena_new();
		const struct event *events;
		int n = 0, r = conversation_wait(c, cl->read_upto, fiber_now() + 5000, &e);

		if (r == 0)
			r = conversation_events(c, cl->read_upto, 50, mem, &events, &n, &e);
		for (int i = 0; i < n; i++)
			note_seen(cl, &events[i]);
		arena_free(mem);
		if (r < 0 && e.code != ERR_TIMEOUT)
			break;
	}
	conversation_unfollow(c, true);
}

static void read_along(void *arg)
{
	struct client *cl = arg;
	struct conversation *c;
	struct err e;

	while (!run.over && fiber_sleep(300, &e) == 0) {
		c = *cl->id ? conversation_open(run.kit.all, cl->id, &e) : NULL;
		if (c)
			read_some(cl, c);
		conversation_close(c);
	}
}

/* What happens to the server. */

static void die(void *arg)
{
	struct err e;

	(void)arg;
	if (fiber_sleep(below(15000), &e) < 0)
		return;
	crashes++;
	world_crash(run.kit.world);
}

static void disk_takes(rlim_t bytes)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
}

static void spoil_disk(void *arg)
{
	struct err e;

	(void)arg;
	if (fiber_sleep(below(12000), &e) < 0)
		return;
	disk_faults++;
	disk_takes(0);
	fiber_sleep(below(3000), &e);
	disk_takes(RLIM_INFINITY);
}

/* In the end. */

static int calls_named(const struct event *events, int n, const char *name)
{
	int found = 0;

	for (int i = 0; i < n; i++) {
		const json_t *call;
		size_t k;

		json_array_foreach (json_object_get(events[i].data, "calls"), k, call)
			found += text_is(json_str(call, "name"), name);
	}
	return found;
}

static bool has_cause(const struct event *events, int n, const char *rule)
{
	if (text_is(rule, "tool_failed"))
		return calls_named(events, n, "broken") + calls_named(events, n, "slow") > 0;
	if (text_is(rule, "asked"))
		return calls_named(events, n, "escalate_to_human") > 0;
	if (text_is(rule, "outcome_unknown"))
		return calls_named(events, n, "wire") > 0;
	if (text_is(rule, "model_failed"))
		return run.model_fails;
	return text_is(rule, "limit_steps") || text_is(rule, "limit_time");
}

/* The writes of this log are those of the bank. */
static void check_write(const json_t *call, const struct event *result, bool escalated)
{
	const char *name = json_str(call, "name"), *key = json_str(call, "key");
	char what[80];
	int times = 0;

	if (!key)
		return;
	snprintf(what, sizeof(what), "%s %s", name, key);
	for (int i = 0; i < ledger.n; i++)
		if (!strcmp(ledger.acts[i].what, what))
			times = ledger.acts[i].times;
	CHECK(times <= 1);
	if (!CHECK(result))
		return;
	if (json_flag(result->data, "ok"))
		CHECK_INT(times, 1);
	if (json_flag(result->data, "unknown")) {
		doubts++;
		CHECK_STR(name, "wire");
		CHECK(escalated);
	}
}

static const struct event *result_of(const struct event *events, int n, const char *call)
{
	const struct event *found = NULL;

	for (int i = 0; i < n; i++) {
		if (events[i].kind != EVENT_RESULT ||
		    !text_is(json_str(events[i].data, "call"), call))
			continue;
		CHECK(!found);
		found = &events[i];
	}
	return found;
}

static void check_calls(const struct event *events, int n)
{
	bool doubtful = false, out_of_time = false;

	for (int i = 0; i < n; i++) {
		const char *rule = json_str(events[i].data, "rule");

		if (events[i].kind != EVENT_ESCALATED)
			continue;
		handovers++;
		doubtful |= text_is(rule, "outcome_unknown");
		out_of_time |= text_is(rule, "limit_time");
		if (!CHECK(has_cause(events, n, rule)))
			fprintf(stderr, "escalated by %s\n", rule);
	}
	for (int i = 0; i < n; i++) {
		const json_t *call;
		size_t k;

		json_array_foreach (json_object_get(events[i].data, "calls"), k, call) {
			const struct event *r = result_of(events, n, json_str(call, "id"));

			CHECK(r || out_of_time);
			check_write(call, r, doubtful);
		}
	}
}

/* What was shown of the turn before this model call, so far in front of events[upto]. */
static char *shown_before(struct arena *mem, const struct event *events, int upto, int64_t call)
{
	char *all = arena_strdup(mem, "");
	int from = upto;

	while (from > 0 && events[from - 1].kind != EVENT_TURN_ENDED)
		from--;
	for (; from < upto; from++)
		if (events[from].kind == EVENT_PART &&
		    json_int(events[from].data, "run", 0) != call)
			all =
			    arena_printf(mem, "%s%s", all, json_str(events[from].data, "content"));
	return all;
}

/* An answer: what was shown before, then the words of the last model call, which knew all that the
 * customer had written; or, without such a call, anything. */
static void check_answer(const struct event *events, int at, struct arena *mem)
{
	const struct event *step = at && events[at - 1].kind == EVENT_STEP ? &events[at - 1] : NULL;
	int64_t call = step ? json_int(step->data, "run", 0) : -1;
	const char *content = json_str(events[at].data, "content"),
		   *before = shown_before(mem, events, at, call);

	if (!CHECK(text_starts(content, before)))
		fprintf(stderr, "shown: %s\nanswer: %s\n", before, content);
	if (!step)
		return;
	CHECK_STR(content, arena_printf(mem, "%s%s", before, json_str(step->data, "text")));
	for (int64_t i = call; i < at; i++)
		CHECK(events[i].kind != EVENT_MESSAGE);
}

/* Customers' words in order, once; one answer a turn. */
static void check_words(struct client *cl, const struct event *events, int n, struct arena *mem)
{
	int heard = 0, answers = 0, turns = 0;

	for (int i = 0; i < n; i++) {
		char want[16];

		CHECK_INT(events[i].seq, i + 1);
		turns += events[i].kind == EVENT_TURN_ENDED;
		if (events[i].kind == EVENT_TURN_ENDED)
			CHECK_INT(turns, answers);
		if (events[i].kind != EVENT_MESSAGE)
			continue;
		if (text_is(json_str(events[i].data, "role"), "customer")) {
			snprintf(want, sizeof(want), "m%d", heard++);
			CHECK_STR(json_str(events[i].data, "content"), want);
		} else {
			CHECK_INT(++answers, turns + 1);
			check_answer(events, i, mem);
		}
	}
	CHECK_INT(heard, cl->nmessages);
	CHECK(answers > 0);
	CHECK_INT(turns, answers);
}

static void check_seen(struct client *cl, const struct event *events, int n, struct arena *mem)
{
	for (int i = 0; i < cl->nseen; i++) {
		CHECK_INT(cl->seen[i].seq, i + 1);
		if (CHECK(cl->seen[i].seq <= n))
			CHECK_STR(
			    json_text(mem, events[cl->seen[i].seq - 1].data), cl->seen[i].text);
	}
}

static void check_head(struct conversation *c, const struct event *events, int n, struct arena *mem)
{
	struct head again;

	head_init(&again);
	for (int i = 0; i < n; i++)
		head_apply(&again, &events[i]);
	CHECK_STR(json_text(mem, json_in(mem, head_write(conversation_head(c)))),
	    json_text(mem, json_in(mem, head_write(&again))));
	head_done(&again);
}

/* What its steps cost is in the table of costs, once. */
static void check_cost(struct conversation *c, struct arena *mem)
{
	struct db_value p = DB_STR(conversation_id(c));
	struct rows r;
	struct err e = { 0 };

	if (CHECK_OK(store_query(run.kit.store, mem,
			 "SELECT COALESCE(SUM(cost), 0) FROM costs WHERE conversation = $1", &p, 1,
			 &r, &e),
		&e))
		CHECK_INT(row_value(&r, 0, 0)->i, conversation_head(c)->cost);
	CHECK(conversation_head(c)->cost > 0);
}

static bool at_rest(struct client *cl)
{
	struct err e = { 0 };
	struct conversation *c = conversation_open(run.kit.all, cl->id, &e);
	bool rests = c && !conversation_head(c)->open_since &&
		     conversation_committed(c) == conversation_head(c)->seq;

	conversation_close(c);
	return rests;
}

static void check_client(struct client *cl)
{
	struct arena *mem = arena_new();
	struct conversation *c;
	struct err e = { 0 };
	const struct event *events;
	int n;

	for (int i = 0; i < 1000 && !at_rest(cl); i++)
		fiber_sleep(1000, &e);
	c = conversation_open(run.kit.all, cl->id, &e);
	if (CHECK(c)) {
		CHECK_INT(conversation_head(c)->open_since, 0);
		events = kit_events(&run.kit, mem, c, &n);
		check_words(cl, events, n, mem);
		check_calls(events, n);
		check_seen(cl, events, n, mem);
		check_head(c, events, n, mem);
		check_cost(c, mem);
		conversation_close(c);
	}
	arena_free(mem);
}

static void one_life(void *arg)
{
	static const struct price price = { .input = 3000000, .output = 15000000 };
	static struct price_list prices = { NULL, &price, 1 };
	struct scope s, world;
	struct err e = { 0 };

	(void)arg;
	world_sim_jitter(check_world(), below(30));
	if (run.life == 0) {
		struct arena *mem = arena_new();

		kit_open(&run.kit, check_world(), &ledger, some_script(mem));
		json_object_set_new(run.kit.script, "repeat", json_true());
		prices.model = run.kit.model->name;
		run.kit.config.prices = &prices;
		run.kit.config.nprices = 1;
		kit_restart_agent(&run.kit);
		arena_free(mem);
	} else {
		kit_reopen(&run.kit, check_world());
		CHECK_OK(agent_resume(run.kit.agent, &e), &e);
	}
	run.over = false;
	scope_open(&s, FOREVER);
	scope_open(&world, FOREVER);
	if (run.life < run.lives - 1)
		scope_go(&world, die, NULL);
	if (below(4) == 0)
		scope_go(&world, spoil_disk, NULL);
	for (int i = 0; i < GROUP; i++) {
		scope_go(&s, write_messages, &run.clients[i]);
		if (run.clients[i].reads_along && below(3))
			scope_go(&world, read_along, &run.clients[i]);
	}
	scope_join(&s);
	for (int i = 0; run.life == run.lives - 1 && i < GROUP; i++)
		check_client(&run.clients[i]);
	run.over = true;
	scope_join(&world);
	disk_takes(RLIM_INFINITY);
	kit_close(&run.kit);
}

static void one_run(uint64_t seed)
{
	run = (struct run){ .chance = seed * 0x9E3779B97F4A7C15u };
	ledger = (struct bank){ 0 };
	run.lives = 1 + below(LIVES_MAX);
	for (int i = 0; i < GROUP; i++)
		run.clients[i] = (struct client){
			.nth = i, .nmessages = 1 + below(MESSAGES_MAX), .reads_along = below(2)
		};
	for (; run.life < run.lives; run.life++)
		check_in_sim_seed(seed * 16 + (uint64_t)run.life, one_life, NULL);
	kit_remove(&run.kit);
	for (int i = 0; i < GROUP; i++) {
		for (int k = 0; k < run.clients[i].nseen; k++)
			free(run.clients[i].seen[k].text);
		free(run.clients[i].seen);
	}
}

static void conversations_by_chance_end_well(void **state)
{
	const char *wish = getenv("FRONTDESK_SOAK");
	int want = wish ? atoi(wish) : 200, done = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	for (uint64_t seed = check_seed(); done < want; seed++, done += GROUP) {
		one_run(seed);
	}
	fprintf(stderr,
	    "%d conversations from seed %llu: %d crashes, %d disk faults, %d retries, %d shown "
	    "parts, "
	    "%d escalations, %d writes in doubt\n",
	    done, (unsigned long long)check_seed(), crashes, disk_faults, retries, shown, handovers,
	    doubts);
	assert_true(crashes > 0 && retries > 0 && handovers > 0);
	assert_int_equal(shown > 0, kit_streams());
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(conversations_by_chance_end_well) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
