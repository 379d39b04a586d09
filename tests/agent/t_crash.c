#include "kit.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The process dies at any moment of a turn and another takes over its folder.  Whatever the moment:
 * the message that was acknowledged is answered once, what the bank does once per key it did once,
 * and what the bank cannot do safely twice was done at most once, and if in doubt a person is
 * asked. */

static const char refund_turn[] =
    "[{\"calls\":[{\"name\":\"lookup_order\"},{\"name\":\"check_policy\"}],\"delay_ms\":200},"
    "{\"calls\":[{\"name\":\"refund\",\"arguments\":{\"order_id\":\"7\"}},{\"name\":\"quick\"}],"
    "\"delay_ms\":200},"
    "{\"text\":\"Refunded.\",\"delay_ms\":200}]";
static const char wire_turn[] =
    "[{\"calls\":[{\"name\":\"lookup_order\"}],\"delay_ms\":200},"
    "{\"calls\":[{\"name\":\"wire\",\"arguments\":{\"order_id\":\"7\"}}],\"delay_ms\":200},"
    "{\"text\":\"Sent.\",\"delay_ms\":200}]";
static const char streamed_turn[] =
    "[{\"deltas\":[\"Let me see. \",\"It is blue. \",\"And round. \",\"Bye.\"],\"delta_ms\":400}]";

static const char unwatched_turn[] = /* the reader does not come back after the crash */
    "[{\"deltas\":[\"Let me see. \",\"It is blue. \",\"And round. \",\"Bye.\"],\"delta_ms\":400}]";

static struct bank ledger;
static struct kit kit;
static const char *script;
static int64_t crash_at;
static bool crashed_early, acknowledged, following, following_after;
static char id[WORLD_ID_SIZE];

static void crash_later(void *arg)
{
	struct err e;

	(void)arg;
	if (fiber_sleep(crash_at, &e) == 0)
		world_crash(check_world());
}

static void until_the_crash(void *arg)
{
	struct scope s;
	struct conversation *c;
	struct err e = { 0 };
	int64_t seq;

	(void)arg;
	world_sim_jitter(check_world(), 20);
	kit_open(&kit, check_world(), &ledger, script);
	c = kit_conversation(&kit);
	strcpy(id, conversation_id(c));
	if (following)
		conversation_follow(c, true);
	scope_open(&s, FOREVER);
	scope_go(&s, crash_later, NULL);
	acknowledged = agent_message(kit.agent, c, "refund it", NULL, &seq, &e) == 0;
	while (acknowledged && conversation_wait(c, conversation_committed(c), FOREVER, &e) == 0)
		;
	scope_join(&s);
	crashed_early = !acknowledged;
	if (following)
		conversation_unfollow(c, true);
	conversation_close(c);
	kit_close(&kit);
}

static int after_parts, after_start; /* did the crashes hit where it matters? */

/* What was shown stands, in order, in the message that closes the turn. */
static void check_parts(const struct event *events, int n, const char *content)
{
	int64_t shown = -1, said = -1; /* the runs of the model */

	if (!following)
		return;
	for (int i = 0; i < n; i++) {
		const char *part = json_str_or(events[i].data, "content", "");

		if (events[i].kind == EVENT_STEP)
			said = json_int(events[i].data, "run", 0);
		if (events[i].kind != EVENT_PART)
			continue;
		after_parts++;
		shown = json_int(events[i].data, "run", 0);
		if (!CHECK(content && text_starts(content, part)))
			return;
		content += strlen(part);
		content += *content == '\n';
	}
	if (shown >= 0 && said != shown) /* the second model call said it all again */
		CHECK_STR(content, "Let me see. It is blue. And round. Bye.");
}

