#include "kit.h"
#include "net/fake_exchange.h"

#include "base/text.h"
#include "server/server.h"

#include <stdio.h>
#include <string.h>

/* The API, called without sockets: what it answers, to whom, and what it leaves alone. */

static struct bank ledger;

struct api {
	struct kit kit;
	struct server *server;
	struct arena *mem;
	const char *id, *token; /* of the conversation that api_open() made */
};

static const char *const demo[] = { "cust-1", "cust-2", NULL };

static void api_serve(struct api *a)
{
	struct err e = { 0 };
	const char *key;

	server_free(a->server);
	a->server = server_new(&(struct server_options){ .all = a->kit.all,
				   .agent = a->kit.agent,
				   .admin_key = "admin-key",
				   .demo = true,
				   .demo_customers = demo },
	    a->mem, &key, &e);
	CHECK(a->server != NULL);
}

static void api_open(struct api *a, struct world *w, const char *steps)
{
	ledger = (struct bank){ 0 };
	kit_open(&a->kit, w, &ledger, steps);
	a->mem = arena_new();
	a->server = NULL;
	api_serve(a);
}

/* With the kit's configuration as it is now. */
static void api_restart(struct api *a)
{
	kit_restart_agent(&a->kit);
	api_serve(a);
}

static void api_close(struct api *a)
{
	server_free(a->server);
	kit_close(&a->kit);
	kit_remove(&a->kit);
	arena_free(a->mem);
}

static struct fake_exchange *request(
    struct api *a, const char *token, const char *method, const char *target, const char *body)
{
	struct fake_exchange *f = fake_exchange_new(a->mem, method, target, body);

	if (token)
		fake_exchange_header(f, "Authorization", arena_printf(a->mem, "Bearer %s", token));
	return f;
}

static json_t *answer_of(struct api *a, struct fake_exchange *f)
{
	struct err e = { 0 };
	json_t *j = json_read_in(a->mem, fake_exchange_body(f), strlen(fake_exchange_body(f)), &e);

	CHECK(j != NULL);
	return j;
}

static json_t *call(struct api *a, const char *token, const char *method, const char *target,
    const char *body, int status)
{
	struct fake_exchange *f = request(a, token, method, target, body);

	fake_exchange_run(f, server_handle, a->server);
	CHECK_INT(f->status, status);
	return answer_of(a, f);
}

/* The error's code, checked to be the contract's object. */
static const char *refused(struct api *a, const char *token, const char *method, const char *target,
    const char *body, int status)
{
	json_t *error = json_object_get(call(a, token, method, target, body, status), "error");

	CHECK(json_str(error, "message") && *json_str(error, "message"));
	return json_str_or(error, "code", "(none)");
}

static const char *at(struct api *a, const char *rest)
{
	return arena_printf(a->mem, "/v1/conversations/%s%s", a->id, rest);
}

static void new_conversation(struct api *a, const char *body)
{
	json_t *made = call(a, NULL, "POST", "/v1/conversations", body, 201);

	a->id = json_str_or(made, "id", "");
	a->token = json_str_or(made, "token", "");
}

#define API_TEST(name_, steps_)                                                                    \
	static void name_##_body(struct api *a);                                                   \
	static void name_(struct world *w)                                                         \
	{                                                                                          \
		struct api a;                                                                      \
                                                                                                   \
		api_open(&a, w, steps_);                                                           \
		name_##_body(&a);                                                                  \
		api_close(&a);                                                                     \
	}                                                                                          \
	static void name_##_body(struct api *a)

API_TEST(a_message_gets_the_reply_of_its_turn,
    "[{\"calls\":[{\"name\":\"lookup_order\",\"arguments\":{"
    "\"a\":1}}]},{\"text\":\"It is late.\"}]")
{
	json_t *r, *turn, *tool;

	new_conversation(a, "{\"customer\":{\"id\":\"cust-1\"}}");
	r = call(a, a->token, "POST", at(a, "/messages"), "{\"content\":\"where is it?\"}", 200);
	CHECK_STR(json_str(json_object_get(r, "reply"), "content"), "It is late.");
	CHECK(json_is_null(json_object_get(json_object_get(r, "reply"), "confidence")));
	CHECK_STR(json_str(r, "owner"), "ai");
	CHECK(json_is_null(json_object_get(r, "escalation")));
	turn = json_object_get(r, "turn");
	CHECK_INT(json_int(turn, "steps", 0), 2);
	CHECK_INT(json_int(turn, "ms", 0), 1000);
	tool = json_array_get(json_object_get(turn, "tool_calls"), 0);
	CHECK_STR(json_str(tool, "name"), "lookup_order");
	CHECK(!json_object_get(tool, "arguments") &&
	      !json_object_get(tool, "result")); /* not for customers */
	turn = json_object_get(call(a, "admin-key", "GET", at(a, ""), NULL, 200), "tool_calls");
	CHECK_STR(
	    json_str(json_object_get(json_array_get(turn, 0), "result"), "tool"), "lookup_order");
	CHECK_INT(json_int(json_object_get(json_array_get(turn, 0), "arguments"), "a", 0), 1);
	CHECK_STR(json_str(json_array_get(turn, 0), "verdict"), "allow");
}

