#include "kit.h"

#include "base/mem.h"
#include "base/text.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* Runners: many at once, stopped in the middle, and on a disk that fails. */

static struct bank ledger;

#define MANY 64

static const char look_up[] = "[{\"calls\":[{\"name\":\"lookup_order\"}]},{\"text\":\"Done.\"}]";

static int answers(struct kit *k, struct arena *mem, struct conversation *c)
{
	int n, found = 0;
	const struct event *events = kit_events(k, mem, c, &n);

	for (int i = 0; i < n; i++)
		found += events[i].kind == EVENT_MESSAGE &&
			 text_is(json_str(events[i].data, "role"), "ai");
	return found;
}

struct talk {
	struct kit *kit;
	struct conversation *c;
};

static void talk(void *arg)
{
	struct talk *t = arg;
	struct err e = { 0 };
	int64_t seq;

	CHECK_OK(agent_message(t->kit->agent, t->c, "where is it?", NULL, &seq, &e), &e);
	kit_wait(t->kit, t->c);
}

static void many_conversations_are_answered_at_once(struct world *w)
{
	struct kit k;
	struct talk talks[MANY];
	struct scope s;
	struct arena *mem = arena_new();
	struct store_stats stats;
	int64_t start;

	ledger = (struct bank){ 0 };
	kit_open(&k, w, &ledger, look_up);
	world_sim_jitter(w, 3);
	start = fiber_now();
	scope_open(&s, FOREVER);
	for (int i = 0; i < MANY; i++) {
		talks[i] = (struct talk){ &k, kit_conversation(&k) };
		scope_go(&s, talk, &talks[i]);
	}
	scope_join(&s);
	CHECK(fiber_now() - start < 1100);
	CHECK_INT(ledger.running_most, MANY);
	for (int i = 0; i < MANY; i++) {
		CHECK_INT(answers(&k, mem, talks[i].c), 1);
		CHECK_INT(kit_count(&k, talks[i].c, EVENT_TURN_ENDED), 1);
		conversation_close(talks[i].c);
	}
	stats = store_stats(k.store);
	fprintf(stderr, "%d turns at once: %lld changes in %lld commits\n", MANY,
	    (long long)stats.changes, (long long)stats.commits);
	CHECK(stats.changes >= MANY);
	CHECK(stats.commits * 4 < MANY);
	kit_close(&k);
	kit_remove(&k);
	arena_free(mem);
}

static void who_nudges_often_gets_one_turn(struct world *w)
{
	struct kit k;
	struct conversation *c;
	struct arena *mem = arena_new();
	struct err e = { 0 };
	int64_t seq;

	ledger = (struct bank){ 0 };
	kit_open(&k, w, &ledger, look_up);
	c = kit_conversation(&k);
	agent_nudge(k.agent, c); /* nothing to do */
	CHECK(!*conversation_running(c));
	for (int i = 0; i < 5; i++) {
		CHECK_OK(agent_message(k.agent, c, "where is it?", NULL, &seq, &e), &e);
		agent_nudge(k.agent, c);
		agent_nudge(k.agent, c);
	}
	kit_wait(&k, c);
	CHECK_INT(answers(&k, mem, c), 1);
	CHECK_STR(ledger.order, "lookup_order ");
	conversation_close(c);
	kit_close(&k);
	kit_remove(&k);
	arena_free(mem);
}

static void a_turn_waits_until_the_classifier_is_known(struct world *w)
{
	struct kit k;
	struct conversation *c;
	struct arena *mem = arena_new();
	struct err e = { 0 };
	int64_t seq;

	ledger = (struct bank){ 0 };
	kit_open(&k, w, &ledger, look_up);
	agent_stop(k.agent);
	agent_free(k.agent);
	k.agent = agent_new(k.all, &k.config, &e);
	CHECK(!agent_ready(k.agent));
	c = kit_conversation(&k);
	CHECK_OK(agent_message(k.agent, c, "where is it?", NULL, &seq, &e), &e);
	CHECK_OK(fiber_sleep(60000, &e), &e);
	CHECK_INT(answers(&k, mem, c), 0);
	agent_intents(k.agent, NULL);
	kit_wait(&k, c);
	CHECK_INT(answers(&k, mem, c), 1);
	conversation_close(c);
	kit_close(&k);
	kit_remove(&k);
	arena_free(mem);
}