/* Every call has one result, and the customer one answer. */
static void check_log(struct conversation *c, struct arena *mem)
{
	int n, answers = 0, results = 0, calls = 0;
	const struct event *events = kit_events(&kit, mem, c, &n);
	const char *content = NULL;
	struct head again;

	head_init(&again);
	for (int i = 0; i < n; i++) {
		CHECK_INT(events[i].seq, i + 1);
		answers += events[i].kind == EVENT_MESSAGE &&
			   text_is(json_str(events[i].data, "role"), "ai");
		if (events[i].kind == EVENT_MESSAGE)
			content = json_str(events[i].data, "content");
		after_start += json_flag(events[i].data, "unknown");
		results += events[i].kind == EVENT_RESULT;
		calls += (int)json_array_size(json_object_get(events[i].data, "calls"));
		head_apply(&again, &events[i]);
	}
	CHECK_INT(answers, 1);
	CHECK_INT(results, calls);
	check_parts(events, n, content);
	/* The row's state is the fold of the log. */
	CHECK_STR(head_write(conversation_head(c), mem), head_write(&again, mem));
	head_done(&again);
}

static void after_the_crash(void *arg)
{
	struct arena *mem = arena_new();
	struct conversation *c;
	struct err e = { 0 };

	(void)arg;
	kit_reopen(&kit, check_world());
	CHECK_OK(agent_resume(kit.agent, &e), &e);
	c = conversation_open(kit.all, id, &e);
	if (!c) {
		CHECK(crashed_early);
		CHECK_INT(e.code, ERR_NOT_FOUND);
	} else if (!conversation_head(c)->last_customer) {
		CHECK(crashed_early);
		conversation_close(c);
	} else {
		if (following_after)
			conversation_follow(c, true);
		kit_wait(&kit, c);
		if (following_after)
			conversation_unfollow(c, true);
		check_log(c, mem);
		if (script == refund_turn)
			CHECK_INT(bank_times(&ledger, "refund"), 1);
		if (script == wire_turn && kit_count(&kit, c, EVENT_ESCALATED))
			CHECK(bank_times(&ledger, "wire") <= 1);
		else if (script == wire_turn)
			CHECK_INT(bank_times(&ledger, "wire"), 1);
		conversation_close(c);
	}
	kit_close(&kit);
	kit_remove(&kit);
	arena_free(mem);
}

/* One crash at each of so many moments; the seeds differ too. */
static void crash_everywhere(const char *steps, bool follow, int moments, int64_t length_ms)
{
	script = steps;
	following = follow;
	following_after = follow && steps != unwatched_turn;
	for (int i = 0; i < moments; i++) {
		ledger = (struct bank){ 0 };
		crash_at = length_ms * i / moments;
		check_in_sim_seed(check_seed() + (uint64_t)i, until_the_crash, NULL);
		check_in_sim_seed(check_seed() + (uint64_t)i + 1000, after_the_crash, NULL);
	}
}

static void a_refund_is_made_once_whenever_the_process_dies(void **state)
{
	(void)state;
	crash_everywhere(refund_turn, false, 120, 2600);
}

static void what_may_not_be_repeated_is_not_and_a_person_is_asked(void **state)
{
	(void)state;
	crash_everywhere(wire_turn, false, 80, 2400);
	assert_true(after_start > 5);
}

static void what_was_shown_stays_said_whenever_the_process_dies(void **state)
{
	(void)state;
	crash_everywhere(streamed_turn, true, 60, 2000);
	assert_int_equal(after_parts > 20, kit_streams());
}

static void it_stays_said_also_when_nobody_reads_along_any_more(void **state)
{
	(void)state;
	after_parts = 0;
	crash_everywhere(unwatched_turn, true, 60, 2000);
	assert_int_equal(after_parts > 20, kit_streams());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refund_is_made_once_whenever_the_process_dies),
		cmocka_unit_test(what_may_not_be_repeated_is_not_and_a_person_is_asked),
		cmocka_unit_test(what_was_shown_stays_said_whenever_the_process_dies),
		cmocka_unit_test(it_stays_said_also_when_nobody_reads_along_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