API_TEST(who_calls_decides_what_may_be_done, "[{\"text\":\"Hello.\"}]")
{
	const char *other, *others_token;

	new_conversation(a, "{}");
	other = a->id;
	others_token = a->token;
	new_conversation(a, "{}");
	CHECK_STR(refused(a, NULL, "GET", at(a, ""), NULL, 401), "unauthorized");
	CHECK_STR(refused(a, "nonsense", "GET", at(a, ""), NULL, 401), "unauthorized");
	CHECK_STR(refused(a, others_token, "GET", at(a, ""), NULL, 404), "not_found");
	CHECK_STR(refused(a, others_token, "POST", at(a, "/messages"), "{\"content\":\"x\"}", 404),
	    "not_found");
	CHECK_STR(refused(a, arena_printf(a->mem, "%sx", a->token), "GET", at(a, ""), NULL, 401),
	    "unauthorized");
	CHECK_STR(
	    refused(a, "admin-key", "GET", "/v1/conversations/c_nothere", NULL, 404), "not_found");
	CHECK_STR(
	    refused(a, NULL, "GET", "/v1/conversations/c_nothere", NULL, 401), "unauthorized");
	CHECK_STR(refused(a, a->token, "POST", at(a, "/identify"),
		      "{\"customer\":{\"id\":\"cust-9\"}}", 403),
	    "forbidden");
	CHECK_STR(refused(a, NULL, "POST", "/v1/conversations",
		      "{\"customer\":{\"id\":\"cust-9\"}}", 401),
	    "unauthorized");
	CHECK_STR(refused(a, NULL, "POST", "/v1/conversations", "{\"identity\":\"a.b.c\"}", 400),
	    "bad_request");
	call(
	    a, others_token, "GET", arena_printf(a->mem, "/v1/conversations/%s", other), NULL, 200);
}

API_TEST(a_demo_customer_is_for_this_machine_and_its_own_page, "[{\"text\":\"Hello.\"}]")
{
	const char *wanted = "{\"customer\":{\"id\":\"cust-1\"}}";
	struct fake_exchange *f = request(a, NULL, "POST", "/v1/conversations", wanted);

	f->loopback = false;
	fake_exchange_run(f, server_handle, a->server);
	CHECK_INT(f->status, 401);
	f = request(a, NULL, "POST", "/v1/conversations", wanted);
	fake_exchange_header(f, "Origin", "http://evil.example");
	fake_exchange_header(f, "Host", "127.0.0.1:8080");
	fake_exchange_run(f, server_handle, a->server);
	CHECK_INT(f->status, 401);
	f = request(a, NULL, "POST", "/v1/conversations", wanted);
	fake_exchange_header(f, "Origin", "http://127.0.0.1:8080");
	fake_exchange_header(f, "Host", "127.0.0.1:8080");
	fake_exchange_run(f, server_handle, a->server);
	CHECK_INT(f->status, 201);
	CHECK_STR(
	    refused(a, "admin-kye", "POST", "/v1/conversations", wanted, 401), "unauthorized");
	/* A stranger's page whose name was made to lead to this machine. */
	f = request(a, NULL, "POST", "/v1/conversations", wanted);
	fake_exchange_header(f, "Origin", "http://localhost.evil.example:8080");
	fake_exchange_header(f, "Host", "localhost.evil.example:8080");
	fake_exchange_run(f, server_handle, a->server);
	CHECK_INT(f->status, 401);
	f = request(a, NULL, "GET", "/v1/demo", NULL);
	fake_exchange_header(f, "Host", "evil.example");
	fake_exchange_run(f, server_handle, a->server);
	CHECK_INT(f->status, 404);
}

