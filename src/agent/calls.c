#include "agent/turn.h"

#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/schema.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Calls: checked when they are proposed, written down, then run.
 *
 * What a call may not do is found when the model proposes it and stands in the log as `refused`;
 * its result is that reason, so the model reads what was wrong and may do better.  Reads run
 * together, up to limits.parallel; a write is a barrier, all before it end first, and it runs
 * alone. Each call has its own deadline and each result its own event, written when it is there. */

#define RESULT_MAX     65536 /* bytes of JSON that a model is given to read */
#define ARGUMENTS_MAX  65536 /* bytes of JSON that it may give */
#define TOOL_NAME_MAX  64
#define ROOM_FOR_TURNS 25 /* per cent of all fibers that no call takes */
#define ESCALATE       "escalate_to_human"

/* Proposing. */

static const char *text_of(struct turn *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static const char *text_of(struct turn *t, const char *fmt, ...)
{
	va_list ap;
	const char *s;

	va_start(ap, fmt);
	s = arena_vprintf(t->mem, fmt, ap);
	va_end(ap);
	return s;
}

static const char *names_of_tools(struct turn *t)
{
	const struct toolbox *box = &t->agent->config.tools;
	const char *s = "";

	for (int i = 0; i < box->n; i++)
		s = text_of(t, "%s%s%s", s, i ? ", " : "", box->tools[i].name);
	return s;
}

static const char person_asked[] =
    "a person has been asked for: until they answer nothing may be changed";

static bool same_call(const struct turn_call *c, const struct model_call *call)
{
	return c->state == CALL_DONE && !c->limit && text_is(c->name, call->name) &&
	       json_equal(c->arguments, call->arguments);
}

static bool same_result(const struct turn_call *a, const struct turn_call *b)
{
	return a->ok == b->ok &&
	       (a->ok ? json_equal(a->value, b->value) : text_is(a->reason, b->reason));
}

/* How often this call was made in the turn with one and the same result. */
static int times_alike(const struct turn_log *log, const struct model_call *call)
{
	int most = 0;

	for (int i = 0; i < log->ncalls; i++) {
		int n = 0;

		if (!same_call(&log->calls[i], call))
			continue;
		for (int k = i; k < log->ncalls; k++)
			n += same_call(&log->calls[k], call) &&
			     same_result(&log->calls[i], &log->calls[k]);
		if (n > most)
			most = n;
	}
	return most;
}

/* The limits of a turn; NULL: within them. */
static const char *limit_reached(struct turn *t, const struct model_call *call, int nth)
{
	const struct limits *l = &t->agent->config.limits;

	if (turn_log(t)->ncalls + nth >= l->tool_calls)
		return text_of(t,
		    "the limit of %d calls in a turn is reached: answer with what there is",
		    l->tool_calls);
	if (l->identical_calls && times_alike(turn_log(t), call) >= l->identical_calls)
		return text_of(t,
		    "it was called %d times with these arguments, and each time the result was the "
		    "same: go on with what there is",
		    l->identical_calls);
	return NULL;
}

/* Why this call must not run; NULL: it may. */
static const char *refusal(struct turn *t, const struct model_answer *answer,
    const struct model_call *call, const struct tool *tool)
{
	const struct agent_config *cf = &t->agent->config;
	struct err e;

	if (answer->stop == MODEL_CUT)
		return "the call was cut off before it was complete: make it again, shorter";
	if (!tool)
		return text_of(
		    t, "there is no tool with this name: there are %s", names_of_tools(t));
	if (!call->arguments)
		return text_of(
		    t, "the arguments are no JSON object of at most %d bytes", ARGUMENTS_MAX);
	if (!schema_check_brief(t->agent->schemas[tool - cf->tools.tools], call->arguments, &e))
		return text_of(t, "the arguments are not as the tool wants them: %s", e.msg);
	if (prompt_caller(t).identity < tool->identity)
		return tool->identity == IDENTITY_VERIFIED
			   ? "it is not known who the customer is: this needs a customer who has "
			     "signed in"
			   : "it needs a customer whose e-mail address is confirmed";
	if (tool->effect == EFFECT_WRITE && turn_head(t)->owner != OWNER_AI)
		return person_asked;
	return NULL;
}

/* Design rule 3: the same message, tool and arguments are the same act, whatever the model calls
 * it. */
static const char *key_of(struct turn *t, const char *tool, const json_t *arguments)
{
	const char *text = text_of(t, "%s\n%lld\n%s\n%s", conversation_id(t->c),
	    (long long)turn_log(t)->trigger, tool, json_canonical(t->mem, arguments));
	unsigned char hash[DIGEST_SIZE];
	char hex[33];

	digest_of(text, strlen(text), hash);
	text_hex(hex, hash, 16);
	return text_of(t, "fd_%s", hex);
}

/* As the log keeps it: no tool has a longer name, and no call needs longer arguments. */
static struct model_call kept(struct turn *t, const struct model_call *call)
{
	const char *name = call->name ? call->name : "";

	return (struct model_call){ .id = call->id,
		.name =
		    arena_strndup(t->mem, name, text_utf8_cut(name, strlen(name), TOOL_NAME_MAX)),
		.arguments = call->arguments && json_size(call->arguments) <= ARGUMENTS_MAX
				 ? call->arguments
				 : NULL };
}

static json_t *propose(struct turn *t, const struct model_answer *answer, int nth)
{
	const struct model_call own = kept(t, &answer->calls[nth]), *call = &own;
	const struct tool *tool = toolbox_find(&t->agent->config.tools, call->name);
	bool write = tool && tool->effect == EFFECT_WRITE;
	const char *limit = limit_reached(t, call, nth),
		   *refused = limit ? limit : refusal(t, answer, call, tool);
	json_t *out = json_pack("{ss ss sO ss ss}", "id",
	    text_of(t, "%s_%d_%d", t->id, turn_log(t)->steps + 1, nth), "name", call->name,
	    "arguments", call->arguments ? call->arguments : json_in(t->mem, json_object()),
	    "effect", write ? "write" : "read", "shown",
	    tool ? tool->shown : "Looking something up");

	if (!out)
		bug("call %d of the model is not UTF-8", nth);
	if (limit)
		json_object_set_new(out, "limit", json_true());
	if (refused)
		json_put_str(out, "refused", refused);
	else if (write)
		json_put_str(out, "key", key_of(t, tool->name, call->arguments));
	return out;
}

json_t *calls_propose(struct turn *t, const struct model_answer *answer)
{
	json_t *list = json_array();

	for (int i = 0; i < answer->ncalls; i++)
		json_array_append_new(list, propose(t, answer, i));
	return list;
}

/* Results. */

static json_t *result_event(const struct turn_call *call, int64_t ms)
{
	return json_pack("{ss ss sb sb sI}", "call", call->id, "name", call->name, "ok", 0, "write",
	    (int)call->write, "ms", (json_int_t)ms);
}

static json_t *failed_event(struct turn *t, const struct turn_call *call, const char *reason,
    bool retry, bool unknown, int64_t ms)
{
	json_t *data = result_event(call, ms);

	json_put_str(data, "reason",
	    text_of(t, "Tool %s failed: %s%s", call->name, reason,
		retry ? " (trying again may help)" : ""));
	if (retry)
		json_object_set_new(data, "retry", json_true());
	if (unknown)
		json_object_set_new(data, "unknown", json_true());
	log_debug("turn %s of %s: %s failed: %s", t->id, conversation_id(t->c), call->name, reason);
	return data;
}

static int append_failed(struct turn *t, const struct turn_call *call, const char *reason,
    bool retry, int64_t ms, struct err *e)
{
	json_t *data = failed_event(t, call, reason, retry, false, ms);

	return turn_append(t, &(struct draft){ EVENT_RESULT, data, NULL }, 1, e);
}

/* Nobody knows whether it was done: that and the call for a person are one change. */
static int append_unknown(
    struct turn *t, const struct turn_call *call, const char *reason, int64_t ms, struct err *e)
{
	struct draft d[] = { { EVENT_RESULT, failed_event(t, call, reason, false, true, ms), NULL },
		{ EVENT_ESCALATED,
		    escalation_event(t, "handoff", "outcome_unknown",
			text_of(t, "it is not known whether %s was done", call->name), NULL),
		    NULL } };

	return turn_append(t, d, array_len(d), e);
}

static int append_ok(
    struct turn *t, const struct turn_call *call, const json_t *value, int64_t ms, struct err *e)
{
	json_t *data;
	size_t size = json_size(value);

	if (size > RESULT_MAX && !call->write)
		return append_failed(t, call,
		    text_of(
			t, "it answered %zu bytes, more than %d: ask for less", size, RESULT_MAX),
		    false, ms, e);
	data = result_event(call, ms);
	json_object_set_new(data, "ok", json_true());
	json_object_set(data, "result",
	    size > RESULT_MAX
		? json_in(t->mem, json_string("done; the answer was too long to read"))
		: json_unconst(value));
	return turn_append(t, &(struct draft){ EVENT_RESULT, data, NULL }, 1, e);
}

static int append_result(struct turn *t, const struct turn_call *call, const struct tool_result *r,
    int64_t ms, struct err *e)
{
	if (r->status == TOOL_OK)
		return append_ok(t, call, r->value, ms, e);
	return r->status == TOOL_UNKNOWN ? append_unknown(t, call, r->reason, ms, e)
					 : append_failed(t, call, r->reason, r->retry, ms, e);
}

/* Running. */

struct job {
	struct turn *turn;
	struct turn_call call; /* a copy: the log's own moves */
	const struct tool *tool;
	bool again;
	struct semaphore *slots;
	struct tool_result result;
	int64_t ms;
	int outcome;
	struct err err;
};

static void run_tool(void *arg)
{
	struct job *j = arg;
	struct caller caller = prompt_caller(j->turn);
	struct tool_call call = { .caller = &caller,
		.arguments = j->call.arguments,
		.key = j->call.key,
		.again = j->again,
		.mem = j->turn->mem };

	j->tool->kind->run(j->tool, &call, &j->result);
}

/* Under a deadline of the call's own. */
static void run_within(struct job *j, void (*open)(struct scope *, int64_t))
{
	int64_t start = fiber_now();
	struct scope s;

	open(&s, start + j->tool->timeout_ms);
	scope_run(&s, run_tool, j);
	scope_join(&s);
	j->ms = fiber_now() - start;
}

static void read_job(void *arg)
{
	struct job *j = arg;

	j->outcome = semaphore_take(j->slots, FOREVER, &j->err);
	if (j->outcome < 0)
		return;
	run_within(j, scope_open);
	semaphore_give(j->slots);
	j->outcome = fiber_check(&j->err); /* cut short from outside: that is no result */
	if (j->outcome == 0)
		j->outcome = append_result(j->turn, &j->call, &j->result, j->ms, &j->err);
}

static struct job job_for(struct turn *t, const struct turn_call *call, struct semaphore *slots)
{
	return (struct job){ .turn = t,
		.call = *call,
		.tool = toolbox_find(&t->agent->config.tools, call->name),
		.slots = slots };
}

/* Calls from..upto of the log are reads: all at once, or, where the process has no room for more
 * fibers, in this one behind each other.  Each fiber writes its own job and nothing else. */
static int run_reads(struct turn *t, int from, int upto, struct err *e)
{
	struct job *jobs = arena_array(t->mem, struct job, upto - from);
	struct semaphore slots;
	struct scope s;
	int n = 0;

	semaphore_init(&slots, t->agent->config.limits.parallel);
	for (int i = from; i < upto; i++)
		if (turn_log(t)->calls[i].state != CALL_DONE)
			jobs[n++] = job_for(t, &turn_log(t)->calls[i], &slots);
	scope_open(&s, FOREVER);
	for (int i = 0; i < n; i++)
		if (fiber_room(ROOM_FOR_TURNS))
			scope_go(&s, read_job, &jobs[i]);
		else
			read_job(&jobs[i]);
	scope_join(&s);
	for (int i = 0; i < n; i++)
		if (jobs[i].outcome < 0) {
			*e = jobs[i].err;
			return -1;
		}
	return 0;
}

/* A write that may not be repeated leaves a mark before it is sent: if we die meanwhile, the mark
 * without a result says that nobody knows. */
static int mark_started(struct turn *t, const struct turn_call *call, struct err *e)
{
	if (turn_append(t,
		&(struct draft){ EVENT_CALL_STARTED, json_pack("{ss}", "call", call->id), NULL }, 1,
		e) < 0)
		return -1;
	return conversation_settle(t->c, turn_head(t)->seq, e);
}

/* Once begun it is out of reach of cancelling, until its own deadline. */
static int run_write(struct turn *t, const struct turn_call *call, bool again, struct err *e)
{
	struct job j = job_for(t, call, NULL);
	const struct turn_call *same = turn_log_key(turn_log(t), call->key);

	if (call->state == CALL_STARTED)
		return append_unknown(t, call,
		    "the server stopped while it was under way; it may have been done", 0, e);
	if (same && same->ok)
		return append_ok(t, call, same->value, 0, e);
	if (same)
		return turn_append(t,
		    &(struct draft){ EVENT_RESULT,
			failed_event(t, call,
			    "the same call was made before and its outcome is not known", false,
			    true, 0),
			NULL },
		    1, e);
	if (conversation_settle(t->c, turn_head(t)->seq, e) < 0 ||
	    (!j.tool->repeatable && mark_started(t, call, e) < 0))
		return -1;
	turn_pause(t, "write-begins");
	j.again = again;
	run_within(&j, scope_open_shielded);
	turn_pause(t, "write-done");
	return append_result(t, &j.call, &j.result, j.ms, e);
}

/* escalate_to_human is the agent's own: an event and its result in one change. */
static int run_escalate(struct turn *t, const struct turn_call *call, struct err *e)
{
	bool already = turn_head(t)->owner != OWNER_AI;
	const char *reason = json_str(call->arguments, "reason");
	struct draft d[2];
	json_t *data = result_event(call, 0);
	int n = 0;

	if (!already)
		d[n++] = (struct draft){ EVENT_ESCALATED,
			escalation_event(t, "handoff", "asked",
			    reason && !text_blank(reason) ? reason
							  : "the assistant asked for a person",
			    json_str(call->arguments, "summary")),
			NULL };
	json_object_set_new(data, "ok", json_true());
	json_object_set_new(data, "result",
	    json_pack("{ss}", "status",
		already ? "a person has been asked for already" : "a person has been asked for"));
	d[n++] = (struct draft){ EVENT_RESULT, data, NULL };
	return turn_append(t, d, n, e);
}

static bool is_read(const struct turn_call *call)
{
	return !call->write && !call->refused && strcmp(call->name, ESCALATE) != 0;
}

/* What was there when we took the turn up may have been sent before: it is run to its end, with its
 * key, also when a person has been asked for between its proposal and now. */
static bool was_there(struct turn *t, const struct turn_call *call)
{
	return call - turn_log(t)->calls < t->before;
}

static int run_alone(struct turn *t, const struct turn_call *call, struct err *e)
{
	bool again = was_there(t, call);
	struct turn_call copy = *call;

	if (copy.state == CALL_DONE)
		return 0;
	if (copy.refused)
		return append_failed(t, &copy, copy.refused, false, 0, e);
	if (!strcmp(copy.name, ESCALATE))
		return run_escalate(t, &copy, e);
	if (!again && turn_head(t)->owner != OWNER_AI)
		return append_failed(t, &copy, person_asked, false, 0, e);
	return run_write(t, &copy, again, e);
}

/* Does the tool still exist?  The configuration may have changed between two starts. */
static int refuse_gone(struct turn *t, struct err *e)
{
	static const char gone[] = "the tool does not exist any more";

	for (int i = 0; i < turn_log(t)->ncalls; i++) {
		struct turn_call call = turn_log(t)->calls[i];

		if (call.state == CALL_DONE || call.refused ||
		    toolbox_find(&t->agent->config.tools, call.name))
			continue;
		if (call.state == CALL_STARTED ? append_unknown(t, &call, gone, 0, e) < 0
					       : append_failed(t, &call, gone, false, 0, e) < 0)
			return -1;
	}
	return 0;
}

int calls_run(struct turn *t, struct err *e)
{
	int i = 0, upto;

	if (refuse_gone(t, e) < 0)
		return -1;
	while (i < turn_log(t)->ncalls) {
		for (upto = i; upto < turn_log(t)->ncalls && is_read(&turn_log(t)->calls[upto]);)
			upto++;
		if (upto > i ? run_reads(t, i, upto, e) < 0
			     : run_alone(t, &turn_log(t)->calls[upto++], e) < 0)
			return -1;
		i = upto;
	}
	return 0;
}
