#include "conversation/head.h"

#include "base/mem.h"
#include "base/text.h"
#include "conversation/cards.h"
#include "conversation/usage.h"

#include <stdio.h>
#include <string.h>

static const char *const owners[] = { "ai", "waiting", "person", "resolved" };

const char *owner_name(enum owner o)
{
	return owners[o];
}

/* Control characters would be written as six bytes each. */
static void keep(char *out, size_t size, const char *s)
{
	size_t n = s ? text_utf8_cut(s, strlen(s), size - 1) : 0;

	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)s[i] < ' ' ? ' ' : s[i];
	out[n] = '\0';
}

#define KEEP(field, s) keep(field, sizeof(field), s)

/* The field takes the new reference over. */
static void set(json_t **at, json_t *v)
{
	json_decref(*at);
	*at = v;
}

static json_t *whole(const json_t *v, size_t max)
{
	return v && !json_is_null(v) && json_size(v) <= max ? json_incref(json_unconst(v)) : NULL;
}

/* Of a customer's record the members that fit, the first ones first. */
static json_t *record(const json_t *v)
{
	static const char *const first[] = { "id", "name", "email" };
	json_t *out, *member;
	const char *key;
	size_t left = HEAD_CUSTOMER_MAX - 2;

	if (json_size(json_object_get(v, "id")) > HEAD_ID_MAX)
		return NULL;
	out = whole(v, HEAD_CUSTOMER_MAX);
	if (out || !json_is_object(v))
		return out;
	out = json_object();
	for (size_t i = 0; i < array_len(first); i++) {
		member = json_object_get(v, first[i]);
		if (member && json_size(member) + strlen(first[i]) + 4 <= left) {
			left -= json_size(member) + strlen(first[i]) + 4;
			json_object_set(out, first[i], member);
		}
	}
	json_object_foreach (json_unconst(v), key, member) {
		/* A key may be escaped as a value is. */
		size_t n = strlen(key) * 6 + 4 + json_size(member);

		if (json_object_get(out, key) || n > left)
			continue;
		left -= n;
		json_object_set(out, key, member);
	}
	return out;
}

/* The first ones, as many as fit. */
static json_t *some_intents(const json_t *v)
{
	json_t *out = whole(v, HEAD_INTENTS_MAX);
	size_t left = HEAD_INTENTS_MAX - 2;

	if (out || !json_is_array(v))
		return out;
	out = json_array();
	for (size_t i = 0; i < json_array_size(v); i++) {
		size_t n = json_size(json_array_get(v, i)) + 1;

		if (n > left)
			break;
		left -= n;
		json_array_append(out, json_array_get(v, i));
	}
	return out;
}

void head_init(struct head *h)
{
	*h = (struct head){ .identity = "anonymous", .language = "en" };
}

void head_done(struct head *h)
{
	json_decref(h->customer);
	json_decref(h->profile);
	json_decref(h->intents);
	json_decref(h->escalation.rules);
	*h = (struct head){ 0 };
}

static void bind(struct head *h, const json_t *data)
{
	set(&h->customer, record(json_object_get(data, "customer")));
	KEEP(h->identity, h->customer ? json_str_or(data, "identity", "anonymous") : "anonymous");
	h->profile_wanted = h->customer != NULL;
}

static void said(struct head *h, const struct event *ev)
{
	const char *role = json_str(ev->data, "role");

	if (text_is(role, "ai") || text_is(role, "person"))
		h->card_asked = cards_asked(json_str_or(ev->data, "content", ""));
	if (!text_is(role, "customer"))
		return;
	h->last_customer = ev->seq;
	if (!h->open_since && h->owner != OWNER_PERSON)
		h->open_since = ev->seq;
}

static int weight(const char *kind)
{
	return text_is(kind, "handoff")    ? 3
	       : text_is(kind, "approval") ? 2
	       : text_is(kind, "review")   ? 1
					   : 0;
}

bool head_pending(const struct head *h, const char *rule)
{
	char name[sizeof(h->escalation.rule)];
	const json_t *known;
	size_t i;

	KEEP(name, rule);
	json_array_foreach (h->escalation.rules, i, known)
		if (text_is(json_string_value(known), name))
			return true;
	return false;
}

static void remember_rule(struct head *h, const char *rule)
{
	char name[sizeof(h->escalation.rule)];

	if (head_pending(h, rule) || json_array_size(h->escalation.rules) >= HEAD_RULES_MAX)
		return;
	if (!h->escalation.rules)
		h->escalation.rules = json_array();
	KEEP(name, rule);
	json_array_append_new(h->escalation.rules, json_string(name));
}