/* The agent is stopped at any moment, and another goes on with the same log. */
static void a_stopped_agent_leaves_its_turns_to_the_next(struct world *w)
{
	for (int64_t at = 0; at < 2400; at += 100) {
		struct kit k;
		struct conversation *c;
		struct arena *mem = arena_new();
		struct err e = { 0 };
		int64_t seq;

		ledger = (struct bank){ 0 };
		kit_open(&k, w, &ledger,
		    "[{\"calls\":[{\"name\":\"lookup_order\"}],\"delay_ms\":200},"
		    "{\"calls\":[{\"name\":\"wire\",\"arguments\":{\"order_id\":\"7\"}}],\"delay_"
		    "ms\":200},"
		    "{\"text\":\"Sent.\",\"delay_ms\":200}]");
		c = kit_conversation(&k);
		CHECK_OK(agent_message(k.agent, c, "send it", NULL, &seq, &e), &e);
		CHECK_OK(fiber_sleep(at, &e), &e);
		kit_restart_agent(&k);
		CHECK(!*conversation_running(c));
		CHECK_OK(agent_resume(k.agent, &e), &e);
		kit_wait(&k, c);
		CHECK_INT(answers(&k, mem, c), 1);
		/* What had begun came to its end: nothing was in doubt. */
		CHECK_INT(bank_times(&ledger, "wire"), 1);
		CHECK_INT(kit_count(&k, c, EVENT_ESCALATED), 0);
		conversation_close(c);
		kit_close(&k);
		kit_remove(&k);
		arena_free(mem);
	}
}

/* A disk that takes no more than so many bytes a file. */

static void disk_takes(rlim_t bytes)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
}

struct fault {
	int64_t at, ms;
};

static void disk_fails(void *arg)
{
	struct fault *f = arg;
	struct err e;

	if (fiber_sleep(f->at, &e) < 0)
		return;
	disk_takes(0);
	fiber_sleep(f->ms, &e);
	disk_takes(RLIM_INFINITY);
}

static void one_failing_disk(struct world *w, struct fault f, const char *steps, const char *tool)
{
	struct kit k;
	struct conversation *c;
	struct arena *mem = arena_new();
	struct scope s;
	struct err e = { 0 };
	char id[WORLD_ID_SIZE];
	int64_t seq;

	ledger = (struct bank){ 0 };
	kit_open(&k, w, &ledger, steps);
	c = kit_conversation(&k);
	strcpy(id, conversation_id(c));
	CHECK_OK(agent_message(k.agent, c, "do it", NULL, &seq, &e), &e);
	conversation_close(c);
	scope_open(&s, FOREVER);
	scope_go(&s, disk_fails, &f);
	scope_join(&s);
	/* It goes on by itself; nobody holds the conversation meanwhile. */
	CHECK_OK(fiber_sleep(30000, &e), &e);
	c = conversation_open(k.all, id, &e);
	if (CHECK(c)) {
		CHECK_INT(conversation_head(c)->open_since, 0);
		CHECK_INT(answers(&k, mem, c), 1);
		CHECK_INT(bank_times(&ledger, tool), 1);
		conversation_close(c);
	}
	kit_close(&k);
	kit_remove(&k);
	arena_free(mem);
}

static void a_disk_that_fails_in_mid_turn_costs_time_and_nothing_else(struct world *w)
{
	signal(SIGXFSZ, SIG_IGN);
	for (int64_t at = 0; at < 2400; at += 100)
		one_failing_disk(w, (struct fault){ at, 50 + at % 700 * 5 },
		    "[{\"calls\":[{\"name\":\"lookup_order\"}],\"delay_ms\":200},"
		    "{\"calls\":[{\"name\":\"refund\",\"arguments\":{\"order_id\":\"7\"}}],"
		    "\"delay_ms\":200},{\"text\":\"Refunded.\",\"delay_ms\":200}]",
		    "refund");
}

/* The write is marked before it is sent, so a failing disk does not let it be sent twice. */
static void on_a_disk_that_fails_nothing_is_sent_twice(struct world *w)
{
	signal(SIGXFSZ, SIG_IGN);
	for (int64_t at = 0; at < 2000; at += 100)
		one_failing_disk(w, (struct fault){ at, 3000 },
		    "[{\"calls\":[{\"name\":\"lookup_order\"}],\"delay_ms\":200},"
		    "{\"calls\":[{\"name\":\"wire\",\"arguments\":{\"order_id\":\"7\"}}],"
		    "\"delay_ms\":200},{\"text\":\"Sent.\",\"delay_ms\":200}]",
		    "wire");
}