API_TEST(a_customers_record_has_a_limit, "[{\"text\":\"Hello.\"}]")
{
	const char *body =
	    arena_printf(a->mem, "{\"customer\":{\"id\":\"cust-7\",\"notes\":\"%02100d\"}}", 0);

	CHECK_STR(refused(a, "admin-key", "POST", "/v1/conversations", body, 422), "invalid");
	CHECK_STR(refused(a, "admin-key", "POST", "/v1/conversations",
		      "{\"customer\":{\"id\":\"cust-7\\n\"}}", 422),
	    "invalid");
	new_conversation(a, "");
	CHECK_STR(refused(a, "admin-key", "POST", at(a, "/identify"), body, 422), "invalid");
	CHECK_INT(json_int(call(a, a->token, "GET", at(a, ""), NULL, 200), "seq", 0), 1);
}

API_TEST(what_it_cost_is_for_the_company_alone,
    "[{\"calls\":[{\"name\":\"quick\"}]},{\"text\":\"A good deal of text, for some tokens.\"}]")
{
	static const struct price price = { .input = 1000000, .output = 1000000 };
	static const struct price_list list = { "scripted", &price, 1 };
	const char *what = "{\"content\":\"hello\"}";
	json_t *usage, *state;
	int64_t in, out;

	a->kit.config.prices = &list;
	a->kit.config.nprices = 1;
	api_restart(a);
	new_conversation(a, "");
	usage = json_object_get(
	    json_object_get(call(a, a->token, "POST", at(a, "/messages"), what, 200), "turn"),
	    "usage");
	CHECK(json_int(usage, "input_tokens", 0) > 0);
	CHECK(!json_object_get(usage, "cost"));
	state = call(a, a->token, "GET", at(a, ""), NULL, 200);
	CHECK(!json_object_get(state, "cost") && !json_object_get(state, "usage"));
	new_conversation(a, "");
	usage = json_object_get(
	    json_object_get(call(a, "admin-key", "POST", at(a, "/messages"), what, 200), "turn"),
	    "usage");
	in = json_int(usage, "input_tokens", 0);
	out = json_int(usage, "output_tokens", 0);
	CHECK_INT(json_int(usage, "cost", -1), in + out);
	state = call(a, "admin-key", "GET", at(a, ""), NULL, 200);
	CHECK_INT(json_int(state, "cost", -1), in + out);
	CHECK_INT(json_int(json_object_get(state, "usage"), "steps", -1), 2);
}

API_TEST(an_anonymous_conversation_is_bound_once, "[{\"text\":\"Hello.\"}]")
{
	json_t *r;

	new_conversation(a, "");
	CHECK(json_is_null(
	    json_object_get(call(a, a->token, "GET", at(a, ""), NULL, 200), "customer")));
	call(a, "admin-key", "POST", at(a, "/identify"),
	    "{\"customer\":{\"id\":\"cust-7\",\"name\":\"Eve\"}}", 200);
	r = call(a, a->token, "GET", at(a, ""), NULL, 200);
	CHECK_STR(json_str(json_object_get(r, "customer"), "name"), "Eve");
	CHECK_STR(refused(a, "admin-key", "POST", at(a, "/identify"),
		      "{\"customer\":{\"id\":\"cust-8\"}}", 409),
	    "conflict");
}

