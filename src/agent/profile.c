#include "agent/turn.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define PROFILE_MAX 2048 /* bytes of JSON: it is part of the head */

/* Account facts: read by the declared tool when a customer is bound and after each write.  No step
 * of the turn; a profile that cannot be had is null, and the turn goes on without. */

struct read {
	struct turn *turn;
	const struct tool *tool;
	struct tool_result result;
};

static void run(void *arg)
{
	struct read *r = arg;
	struct caller caller = prompt_caller(r->turn);
	struct tool_call call = { .caller = &caller,
		.arguments = json_in(r->turn->mem, json_object()),
		.mem = r->turn->mem };

	r->tool->kind->run(r->tool, &call, &r->result);
}

static json_t *event_of(struct turn *t, const struct tool_result *r)
{
	size_t size = r->status == TOOL_OK
			  ? json_dumpb(r->value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY)
			  : 0;

	if (r->status == TOOL_OK && size <= PROFILE_MAX)
		return json_pack("{sO}", "profile", r->value);
	return json_pack("{sn ss}", "profile", "reason",
	    r->status == TOOL_OK
		? arena_printf(t->mem, "it has %zu bytes, more than %d", size, PROFILE_MAX)
		: r->reason);
}

int profile_refresh(struct turn *t, struct err *e)
{
	const char *name = t->agent->config.profile_tool;
	struct read r = { .turn = t,
		.tool = name ? toolbox_find(&t->agent->config.tools, name) : NULL };
	struct scope s;

	if (!turn_head(t)->profile_wanted || !r.tool)
		return 0;
	scope_open(&s, fiber_now() + r.tool->timeout_ms);
	scope_run(&s, run, &r);
	scope_join(&s);
	if (fiber_check(e) < 0)
		return -1;
	if (r.result.status != TOOL_OK)
		log_warn("conversation %s: the profile was not read: %s", conversation_id(t->c),
		    r.result.reason);
	return turn_append(t, &(struct draft){ EVENT_PROFILE, event_of(t, &r.result), NULL }, 1, e);
}