/* Several may be pending: the state shows the heaviest, the log has all. */
static void escalated(struct head *h, const struct event *ev)
{
	const char *kind = json_str_or(ev->data, "kind", "handoff");

	remember_rule(h, json_str_or(ev->data, "rule", ""));
	if (text_is(kind, "handoff") && h->owner == OWNER_AI)
		h->owner = OWNER_WAITING;
	if (h->escalation.pending && weight(kind) <= weight(h->escalation.kind))
		return;
	h->escalation.pending = true;
	h->escalation.since = ev->at;
	KEEP(h->escalation.kind, kind);
	KEEP(h->escalation.rule, json_str(ev->data, "rule"));
	KEEP(h->escalation.reason, json_str(ev->data, "reason"));
}

static void turn_ended(struct head *h, const struct event *ev)
{
	const json_t *usage = json_object_get(ev->data, "usage");

	h->turns++;
	h->turns_all++;
	h->end_before = h->last_end;
	h->last_end = ev->seq;
	h->steps += json_int(ev->data, "steps", 0);
	h->calls += json_int(ev->data, "tool_calls", 0);
	h->input_tokens += json_int(usage, "input_tokens", 0);
	h->output_tokens += json_int(usage, "output_tokens", 0);
	h->open_since = h->last_customer > json_int(ev->data, "answered", 0) ? h->last_customer : 0;
}

/* wire_recap() takes the same ones. */
static void recap(struct head *h, const struct event *ev)
{
	const json_t *usage = json_object_get(ev->data, "usage");
	int64_t upto = json_int(ev->data, "upto", 0);

	h->input_tokens += json_int(usage, "input_tokens", 0);
	h->output_tokens += json_int(usage, "output_tokens", 0);
	if (upto >= h->recap_upto && upto <= h->last_end &&
	    !text_blank(json_str_or(ev->data, "text", "")))
		h->recap_upto = upto;
}

void head_apply(struct head *h, const struct event *ev)
{
	h->seq = ev->seq;
	h->epoch = ev->epoch;
	h->updated_at = ev->at;
	h->cost += event_cost(ev);
	switch (ev->kind) {
	case EVENT_CREATED:
		h->created_at = ev->at;
		KEEP(h->channel, json_str_or(ev->data, "channel", "chat"));
		bind(h, ev->data);
		break;
	case EVENT_IDENTIFIED: bind(h, ev->data); break;
	case EVENT_PROFILE:
		set(&h->profile, whole(json_object_get(ev->data, "profile"), HEAD_PROFILE_MAX));
		h->profile_wanted = false;
		break;
	case EVENT_MESSAGE: said(h, ev); break;
	case EVENT_INTENTS:
		set(&h->intents, some_intents(json_object_get(ev->data, "intents")));
		break;
	case EVENT_RESULT:
		if (json_flag(ev->data, "ok") && json_flag(ev->data, "write") && h->customer)
			h->profile_wanted = true;
		break;
	case EVENT_ESCALATED: escalated(h, ev); break;
	case EVENT_TURN_ENDED: turn_ended(h, ev); break;
	case EVENT_RECAP: recap(h, ev); break;
	case EVENT_PART: h->card_asked |= cards_asked(json_str_or(ev->data, "content", "")); break;
	case EVENT_STEP:
	case EVENT_CALL_STARTED:
	case EVENT_KINDS: break;
	}
}

const char *head_customer_id(const struct head *h)
{
	return json_str(h->customer, "id");
}

static void put_int(struct buf *out, const char *key, int64_t v)
{
	json_write_key(out, key);
	json_write_int(out, v);
}

static void put_str(struct buf *out, const char *key, const char *v)
{
	json_write_key(out, key);
	json_write_str(out, v);
}

static void put_flag(struct buf *out, const char *key, bool v)
{
	json_write_key(out, key);
	buf_adds(out, v ? "true" : "false");
}

static void put_json(struct buf *out, const char *key, const json_t *v)
{
	json_write_key(out, key);
	if (v)
		json_write(out, v);
	else
		buf_adds(out, "null");
}