API_TEST(bad_input_is_told_and_stores_nothing, "[{\"text\":\"Hello.\"}]")
{
	char *deep = arena_alloc(a->mem, 20001), *lengthy = arena_alloc(a->mem, 21000);
	static const struct {
		const char *body;
		int status;
		const char *code;
	} table[] = {
		{ "", 400, "bad_json" },
		{ "{", 400, "bad_json" },
		{ "{\"content\":\"\xff\"}", 400, "bad_json" },
		{ "[]", 400, "bad_request" },
		{ "{}", 422, "invalid" },
		{ "{\"content\":7}", 422, "invalid" },
		{ "{\"content\":\"  \"}", 422, "invalid" },
		{ "{\"content\":\"a\\u0000b\"}", 422, "invalid" },
		{ "{\"contnet\":\"hello\"}", 422, "invalid" },
		{ "{\"content\":\"x\",\"attachments\":[]}", 400, "bad_request" },
	};

	new_conversation(a, "{}");
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		CHECK_STR(refused(a, a->token, "POST", at(a, "/messages"), table[i].body,
			      table[i].status),
		    table[i].code);
	memset(deep, '[', 10000);
	memset(deep + 10000, ']', 10000);
	CHECK_STR(refused(a, a->token, "POST", at(a, "/messages"), deep, 400), "bad_json");
	snprintf(lengthy, 21000, "{\"content\":\"%020001d\"}", 7);
	CHECK_STR(refused(a, a->token, "POST", at(a, "/messages"), lengthy, 422), "invalid");
	CHECK_STR(refused(a, a->token, "GET", at(a, "/events?after=x"), NULL, 400), "bad_request");
	CHECK_STR(refused(a, a->token, "GET", at(a, "/events?limit=0"), NULL, 400), "bad_request");
	CHECK_STR(refused(a, a->token, "PUT", at(a, "/messages"), "{}", 405), "method_not_allowed");
	CHECK_STR(refused(a, a->token, "GET", "/v1/nothing", NULL, 404), "not_found");
	CHECK_STR(refused(a, NULL, "POST", "/v1/conversations", "{\"customer\":\"cust-1\"}", 422),
	    "invalid");
	CHECK_STR(refused(a, "admin-key", "POST", "/v1/conversations", "{\"channel\":\"\"}", 422),
	    "invalid");
	CHECK_INT(json_int(call(a, a->token, "GET", at(a, ""), NULL, 200), "seq", 0), 1);
}

static struct fake_exchange *send(struct api *a, const char *key, const char *body)
{
	struct fake_exchange *f = request(a, a->token, "POST", at(a, "/messages"), body);

	fake_exchange_header(f, "Idempotency-Key", key);
	return f;
}

API_TEST(a_mistake_in_a_body_names_its_field, "[{\"text\":\"Hello.\"}]")
{
	static const struct {
		const char *body, *field;
	} table[] = { { "{\"customer\":{\"name\":\"x\"}}", "customer.id" },
		{ "{\"customer\":{\"id\":7}}", "customer.id" },
		{ "{\"chanel\":\"x\"}", "chanel" } };

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		CHECK_STR(json_str(json_object_get(call(a, "admin-key", "POST", "/v1/conversations",
						       table[i].body, 422),
				       "error"),
			      "field"),
		    table[i].field);
	new_conversation(a, "{}");
	CHECK_STR(json_str(json_object_get(
			       call(a, a->token, "POST", at(a, "/messages"), "{}", 422), "error"),
		      "field"),
	    "content");
}

API_TEST(the_same_key_does_a_thing_once,
    "[{\"calls\":[{\"name\":\"lookup_order\"}]},{\"text\":\"One.\"},{\"text\":\"Two.\"}]")
{
	struct fake_exchange *f[3];
	struct scope s;

	new_conversation(a, "{}");
	scope_open(&s, FOREVER);
	for (int i = 0; i < 3; i++) {
		f[i] = send(a, "k-1", "{\"content\":\"hello\"}");
		fake_exchange_start(f[i], &s, server_handle, a->server);
	}
	scope_join(&s);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(f[i]->status, 200);
		CHECK_STR(fake_exchange_body(f[i]), fake_exchange_body(f[0]));
	}
	f[0] = send(a, "k-1", "{\"content\":\"something else\"}");
	fake_exchange_run(f[0], server_handle, a->server);
	CHECK_INT(f[0]->status, 409);
	f[0] = send(a, "k-2", "{\"content\":\"hello\"}");
	fake_exchange_run(f[0], server_handle, a->server);
	CHECK_STR(json_str(json_object_get(answer_of(a, f[0]), "reply"), "content"), "Two.");
	CHECK_INT((int)json_array_size(json_object_get(
		      call(a, a->token, "GET", at(a, "/messages"), NULL, 200), "items")),
	    4);
	f[0] = send(a, "", "{\"content\":\"hello\"}");
	fake_exchange_run(f[0], server_handle, a->server);
	CHECK_INT(f[0]->status, 400);
}

static const char *create_with_key(struct api *a)
{
	struct fake_exchange *f =
	    request(a, "admin-key", "POST", "/v1/conversations", "{\"channel\":\"mail\"}");

	fake_exchange_header(f, "Idempotency-Key", "make-1");
	fake_exchange_run(f, server_handle, a->server);
	CHECK_INT(f->status, 201);
	return json_str_or(answer_of(a, f), "id", "(none)");
}

