#include "server/route.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

#define EVENTS_MAX 5000 /* a state shows the messages and calls of so many, the newest */

/* This machine, by a name that nobody else can point at it. */
static bool names_loopback(const char *host)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };

	for (size_t i = 0; i < array_len(names); i++) {
		size_t n = strlen(names[i]);

		if (!strncasecmp(host, names[i], n) && (host[n] == '\0' || host[n] == ':'))
			return true;
	}
	return false;
}

/* Is it the demo's own page that asks, or a program on this machine?  A page from elsewhere, open
 * in the same browser, is neither, even where its name was made to lead here. */
static bool in_demo(const struct request *r)
{
	const char *origin = http_header(r->x, "Origin"), *host = http_header(r->x, "Host"), *name;

	if (!r->server->o.demo || !r->x->loopback || (host && !names_loopback(host)))
		return false;
	name = origin ? strstr(origin, "://") : NULL;
	return !origin || text_is(name ? name + 3 : NULL, host);
}

static bool is_demo(const struct request *r, const char *id)
{
	if (!in_demo(r))
		return false;
	for (const char *const *d = r->server->o.demo_customers; d && *d; d++)
		if (text_is(*d, id))
			return true;
	return false;
}

/* A customer of the demo, as their own shop describes them. */
static json_t *demo_customer(struct request *r, const char *id)
{
	struct err e;
	const json_t *profile = agent_profile(r->server->o.agent, id, r->mem, &e);
	json_t *named = json_pack("{ss}", "id", id);

	json_put_str(named, "name", json_str(profile, "name"));
	json_put_str(named, "email", json_str(profile, "email"));
	return named;
}

static json_t *refuse_customer(struct request *r)
{
	bool known = http_header(r->x, "Authorization") != NULL;

	answer_error(r, known ? 403 : 401, known ? "forbidden" : "unauthorized", "customer",
	    "customer: only a caller with an API key may say who the customer is");
	return NULL;
}

/* The customer of the body, as the log keeps it; NULL: none was named.  *refused: answered. */
static json_t *customer_of(struct request *r, bool *refused)
{
	json_t *customer = json_object_get(r->body, "customer");
	const char *id = json_str(customer, "id");

	*refused = true;
	if (json_object_get(r->body, "identity")) {
		answer_error(r, 400, "bad_request", "identity",
		    "identity: not available yet; name the customer with an API key");
		return NULL;
	}
	if (json_dumpb(customer, NULL, 0, JSON_COMPACT) > HEAD_CUSTOMER_MAX) {
		answer_error(r, 422, "invalid", "customer",
		    "customer: the record has more than %d bytes; what changes belongs into the "
		    "profile tool",
		    HEAD_CUSTOMER_MAX);
		return NULL;
	}
	/* A key that is not known is a mistake, also where none is needed. */
	if (customer && !r->viewer && http_header(r->x, "Authorization") &&
	    !auth_check(r, ACCESS_ADMIN))
		return NULL;
	if (customer && !auth_key(r) && !is_demo(r, id))
		return refuse_customer(r);
	*refused = false;
	return !customer ? NULL : auth_key(r) ? json_deep_copy(customer) : demo_customer(r, id);
}

static json_t *created_event(struct request *r, json_t *customer)
{
	static const char *const kept[] = { "channel", "external_id", "subject" };
	json_t *data = json_pack("{ss}", "identity", customer ? "verified" : "anonymous");

	if (customer)
		json_object_set_new(data, "customer", customer);
	for (size_t i = 0; i < array_len(kept); i++)
		json_put_str(data, kept[i], json_str(r->body, kept[i]));
	return data;
}

static json_t *customer_view(const struct head *h, unsigned viewer)
{
	if (!h->customer)
		return json_null();
	if (viewer != SEEN_BY_CUSTOMER)
		return json_pack("{ss sO ss so}", "id", json_str_or(h->customer, "id", ""),
		    "record", h->customer, "identity", h->identity, "profile",
		    h->profile ? json_incref(h->profile) : json_null());
	return json_pack("{ss ss?}", "id", json_str_or(h->customer, "id", ""), "name",
	    json_str(h->customer, "name"));
}

static void answer_created(struct request *r, struct conversation *c)
{
	const struct head *h = conversation_head(c);

	answer_json(r, 201,
	    json_pack("{ss ss ss so so}", "id", conversation_id(c), "token",
		auth_token(r->server, r->mem, conversation_id(c)), "owner", owner_name(h->owner),
		"customer", customer_view(h, SEEN_BY_CUSTOMER), "created_at",
		answer_time(h->created_at)));
}

/* An API key's requests may carry an Idempotency-Key; a visitor's may not reach another's
 * conversation by one. */
static struct conversation *create_once(struct request *r, json_t *customer)
{
	const char *known = NULL;
	struct conversation *c;
	struct err e = { 0 };
	int64_t seq = 0;