static void a_message_that_was_not_written_is_not_acknowledged(struct world *w)
{
	struct kit k;
	struct conversation *c;
	struct arena *mem = arena_new();
	struct err e = { 0 };
	char id[WORLD_ID_SIZE];
	int64_t seq;

	signal(SIGXFSZ, SIG_IGN);
	ledger = (struct bank){ 0 };
	kit_open(&k, w, &ledger, look_up);
	c = kit_conversation(&k);
	strcpy(id, conversation_id(c));
	CHECK_OK(conversation_settle(c, 1, &e), &e);
	disk_takes(0);
	CHECK_ERR(agent_message(k.agent, c, "do it", NULL, &seq, &e), &e, ERR_IO);
	conversation_close(c);
	disk_takes(RLIM_INFINITY);
	CHECK_OK(fiber_sleep(30000, &e), &e);
	c = conversation_open(k.all, id, &e);
	CHECK_INT(conversation_head(c)->seq, 1);
	CHECK_STR(kit_say(&k, mem, c, "again"), "Done.");
	conversation_close(c);
	kit_close(&k);
	kit_remove(&k);
	arena_free(mem);
}

/* A model whose words are no text. */

static int babble(const struct model *m, const struct model_request *r,
    const struct model_sink *sink, struct arena *mem, struct model_answer *out, struct err *e)
{
	(void)m, (void)r, (void)mem;
	out->text = "So \xff\xfe it is. And \xc3";
	out->stop = MODEL_DONE;
	return sink->text(sink->self, out->text, strlen(out->text), e);
}

static const struct model_class babbling = { .name = "babbling", .complete = babble };

static void a_model_whose_words_are_no_text_has_failed(struct world *w)
{
	struct model m = { .class = &babbling, .name = "babbling" };
	struct kit k;
	struct conversation *c;
	struct arena *mem = arena_new();

	ledger = (struct bank){ 0 };
	kit_open(&k, w, &ledger, "[{\"text\":\"It is blue.\"}]");
	k.config.chain = (const struct model *const[]){ &m, k.model };
	k.config.nchain = 2;
	kit_restart_agent(&k);
	c = kit_conversation(&k);
	conversation_follow(c, true);
	CHECK_STR(kit_say(&k, mem, c, "which colour?"), "It is blue.");
	conversation_unfollow(c, true);
	conversation_close(c);
	kit_close(&k);
	kit_remove(&k);
	arena_free(mem);
}

/* The five hundredth turn of a conversation in memory reads nothing from the log, whatever came
 * before; its cost is printed.  (A provider in a simulation reads all of each request: there the
 * hundredth will do.) */

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void a_late_turn_reads_no_more_than_an_early_one(struct world *w)
{
	struct kit k;
	struct conversation *c;
	double began = 0, early = 0, late = 0;
	int64_t queries = 0;
	int turns;

	ledger = (struct bank){ 0 };
	kit_open(&k, w, &ledger,
	    "[{\"calls\":[{\"name\":\"quick\"},{\"name\":\"quick\"}]},{\"text\":\"Done.\"}]");
	json_object_set_new(k.script, "repeat", json_true());
	c = kit_conversation(&k);
	turns = k.http ? 100 : 500;
	for (int i = 1; i <= turns; i++) {
		struct arena *mem = arena_new();

		if (i == 10 || i == turns - 10) {
			queries = store_stats(k.store).queries;
			began = cpu_ms();
		}
		CHECK_STR(kit_say(&k, mem, c, "where is it?"), "Done.");
		if (i == 20)
			early = cpu_ms() - began;
		if (i == 20 || i == turns)
			CHECK_INT(store_stats(k.store).queries, queries);
		arena_free(mem);
	}
	late = cpu_ms() - began;
	fprintf(stderr, "CPU of a turn: %.0f us at the 10th, %.0f us at the %dth\n",
	    early * 1000 / 11, late * 1000 / 11, turns);
	conversation_close(c);
	kit_close(&k);
	kit_remove(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(many_conversations_are_answered_at_once),
		SIM_TEST(who_nudges_often_gets_one_turn),
		SIM_TEST(a_turn_waits_until_the_classifier_is_known),
		SIM_TEST(a_stopped_agent_leaves_its_turns_to_the_next),
		SIM_TEST(a_disk_that_fails_in_mid_turn_costs_time_and_nothing_else),
		SIM_TEST(on_a_disk_that_fails_nothing_is_sent_twice),
		SIM_TEST(a_message_that_was_not_written_is_not_acknowledged),
		SIM_TEST(a_model_whose_words_are_no_text_has_failed),
		SIM_TEST(a_late_turn_reads_no_more_than_an_early_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