API_TEST(creating_twice_with_a_key_gives_one_conversation, "[{\"text\":\"Hello.\"}]")
{
	CHECK_STR(create_with_key(a), create_with_key(a));
}

API_TEST(a_key_of_a_creation_is_kept_for_thirty_days, "[{\"text\":\"Hello.\"}]")
{
	static const int64_t day = 24 * 3600 * 1000;
	const char *first = create_with_key(a), *key;
	struct err e = { 0 };

	for (int days = 29; days < 32; days += 2) {
		CHECK_OK(fiber_sleep(days == 29 ? 29 * day : 2 * day, &e), &e);
		server_free(a->server);
		a->server = server_new(
		    &(struct server_options){
			.all = a->kit.all, .agent = a->kit.agent, .admin_key = "admin-key" },
		    a->mem, &key, &e);
		CHECK_OK(fiber_sleep(1000, &e), &e);
		CHECK_INT(text_is(create_with_key(a), first), days < 30);
	}
}

API_TEST(a_stream_gives_words_as_they_come_and_the_whole_at_the_end,
    "[{\"calls\":[{\"name\":\"quick\"}]},{\"deltas\":[\"Let me see. \",\"It is blue. \",\"It costs "
    "3.50. \",\"Bye.\"],\"delta_ms\":100}]")
{
	struct fake_exchange *f;
	const char *body;

	new_conversation(a, "{}");
	f = request(a, a->token, "POST", at(a, "/messages"), "{\"content\":\"which colour?\"}");
	fake_exchange_header(f, "Accept", "text/event-stream");
	fake_exchange_run(f, server_handle, a->server);
	body = fake_exchange_body(f);
	CHECK(f->streaming);
	CHECK_HAS(body,
	    "data: {\"typing\":true}\n\n"
	    "data: {\"tools\":[{\"id\":\"t2_1_0\",\"name\":\"quick\",\"shown\":\"Looking\"}]}\n\n"
	    "data: {\"result\":{\"id\":\"t2_1_0\",\"name\":\"quick\",\"ok\":true,\"ms\":0}}\n\n"
	    "data: {\"typing\":true}\n\n"
	    "data: {\"delta\":\"Let me see. \"}\n\n"
	    "data: {\"delta\":\"It is blue. \"}\n\n"
	    "data: {\"delta\":\"It costs 3.50. \"}\n\n"
	    "data: {\"delta\":\"Bye.\"}\n\n"
	    "data: {\"message\":");
	CHECK_HAS(body, "\"done\":true");
	CHECK_HAS(body, "\"content\":\"Let me see. It is blue. It costs 3.50. Bye.\"");
}

API_TEST(a_turn_is_canceled_by_whom_it_concerns, "[{\"text\":\"Hello.\"}]")
{
	struct fake_exchange *f;

	new_conversation(a, "{}");
	f = request(a, a->token, "POST", at(a, "/cancel"), "{}");
	fake_exchange_run(f, server_handle, a->server);
	CHECK_INT(f->status, 200);
	CHECK_STR(fake_exchange_body(f), "{\"canceled\":false}");
	f = request(a, "fdc_nobody", "POST", at(a, "/cancel"), "{}");
	fake_exchange_run(f, server_handle, a->server);
	CHECK_INT(f->status, 401);
}

/* All the deltas of a stream, put together. */
static const char *deltas_of(struct api *a, const char *body)
{
	const char *all = "";
	struct err e = { 0 };

	for (const char *s = body; (s = strstr(s, "data: {\"delta\"")); s++) {
		json_t *j = json_read_in(a->mem, s + 6, strcspn(s + 6, "\n"), &e);

		all = arena_printf(a->mem, "%s%s", all, json_str_or(j, "delta", "(none)"));
	}
	return all;
}

API_TEST(who_joins_a_turn_hears_all_of_its_reply,
    "[{\"deltas\":[\"Let me see. \",\"It is \",\"now. \"],\"delta_ms\":100},{\"deltas\":[\"It is "
    "blue. "
    "\",\"Bye.\"],\"delta_ms\":100}]")
{
	struct fake_exchange *f[2];
	struct scope s;
	struct err e = { 0 };
	const char *content;

	new_conversation(a, "{}");
	scope_open(&s, FOREVER);
	for (int i = 0; i < 2; i++) {
		f[i] = request(
		    a, a->token, "POST", at(a, "/messages"), "{\"content\":\"which colour?\"}");
		fake_exchange_header(f[i], "Accept", "text/event-stream");
		fake_exchange_start(f[i], &s, server_handle, a->server);
		CHECK_OK(fiber_sleep(250, &e), &e); /* the first sentence was shown */
	}
	scope_join(&s);
	content = json_str(
	    json_array_get(
		json_object_get(call(a, a->token, "GET", at(a, "/messages"), NULL, 200), "items"),
		2),
	    "content");
	CHECK_STR(content, "Let me see. It is blue. Bye.");
	for (int i = 0; i < 2; i++)
		CHECK_STR(deltas_of(a, fake_exchange_body(f[i])), content);
}