static void put_escalation(struct buf *out, const struct escalation *esc)
{
	json_write_key(out, "escalation");
	buf_adds(out, "{");
	put_flag(out, "pending", esc->pending);
	put_str(out, "kind", esc->kind);
	put_str(out, "rule", esc->rule);
	put_str(out, "reason", esc->reason);
	put_int(out, "since", esc->since);
	put_json(out, "rules", esc->rules);
	buf_adds(out, "}");
}

/* It goes to the row with each change: as text at once, without a tree. */
char *head_write(const struct head *h, struct arena *mem)
{
	struct buf out = { 0 };
	char *text;

	buf_room(&out, 1000);
	buf_adds(&out, "{");
	put_int(&out, "seq", h->seq);
	put_int(&out, "epoch", h->epoch);
	put_str(&out, "owner", owners[h->owner]);
	put_escalation(&out, &h->escalation);
	put_json(&out, "customer", h->customer);
	put_str(&out, "identity", h->identity);
	put_json(&out, "profile", h->profile);
	put_flag(&out, "profile_wanted", h->profile_wanted);
	put_json(&out, "intents", h->intents);
	put_str(&out, "channel", h->channel);
	put_str(&out, "language", h->language);
	put_int(&out, "open_since", h->open_since);
	put_int(&out, "last_customer", h->last_customer);
	put_int(&out, "turns", h->turns);
	put_int(&out, "steps", h->steps);
	put_int(&out, "calls", h->calls);
	put_int(&out, "input_tokens", h->input_tokens);
	put_int(&out, "output_tokens", h->output_tokens);
	put_int(&out, "cost", h->cost);
	put_int(&out, "turns_all", h->turns_all);
	put_int(&out, "last_end", h->last_end);
	put_int(&out, "end_before", h->end_before);
	put_int(&out, "recap_upto", h->recap_upto);
	put_flag(&out, "card_asked", h->card_asked);
	put_int(&out, "created_at", h->created_at);
	put_int(&out, "updated_at", h->updated_at);
	buf_adds(&out, "}");
	text = arena_memdup(mem, out.data, out.len);
	buf_done(&out);
	return text;
}

int head_read(struct head *h, const json_t *j, struct err *e)
{
	const json_t *esc = json_object_get(j, "escalation");
	int owner = 0;

	while (owner < (int)array_len(owners) && !text_is(owners[owner], json_str(j, "owner")))
		owner++;
	if (owner == (int)array_len(owners))
		return err_set(e, ERR_INVALID, "the conversation's row does not hold a state");
	head_init(h);
	h->seq = json_int(j, "seq", 0);
	h->epoch = json_int(j, "epoch", 0);
	h->owner = (enum owner)owner;
	h->escalation.pending = json_flag(esc, "pending");
	h->escalation.since = json_int(esc, "since", 0);
	KEEP(h->escalation.kind, json_str(esc, "kind"));
	KEEP(h->escalation.rule, json_str(esc, "rule"));
	KEEP(h->escalation.reason, json_str(esc, "reason"));
	set(&h->escalation.rules, whole(json_object_get(esc, "rules"), HEAD_RULES_MAX * 100));
	set(&h->customer, whole(json_object_get(j, "customer"), HEAD_CUSTOMER_MAX));
	KEEP(h->identity, json_str(j, "identity"));
	set(&h->profile, whole(json_object_get(j, "profile"), HEAD_PROFILE_MAX));
	h->profile_wanted = json_flag(j, "profile_wanted");
	set(&h->intents, whole(json_object_get(j, "intents"), HEAD_INTENTS_MAX));
	KEEP(h->channel, json_str(j, "channel"));
	KEEP(h->language, json_str(j, "language"));
	h->open_since = json_int(j, "open_since", 0);
	h->last_customer = json_int(j, "last_customer", 0);
	h->turns = (int)json_int(j, "turns", 0);
	h->steps = json_int(j, "steps", 0);
	h->calls = json_int(j, "calls", 0);
	h->input_tokens = json_int(j, "input_tokens", 0);
	h->output_tokens = json_int(j, "output_tokens", 0);
	h->cost = json_int(j, "cost", 0);
	h->turns_all = (int)json_int(j, "turns_all", 0);
	h->last_end = json_int(j, "last_end", 0);
	h->end_before = json_int(j, "end_before", 0);
	h->recap_upto = json_int(j, "recap_upto", 0);
	h->card_asked = json_flag(j, "card_asked");
	h->created_at = json_int(j, "created_at", 0);
	h->updated_at = json_int(j, "updated_at", 0);
	return 0;
}
