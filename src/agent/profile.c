#include "agent/turn.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

/* Account facts: read by the declared tool when a customer is bound and after each write.  No step
 * of the turn; a profile that cannot be had is null, and the turn goes on without. */

struct read {
	const struct tool *tool;
	struct tool_call call;
	struct tool_result result;
};

static void run(void *arg)
{
	struct read *r = arg;

	r->tool->kind->run(r->tool, &r->call, &r->result);
}

/* Under the tool's own deadline. */
static struct tool_result read_profile(
    const struct tool *tool, const struct caller *caller, struct arena *mem)
{
	struct read r = { .tool = tool,
		.call = {
		    .caller = caller, .arguments = json_in(mem, json_object()), .mem = mem } };
	struct scope s;

	scope_open(&s, fiber_now() + tool->timeout_ms);
	scope_run(&s, run, &r);
	scope_join(&s);
	return r.result;
}

static const struct tool *declared(const struct agent *a)
{
	return a->config.profile_tool ? toolbox_find(&a->config.tools, a->config.profile_tool)
				      : NULL;
}

const json_t *agent_profile(
    struct agent *a, const char *customer_id, struct arena *mem, struct err *e)
{
	const struct tool *tool = declared(a);
	struct caller caller = { .customer_id = customer_id,
		.identity = IDENTITY_VERIFIED,
		.customer = json_in(mem, json_pack("{ss}", "id", customer_id)) };
	struct tool_result r;

	if (!tool) {
		err_set(e, ERR_NOT_FOUND, "no profile tool is declared");
		return NULL;
	}
	r = read_profile(tool, &caller, mem);
	if (r.status == TOOL_OK && json_is_object(r.value))
		return r.value;
	err_set(e, r.status == TOOL_OK ? ERR_NOT_FOUND : ERR_IO, "%s",
	    r.status == TOOL_OK ? "there is no such customer" : r.reason);
	return NULL;
}

static json_t *event_of(struct turn *t, const struct tool_result *r)
{
	size_t size = r->status == TOOL_OK ? json_size(r->value) : 0;

	if (r->status == TOOL_OK && size <= HEAD_PROFILE_MAX)
		return json_pack("{sO}", "profile", r->value);
	return json_pack("{sn ss}", "profile", "reason",
	    r->status == TOOL_OK
		? arena_printf(t->mem, "it has %zu bytes, more than %d", size, HEAD_PROFILE_MAX)
		: r->reason);
}

int profile_refresh(struct turn *t, struct err *e)
{
	const struct tool *tool = declared(t->agent);
	struct caller caller = prompt_caller(t);
	struct tool_result r;

	if (!turn_head(t)->profile_wanted || !tool)
		return 0;
	r = read_profile(tool, &caller, t->mem);
	if (fiber_check(e) < 0)
		return -1;
	if (r.status != TOOL_OK)
		log_warn("conversation %s: the profile was not read: %s", conversation_id(t->c),
		    r.reason);
	return turn_append(t, &(struct draft){ EVENT_PROFILE, event_of(t, &r), NULL }, 1, e);
}