API_TEST(a_client_that_hangs_up_changes_nothing,
    "[{\"calls\":[{\"name\":\"lookup_order\"}]},{\"text\":\"It is late.\"}]")
{
	struct fake_exchange *f;
	struct scope s;
	struct err e = { 0 };
	json_t *items;

	new_conversation(a, "{}");
	f = request(a, a->token, "POST", at(a, "/messages"), "{\"content\":\"where is it?\"}");
	scope_open(&s, FOREVER);
	fake_exchange_start(f, &s, server_handle, a->server);
	CHECK_OK(fiber_sleep(500, &e), &e);
	fake_exchange_hang_up(f);
	scope_join(&s);
	CHECK_OK(fiber_sleep(1000, &e), &e);
	items = json_object_get(call(a, a->token, "GET", at(a, "/messages"), NULL, 200), "items");
	CHECK_INT((int)json_array_size(items), 2);
	CHECK_STR(json_str(json_array_get(items, 1), "content"), "It is late.");
}

API_TEST(events_live_resume_without_loss_or_doubles,
    "[{\"calls\":[{\"name\":\"lookup_order\"}]},{\"text\":\"It is late.\"}]")
{
	struct fake_exchange *f, *g;
	struct scope s;
	struct err e = { 0 };
	json_t *items;

	new_conversation(a, "{}");
	f = request(a, a->token, "GET", at(a, "/events"), NULL);
	fake_exchange_header(f, "Accept", "text/event-stream");
	scope_open(&s, FOREVER);
	fake_exchange_start(f, &s, server_handle, a->server);
	CHECK_OK(
	    fake_exchange_wait_words(f, "id: 1\nevent: conversation.created\n", FOREVER, &e), &e);
	call(a, a->token, "POST", at(a, "/messages"), "{\"content\":\"where is it?\"}", 200);
	CHECK_OK(fake_exchange_wait_words(f, "event: turn.ended", FOREVER, &e), &e);
	CHECK_OK(fake_exchange_wait_words(f, ": still here", FOREVER, &e), &e);
	fake_exchange_hang_up(f);
	/* Who comes back after the message gets all that followed, once. */
	g = request(a, a->token, "GET", at(a, "/events?after=1"), NULL);
	fake_exchange_header(g, "Accept", "text/event-stream");
	fake_exchange_header(g, "Last-Event-ID", "2");
	fake_exchange_start(g, &s, server_handle, a->server);
	CHECK_OK(fake_exchange_wait_words(g, "event: turn.ended", FOREVER, &e), &e);
	CHECK(!strstr(fake_exchange_body(g), "id: 2\n"));
	CHECK_HAS(strstr(fake_exchange_body(f), "event: model.step"), "event: tool.result");
	CHECK(!strstr(fake_exchange_body(g), "intents.detected")); /* not for customers */
	fake_exchange_hang_up(g);
	scope_join(&s);
	items = json_object_get(
	    call(a, "admin-key", "GET", at(a, "/events?limit=1000"), NULL, 200), "items");
	for (size_t i = 0; i < json_array_size(items); i++)
		CHECK_INT(json_int(json_array_get(items, i), "seq", 0), (int)i + 1);
}

API_TEST(a_list_comes_in_pages, "[{\"text\":\"One.\"},{\"text\":\"Two.\"},{\"text\":\"Three.\"}]")
{
	json_t *page;
	int n = 0;
	int64_t next = 0;

	new_conversation(a, "{}");
	for (int i = 0; i < 3; i++)
		call(a, a->token, "POST", at(a, "/messages"), "{\"content\":\"hello\"}", 200);
	do {
		page = call(a, a->token, "GET",
		    arena_printf(
			a->mem, "%s?limit=2&after=%lld", at(a, "/messages"), (long long)next),
		    NULL, 200);
		n += (int)json_array_size(json_object_get(page, "items"));
		next = json_int(page, "next", 0);
	} while (next);
	CHECK_INT(n, 6);
}

