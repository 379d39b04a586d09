#include "agent/turn.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#include <string.h>

/* The request for one step.  Instructions and tools are the same bytes every time; what changes
 * (state, time) travels apart, for the dialect to put with the last customer message. */

static void add_message(struct buf *out, const struct wire_message *m, int64_t trigger)
{
	if (m->role != WIRE_CUSTOMER || m->seq < trigger)
		return;
	if (out->len)
		buf_adds(out, "\n");
	buf_adds(out, m->text);
}

const char *prompt_message(struct turn *t)
{
	struct wire *w = conversation_wire(t->c);
	int64_t trigger = turn_log(t)->trigger;
	struct buf out = { 0 };
	const struct wire_message *tail;
	const char *text;
	int first = wire_len(w), n;

	while (first > 0 && wire_at(w, first - 1)->seq >= trigger)
		first--;
	for (int i = first; i < wire_len(w); i++)
		add_message(&out, wire_at(w, i), trigger);
	tail = wire_tail(w, t->mem, &n);
	for (int i = 0; i < n; i++)
		add_message(&out, &tail[i], trigger);
	text = arena_strdup(t->mem, buf_str(&out));
	buf_done(&out);
	return text;
}

struct caller prompt_caller(struct turn *t)
{
	const struct head *h = turn_head(t);

	return (struct caller){ .customer_id = head_customer_id(h)
						   ? arena_strdup(t->mem, head_customer_id(h))
						   : NULL,
		.identity = text_is(h->identity, "verified") ? IDENTITY_VERIFIED
			    : text_is(h->identity, "email")  ? IDENTITY_EMAIL
							     : IDENTITY_ANONYMOUS,
		.customer = h->customer ? json_in(t->mem, json_incref(h->customer)) : NULL,
		.conversation = conversation_id(t->c) };
}

static json_t *or_null(json_t *j)
{
	return j ? json_incref(j) : json_null();
}

/* The heaviest that is pending, and the rules of all. */
static json_t *escalation(const struct head *h)
{
	if (!h->escalation.pending)
		return json_null();
	return json_pack("{ss ss ss so}", "kind", h->escalation.kind, "rule", h->escalation.rule,
	    "reason", h->escalation.reason, "rules", or_null(h->escalation.rules));
}

/* What must be known whatever a recap left out.  The time is that of the turn's beginning: each
 * step would break the provider's cache otherwise. */
static const json_t *state(struct turn *t)
{
	const struct head *h = turn_head(t);
	char now[TEXT_TIME_SIZE];

	if (t->state && t->state_of == h->seq)
		return t->state;
	t->state_of = h->seq;
	t->state = json_in(t->mem,
	    json_pack("{so so ss so ss ss}", "customer", or_null(h->customer), "profile",
		or_null(h->profile), "owner", owner_name(h->owner), "escalation", escalation(h),
		"now", text_time(now, turn_log(t)->started_at), "language", h->language));
	return t->state;
}

size_t prompt_weight(struct turn *t)
{
	return t->agent->standing_bytes + wire_weight(conversation_wire(t->c)) +
	       json_size(state(t));
}

static const struct model_done *done(struct turn *t, int *n)
{
	const struct turn_log *log = turn_log(t);
	struct model_done *out = arena_array(t->mem, struct model_done, log->ncalls);

	for (*n = 0; *n < log->ncalls; (*n)++) {
		const struct turn_call *c = &log->calls[*n];

		out[*n] = (struct model_done){ .name = c->name,
			.by = c->by,
			.arguments = c->arguments,
			.ok = c->ok,
			.unknown = c->unknown,
			.value = c->value,
			.reason = c->reason };
	}
	return out;
}

static const struct model_intent *intents(struct turn *t, int *n)
{
	const json_t *list = turn_head(t)->intents;
	struct model_intent *out = arena_array(t->mem, struct model_intent, json_array_size(list));

	for (*n = 0; *n < (int)json_array_size(list); (*n)++) {
		const json_t *i = json_array_get(list, (size_t)*n);

		out[*n] = (struct model_intent){ arena_strdup(t->mem, json_str_or(i, "name", "")),
			json_num(i, "p", 0) };
	}
	return out;
}

/* Behind the customer's newest message that is closed. */
static int state_after(const struct wire *w)
{
	int n = wire_len(w);

	while (n > 0 && wire_at(w, n - 1)->role != WIRE_CUSTOMER)
		n--;
	return n;
}

void prompt_build(struct turn *t, bool final, struct model_request *out)
{
	const struct agent_config *cf = &t->agent->config;

	*out = (struct model_request){ .instructions = cf->instructions,
		.tools = t->agent->model_tools,
		.ntools = cf->tools.n,
		.history = conversation_wire(t->c),
		.state_after = state_after(conversation_wire(t->c)),
		.message = prompt_message(t),
		.opaque = turn_log(t)->carry,
		.state = state(t),
		.final = final,
		.conversation = conversation_id(t->c),
		.step = turn_head(t)->steps + turn_log(t)->steps,
		.answer_tokens = cf->limits.answer_tokens };
	out->intents = intents(t, &out->nintents);
	out->done = done(t, &out->ndone);
}