	if (auth_key(r) && !key_begin(r, auth_key_scope(r), &known, &seq)) {
		json_decref(customer);
		return NULL;
	}
	if (seq) {
		json_decref(customer);
		c = conversation_open(r->server->o.all, known, &e);
	} else {
		c = conversation_create(
		    r->server->o.all, created_event(r, customer), r->key.key ? &r->key : NULL, &e);
	}
	if (c && conversation_settle(c, 1, &e) < 0) {
		conversation_close(c);
		c = NULL;
	}
	key_done(r);
	if (!c)
		answer_err(r, &e);
	return c;
}

void post_conversation(struct request *r)
{
	struct conversation *c;
	json_t *customer;
	bool refused;

	if (!r->x->body_len)
		r->body = json_in(r->mem,
		    json_object()); /* an anonymous visitor has nothing to say about themselves */
	else if (!body_read(r, r->server->create_schema))
		return;
	customer = customer_of(r, &refused);
	if (refused)
		return;
	c = create_once(r, customer);
	if (!c)
		return;
	answer_created(r, c);
	conversation_close(c);
}

void post_identify(struct request *r)
{
	const char *known;
	json_t *customer;
	struct err e = { 0 };
	bool refused;
	int64_t seq;

	if (!body_read(r, r->server->identify_schema))
		return;
	customer = customer_of(r, &refused);
	if (refused)
		return;
	if (!customer) {
		answer_error(r, 422, "invalid", "customer", "customer: say who the customer is");
		return;
	}
	if (!key_begin(r, r->id, &known, &seq)) {
		json_decref(customer);
		return;
	}
	if (!seq && conversation_head(r->c)->customer) {
		json_decref(customer);
		key_done(r);
		answer_error(r, 409, "conflict", "customer",
		    "the conversation has a customer already; that is decided once");
		return;
	}
	if (seq)
		json_decref(customer);
	else
		seq = conversation_append(r->c,
		    &(struct draft){ EVENT_IDENTIFIED,
			json_pack("{so ss}", "customer", customer, "identity", "verified"), NULL },
		    1, r->key.key ? &r->key : NULL, &e);
	if (seq < 0 || conversation_settle(r->c, seq, &e) < 0)
		answer_err(r, &e);
	else
		answer_json(r, 200,
		    json_pack("{ss so}", "id", r->id, "customer",
			customer_view(conversation_head(r->c), r->viewer)));
	key_done(r);
}

static json_t *said(const struct event *events, int n)
{
	json_t *list = json_array();

	for (int i = 0; i < n; i++)
		if (events[i].kind == EVENT_MESSAGE)
			json_array_append_new(list, said_json(&events[i]));
	return list;
}

void get_conversation(struct request *r)
{
	const struct head *h = conversation_head(r->c);
	int64_t before = h->seq > EVENTS_MAX ? h->seq - EVENTS_MAX : 0;
	const struct event *events;
	struct err e;
	json_t *state;
	int n;

	if (conversation_settle(r->c, h->seq, &e) < 0 ||
	    conversation_events(r->c, before, EVENTS_MAX, r->mem, &events, &n, &e) < 0) {
		answer_err(r, &e);
		return;
	}
	h = conversation_head(r->c);
	state = json_pack("{ss so ss so so so sn ss sI so so}", "id", r->id, "customer",
	    customer_view(h, r->viewer), "owner", owner_name(h->owner), "escalation",
	    escalation_json(h, r->viewer), "messages", said(events, n), "tool_calls",
	    turn_calls(events, n, r->viewer), "confidence", "language", h->language, "seq",
	    (json_int_t)h->seq, "created_at", answer_time(h->created_at), "updated_at",
	    answer_time(h->updated_at));
	if (r->viewer != SEEN_BY_CUSTOMER) {
		json_object_set_new(
		    state, "intents", h->intents ? json_incref(h->intents) : json_array());
		json_object_set_new(state, "usage",
		    json_pack("{sI sI sI sI}", "steps", (json_int_t)h->steps, "tool_calls",
			(json_int_t)h->calls, "input_tokens", (json_int_t)h->input_tokens,
			"output_tokens", (json_int_t)h->output_tokens));
		json_object_set_new(state, "cost", json_integer(h->cost));
	}
	answer_json(r, 200, state);
}

void get_demo(struct request *r)
{
	json_t *items;

	if (!in_demo(r)) {
		answer_error(r, 404, "not_found", NULL,
		    "there are no demo customers: serve was not told --demo, or you are not on "
		    "this machine");
		return;
	}
	items = json_array();
	for (const char *const *d = r->server->o.demo_customers; d && *d; d++) {
		struct err e;
		const json_t *profile = agent_profile(r->server->o.agent, *d, r->mem, &e);
		json_t *item = json_pack("{ss}", "id", *d);

		json_put_str(item, "name", json_str(profile, "name"));
		json_put_str(item, "tier", json_str(profile, "tier"));
		json_array_append_new(items, item);
	}
	answer_json(r, 200, json_pack("{so sn}", "items", items, "next"));
}