API_TEST(async_answers_when_the_message_is_kept, "[{\"text\":\"Hello.\",\"delay_ms\":1000}]")
{
	struct fake_exchange *f;
	int64_t start = fiber_now();

	new_conversation(a, "{}");
	f = request(a, a->token, "POST", at(a, "/messages"), "{\"content\":\"hello\"}");
	fake_exchange_header(f, "Prefer", "respond-async");
	fake_exchange_run(f, server_handle, a->server);
	CHECK_INT(f->status, 202);
	CHECK_INT(json_int(json_object_get(answer_of(a, f), "message"), "seq", 0), 2);
	CHECK_INT(fiber_now() - start, 0);
	call(a, a->token, "POST", at(a, "/messages"), "{\"content\":\"hello?\"}", 200);
}

API_TEST(a_card_number_is_never_written, "[{\"text\":\"Hello.\"}]")
{
	struct arena *mem = a->mem;
	json_t *items;

	new_conversation(a, "{}");
	call(a, a->token, "POST", at(a, "/messages"),
	    "{\"content\":\"my card is 4111 1111 1111 1111, cvv 123\"}", 200);
	items = json_object_get(call(a, a->token, "GET", at(a, "/messages"), NULL, 200), "items");
	CHECK_STR(json_str(json_array_get(items, 0), "content"),
	    "my card is [card number removed], cvv [security code removed]");
	CHECK(json_flag(json_array_get(items, 0), "masked"));
	(void)mem;
}

static void nothing(struct change *c, const struct err *failed)
{
	(void)c;
	CHECK(!failed);
}

API_TEST(a_damaged_log_is_the_servers_fault_and_not_the_callers, "[{\"text\":\"Hello.\"}]")
{
	struct change *c = change_new(NULL, nothing, NULL);
	struct err e;

	change_add(c,
	    "INSERT INTO conversations (id, seq, epoch, owner, open_since, head, created_at, "
	    "updated_at) VALUES ('c_damaged', 1, 0, 'ai', 0, '{', 0, 0)",
	    NULL, 0, 1, ERR_IO, "");
	store_submit(a->kit.store, c);
	CHECK_OK(fiber_sleep(100, &e), &e);
	CHECK_STR(
	    refused(a, "admin-key", "GET", "/v1/conversations/c_damaged", NULL, 500), "internal");
}

API_TEST(readiness_says_what_is_missing, "[{\"text\":\"Hello.\"}]")
{
	call(a, NULL, "GET", "/healthz", NULL, 200);
	call(a, NULL, "GET", "/readyz", NULL, 200);
	server_stopping(a->server);
	CHECK_HAS(json_string_value(json_array_get(
		      json_object_get(call(a, NULL, "GET", "/readyz", NULL, 503), "reasons"), 0)),
	    "stops");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(a_message_gets_the_reply_of_its_turn),
		SIM_TEST(who_calls_decides_what_may_be_done),
		SIM_TEST(a_demo_customer_is_for_this_machine_and_its_own_page),
		SIM_TEST(a_customers_record_has_a_limit),
		SIM_TEST(what_it_cost_is_for_the_company_alone),
		SIM_TEST(an_anonymous_conversation_is_bound_once),
		SIM_TEST(bad_input_is_told_and_stores_nothing),
		SIM_TEST(a_mistake_in_a_body_names_its_field),
		SIM_TEST(the_same_key_does_a_thing_once),
		SIM_TEST(creating_twice_with_a_key_gives_one_conversation),
		SIM_TEST(a_key_of_a_creation_is_kept_for_thirty_days),
		SIM_TEST(a_turn_is_canceled_by_whom_it_concerns),
		SIM_TEST(a_stream_gives_words_as_they_come_and_the_whole_at_the_end),
		SIM_TEST(who_joins_a_turn_hears_all_of_its_reply),
		SIM_TEST(a_client_that_hangs_up_changes_nothing),
		SIM_TEST(events_live_resume_without_loss_or_doubles),
		SIM_TEST(a_list_comes_in_pages),
		SIM_TEST(async_answers_when_the_message_is_kept),
		SIM_TEST(a_card_number_is_never_written),
		SIM_TEST(a_damaged_log_is_the_servers_fault_and_not_the_callers),
		SIM_TEST(readiness_says_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
