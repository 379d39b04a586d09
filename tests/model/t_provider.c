#include "rig.h"

#include "net/raw_server.h"

#include <time.h>

/* What comes back from providers: answers, faults, and what is neither.  (What a body says is the
 * readers' own test.) */

#define HOST "127.0.0.1:8000"

/* Answers. */

static const char openai_stream[] =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"It is bl\"}}]}\n\n"
    ": ping\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ue, \xc3\xa4h.\"}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":50,\"completion_tokens\":7,"
    "\"prompt_tokens_details\":{\"cached_tokens\":40}}}\n\n"
    "data: [DONE]\n\n";

static const char anthropic_calls[] =
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":["
    "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s=\"},"
    "{\"type\":\"text\",\"text\":\"Looking.\"},"
    "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"order\",\"input\":{\"id\":\"FW-1\"}},"
    "{\"type\":\"tool_use\",\"id\":\"toolu_2\",\"name\":\"unheard_of\",\"input\":{}}],"
    "\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":90,"
    "\"cache_creation_input_tokens\":5,\"output_tokens\":20}}";

static int answered(struct rig *r, const struct rig_reply *reply)
{
	if (!r->seq)
		rig_event(r, CUSTOMER("hi"));
	return rig_ask(r, reply, 1);
}

RIG_TEST(a_stream_is_shown_as_it_comes_and_counted, API_OPENAI, HOST, "qwen3")
{
	CHECK_OK(answered(r,
		     &(struct rig_reply){
			 .status = 200, .body = openai_stream, .drip = 3, .drip_ms = 5 }),
	    &r->e);
	CHECK_STR(r->out.text, "It is blue, \xc3\xa4h.");
	CHECK_STR(buf_str(&r->shown), r->out.text);
	CHECK_INT(r->out.stop, MODEL_DONE);
	CHECK_INT(r->out.ncalls, 0);
	CHECK_INT(r->out.usage.input_tokens, 50);
	CHECK_INT(r->out.usage.cache_read_tokens, 40);
	CHECK_INT(r->out.usage.output_tokens, 7);
}

RIG_TEST(calls_come_with_what_goes_back, API_ANTHROPIC, HOST, "m")
{
	r->p.stream = false;
	CHECK_OK(answered(r, &(struct rig_reply){ .status = 200, .body = anthropic_calls }), &r->e);
	CHECK_INT(r->out.stop, MODEL_CALLS);
	CHECK_STR(r->out.text, "Looking.");
	if (!CHECK_INT(r->out.ncalls, 2))
		return;
	CHECK_STR(r->out.calls[0].name, "order");
	CHECK_STR(json_text(r->mem, r->out.calls[0].arguments), "{\"id\":\"FW-1\"}");
	CHECK_STR(r->out.calls[1].name, "unheard_of");
	CHECK_STR(json_text(r->mem, r->out.opaque),
	    "[\"{\\\"type\\\":\\\"thinking\\\",\\\"thinking\\\":\\\"hm\\\",\\\"signature\\\":\\\"s="
	    "\\\"}\",8,null,null]");
	CHECK_INT(r->out.usage.input_tokens, 105);
	CHECK_INT(r->out.usage.cache_read_tokens, 90);
	CHECK_INT(r->out.usage.cache_write_tokens, 5);
}

static const char *chat(struct rig *r, const char *message, const char *finish)
{
	return arena_printf(r->mem,
	    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",%s},\"finish_reason\":%"
	    "s}]}",
	    message, finish);
}

#define CALL(arguments)                                                                            \
	"\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{"      \
	"\"name\":\"order\",\"arguments\":\"{}\"}},{\"id\":\"b\",\"type\":\"function\","           \
	"\"function\":{\"name\":\"order\",\"arguments\":\"" arguments "\"}}]"

RIG_TEST(a_call_that_is_not_whole_has_no_arguments, API_OPENAI, HOST, "qwen3")
{
	CHECK_OK(answered(r, &(struct rig_reply){ .status = 200,
				 .body = chat(r, CALL("{\\\"id\\\":\\\"F"), "\"tool_calls\"") }),
	    &r->e);
	CHECK_INT(r->out.stop, MODEL_CALLS);
	if (!CHECK_INT(r->out.ncalls, 2))
		return;
	CHECK(r->out.calls[0].arguments);
	CHECK(!r->out.calls[1].arguments);
	CHECK_OK(answered(r, &(struct rig_reply){ .status = 200,
				 .body = chat(r, CALL("{}"), "\"length\"") }),
	    &r->e);
	CHECK_INT(r->out.stop, MODEL_CUT);
}

RIG_TEST(nothing_said_is_an_answer, API_OPENAI, HOST, "qwen3")
{
	CHECK_OK(answered(r, &(struct rig_reply){ .status = 200,
				 .body = chat(r, "\"content\":null", "\"stop\"") }),
	    &r->e);
	CHECK_STR(r->out.text, "");
	CHECK_INT(r->out.ncalls, 0);
	CHECK_INT(r->out.stop, MODEL_DONE);
}

/* Faults. */

#define HOUR 3600000

/* Over a limit, and no word of when that ends. */
static int64_t wait_unsaid(int status, const char *body, enum model_fault fault)
{
	return fault == MODEL_FAULT_BUSY && (status == 429 || strstr(body, ":429")) ? HOUR : -1;
}

static void fails(struct rig *r, const struct rig_reply *reply, enum model_fault fault,
    int64_t retry_ms, const char *words)
{
	CHECK_INT(answered(r, reply), -1);
	CHECK_INT(r->out.fault, fault);
	CHECK_INT(r->out.retry_ms, retry_ms);
	CHECK_HAS(r->e.msg, words);
	CHECK(!strstr(r->e.msg, "test-key"));
	CHECK(!strstr(r->e.msg, "Be kind"));
}

#define ANTHROPIC_ERROR(type)                                                                      \
	"{\"type\":\"error\",\"error\":{\"type\":\"" type                                          \
	"\",\"message\":\"secret words\"},\"request_id\":\"req_1\"}"
#define OPENAI_ERROR(type, code)                                                                   \
	"{\"error\":{\"message\":\"secret words\",\"type\":\"" type                                \
	"\",\"param\":null,\"code\":" code "}}"

RIG_TEST(errors_of_anthropic_mean_this, API_ANTHROPIC, "api.anthropic.com", "claude-sonnet-5-5")
{
	static const struct {
		int status;
		const char *type;
		enum model_fault fault;
		enum err_code code;
	} errors[] = {
		{ 400, "invalid_request_error", MODEL_FAULT_REQUEST, ERR_INVALID },
		{ 401, "authentication_error", MODEL_FAULT_ACCOUNT, ERR_DENIED },
		{ 402, "billing_error", MODEL_FAULT_ACCOUNT, ERR_DENIED },
		{ 403, "permission_error", MODEL_FAULT_ACCOUNT, ERR_DENIED },
		{ 404, "not_found_error", MODEL_FAULT_REQUEST, ERR_INVALID },
		{ 409, "conflict_error", MODEL_FAULT_NETWORK, ERR_IO },
		{ 413, "request_too_large", MODEL_FAULT_REQUEST, ERR_INVALID },
		{ 429, "rate_limit_error", MODEL_FAULT_BUSY, ERR_IO },
		{ 500, "api_error", MODEL_FAULT_NETWORK, ERR_IO },
		{ 504, "timeout_error", MODEL_FAULT_NETWORK, ERR_IO },
		{ 529, "overloaded_error", MODEL_FAULT_BUSY, ERR_IO },
		{ 200, "overloaded_error", MODEL_FAULT_BUSY, ERR_IO }, /* in the stream */
		{ 200, "invalid_request_error", MODEL_FAULT_REQUEST, ERR_INVALID },
		{ 200, "never_heard_of", MODEL_FAULT_NETWORK, ERR_IO },
	};

	for (size_t i = 0; i < array_len(errors); i++) {
		const char *body = arena_printf(r->mem,
		    "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"secret words\"}}",
		    errors[i].type);

		if (errors[i].status == 200)
			body = arena_printf(r->mem, "event: error\ndata: %s\n\n", body);
		fails(r,
		    &(struct rig_reply){ .status = errors[i].status,
			.fields = { "request-id", "req_011 <b>" },
			.body = body },
		    errors[i].fault, wait_unsaid(errors[i].status, body, errors[i].fault),
		    arena_printf(r->mem, "api.anthropic.com answered %d %s", errors[i].status,
			errors[i].type));
		CHECK_INT(r->e.code, errors[i].code);
		CHECK_HAS(r->e.msg, "(request req_011??b?)");
		CHECK(!strstr(r->e.msg, "secret"));
	}
}

RIG_TEST(errors_of_others_mean_this, API_OPENAI, HOST, "qwen3")
{
	static const struct {
		int status;
		const char *body;
		enum model_fault fault;
	} errors[] = {
		{ 429, OPENAI_ERROR("insufficient_quota", "\"insufficient_quota\""),
		    MODEL_FAULT_ACCOUNT },
		{ 429, OPENAI_ERROR("requests", "\"rate_limit_exceeded\""), MODEL_FAULT_BUSY },
		{ 429, "", MODEL_FAULT_BUSY },
		{ 400, OPENAI_ERROR("invalid_request_error", "\"context_length_exceeded\""),
		    MODEL_FAULT_CONTEXT },
		{ 400,
		    "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available "
		    "context "
		    "size\",\"type\":\"exceed_context_size_error\",\"n_prompt_tokens\":9000,"
		    "\"n_ctx\":4096}}",
		    MODEL_FAULT_CONTEXT },
		{ 400,
		    "{\"object\":\"error\",\"message\":\"This model's maximum context length is "
		    "4096 "
		    "tokens.\",\"type\":\"BadRequestError\",\"code\":400}",
		    MODEL_FAULT_CONTEXT },
		{ 400, OPENAI_ERROR("invalid_request_error", "\"tool_use_failed\""),
		    MODEL_FAULT_NETWORK },
		{ 400, OPENAI_ERROR("invalid_request_error", "\"content_filter\""),
		    MODEL_FAULT_REFUSED },
		{ 422, "{\"detail\":[]}", MODEL_FAULT_REQUEST },
		{ 408, "", MODEL_FAULT_NETWORK },
		{ 503,
		    "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":"
		    "\"unavailable_error\"}}",
		    MODEL_FAULT_BUSY },
		{ 502, "<html><h1>Bad Gateway</h1></html>", MODEL_FAULT_NETWORK },
		{ 301, "", MODEL_FAULT_REQUEST },
		{ 200, "data: {\"error\":{\"code\":429,\"message\":\"slow down\"}}\n\n",
		    MODEL_FAULT_BUSY },
		{ 200,
		    "data: {\"error\":{\"code\":502,\"message\":\"upstream\"},\"choices\":[]}\n\n",
		    MODEL_FAULT_NETWORK },
	};

	for (size_t i = 0; i < array_len(errors); i++)
		fails(r, &(struct rig_reply){ .status = errors[i].status, .body = errors[i].body },
		    errors[i].fault, wait_unsaid(errors[i].status, errors[i].body, errors[i].fault),
		    arena_printf(r->mem, "127.0.0.1 answered %d", errors[i].status));
}

RIG_TEST(what_a_provider_says_twice_is_said_once, API_OPENAI, HOST, "qwen3")
{
	fails(r,
	    &(struct rig_reply){
		.status = 404, .body = OPENAI_ERROR("not_found_error", "\"not_found_error\"") },
	    MODEL_FAULT_REQUEST, -1, "127.0.0.1 answered 404 not_found_error");
	CHECK(!strstr(r->e.msg, "not_found_error not_found_error"));
	fails(r,
	    &(struct rig_reply){ .status = 503, .body = OPENAI_ERROR("unavailable_error", "503") },
	    MODEL_FAULT_BUSY, -1, "127.0.0.1 answered 503 unavailable_error");
	CHECK(!strstr(r->e.msg, "unavailable_error 503"));
}

RIG_TEST(a_spend_limit_is_nothing_to_wait_for, API_ANTHROPIC, "api.anthropic.com", "m")
{
	fails(r,
	    &(struct rig_reply){ .status = 429,
		.body = "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":"
			"\"x\",\"details\":{\"error_code\":\"enforced_spend_limit_reached\"}}}" },
	    MODEL_FAULT_ACCOUNT, -1, "429 rate_limit_error enforced_spend_limit_reached");
	fails(r,
	    &(struct rig_reply){ .status = 400,
		.body = "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
			"\"message\":\"prompt is too long: 210000 tokens > 200000 maximum\"}}" },
	    MODEL_FAULT_CONTEXT, -1, "400 invalid_request_error");
}

RIG_TEST(the_provider_says_when_to_come_back, API_OPENAI, HOST, "qwen3")
{
	char date[64];
	time_t later = (time_t)(world_time(r->p.world) / 1000) + 20;
	struct tm tm;
	int64_t want = (int64_t)later * 1000 - world_time(r->p.world);

	gmtime_r(&later, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	const struct {
		const char *name, *value;
		int64_t ms;
	} fields[] = { { "retry-after", "7", 7000 }, { "Retry-After", "0.5", 500 },
		{ "retry-after-ms", "1500", 1500 }, { "retry-after", date, want },
		{ "retry-after", "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
		{ "retry-after", "soon", HOUR }, { "retry-after", "-3", HOUR },
		{ "retry-after", "1e99", HOUR }, { "retry-after", "nan", HOUR },
		{ "x-should-retry", "true", -1 } };

	for (size_t i = 0; i < array_len(fields); i++)
		fails(r,
		    &(struct rig_reply){
			.status = 429, .fields = { fields[i].name, fields[i].value }, .body = "" },
		    MODEL_FAULT_BUSY, fields[i].ms, "429");
	fails(r,
	    &(struct rig_reply){
		.status = 500, .fields = { "x-should-retry", "false" }, .body = "" },
	    MODEL_FAULT_REQUEST, -1, "500");
	fails(r,
	    &(struct rig_reply){
		.status = 400, .fields = { "x-should-retry", "true" }, .body = "" },
	    MODEL_FAULT_BUSY, -1, "400");
}

RIG_TEST(who_declines_has_said_nothing, API_ANTHROPIC, "api.anthropic.com", "m")
{
	r->p.stream = false;
	fails(r,
	    &(struct rig_reply){ .status = 200,
		.body = "{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","
			"\"content\":[{\"type\":\"text\",\"text\":\"I wi\"}],\"stop_reason\":"
			"\"refusal\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}" },
	    MODEL_FAULT_REFUSED, -1, "declined to answer (refusal)");
	fails(r,
	    &(struct rig_reply){ .status = 200,
		.body =
		    "{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","
		    "\"content\":[],\"stop_reason\":\"model_context_window_exceeded\",\"usage\":"
		    "{\"input_tokens\":1,\"output_tokens\":1}}" },
	    MODEL_FAULT_CONTEXT, -1, "too long");
}

RIG_TEST(who_filters_has_said_nothing, API_OPENAI, HOST, "m")
{
	fails(r,
	    &(struct rig_reply){
		.status = 200, .body = chat(r, "\"content\":\"I wi\"", "\"content_filter\"") },
	    MODEL_FAULT_REFUSED, -1, "declined to answer (content_filter)");
	fails(r,
	    &(struct rig_reply){ .status = 200,
		.body = chat(r, "\"content\":null,\"refusal\":\"I cannot.\"", "\"stop\"") },
	    MODEL_FAULT_REFUSED, -1, "declined");
}

/* What is neither an answer nor an error. */

RIG_TEST(an_answer_that_ends_too_soon_is_none, API_OPENAI, HOST, "m")
{
	fails(r, &(struct rig_reply){ .status = 200, .body = openai_stream, .n = 200, .cut = true },
	    MODEL_FAULT_NETWORK, -1, "127.0.0.1:8000: the connection was cut off in the middle");
	fails(r, &(struct rig_reply){ .status = 200, .body = openai_stream, .n = 200 },
	    MODEL_FAULT_NETWORK, -1, "ended before it was complete");
	fails(r, &(struct rig_reply){ .status = 200, .body = "" }, MODEL_FAULT_NETWORK, -1, "");
	fails(r, &(struct rig_reply){ .status = 200, .body = "<html>Sign in</html>" },
	    MODEL_FAULT_NETWORK, -1, "");
	fails(r, &(struct rig_reply){ .status = 200, .body = "{\"choices\":[{\"mess" },
	    MODEL_FAULT_NETWORK, -1, "");
	fails(r, &(struct rig_reply){ .status = 0 }, MODEL_FAULT_NETWORK, -1, "connection refused");
}

RIG_TEST(behind_its_end_nothing_is_waited_for, API_OPENAI, HOST, "m")
{
	int64_t start = fiber_now();

	CHECK_OK(answered(r, &(struct rig_reply){ .status = 200,
				 .body = arena_printf(r->mem, "%s: still here\n\n", openai_stream),
				 .drip = (int)strlen(openai_stream),
				 .drip_ms = 1000 }),
	    &r->e);
	CHECK_INT(fiber_now() - start, 1000);
}

RIG_TEST(too_slow_is_no_answer, API_OPENAI, HOST, "m")
{
	int64_t start = fiber_now();

	r->p.first_byte_ms = 2000;
	r->p.silence_ms = 3000;
	fails(r, &(struct rig_reply){ .status = 200, .body = openai_stream, .head_ms = 60000 },
	    MODEL_FAULT_NETWORK, -1, "no answer came within 2000 ms");
	CHECK_INT(fiber_now() - start, 2000);
	start = fiber_now();
	fails(r,
	    &(struct rig_reply){
		.status = 200, .body = openai_stream, .drip = 200, .drip_ms = 4000 },
	    MODEL_FAULT_NETWORK, -1, "nothing came for 3000 ms");
	CHECK_INT(fiber_now() - start, 3000);
	/* pings are a sign of life */
	start = fiber_now();
	CHECK_OK(answered(r, &(struct rig_reply){ .status = 200,
				 .body = arena_printf(
				     r->mem, ": ping\n\n: ping\n\n: ping\n\n%s", openai_stream),
				 .drip = 8,
				 .drip_ms = 2000 }),
	    &r->e);
}

RIG_TEST(what_never_ends_is_ended, API_OPENAI, HOST, "m")
{
	/* more than 16 MiB of text, of one line, and of pings, which the turn's time ends */
	fails(r,
	    &(struct rig_reply){ .status = 200,
		.body =
		    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"aaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}]}\n\n",
		.repeat = 200000 },
	    MODEL_FAULT_NETWORK, -1, "");
	fails(r,
	    &(struct rig_reply){
		.status = 200, .body = arena_printf(r->mem, "%0*d", 1 << 20, 7), .repeat = 24 },
	    MODEL_FAULT_NETWORK, -1, "");
}

static void ask_under_deadline(void *arg)
{
	struct rig *r = arg;

	CHECK_INT(answered(r,
		      &(struct rig_reply){
			  .status = 200, .body = ": ping\n\n", .drip_ms = 1000, .repeat = 1000 }),
	    -1);
	CHECK_INT(r->e.code, ERR_TIMEOUT);
}

RIG_TEST(a_deadline_ends_what_pings_for_ever, API_OPENAI, HOST, "m")
{
	struct scope s;
	int64_t start = fiber_now();

	scope_open(&s, start + 5500);
	scope_run(&s, ask_under_deadline, r);
	scope_join(&s);
	CHECK_INT(fiber_now() - start, 5500);
}

RIG_TEST(whoever_reads_along_may_stop_it, API_OPENAI, HOST, "m")
{
	r->unwanted = true;
	CHECK_INT(answered(r, &(struct rig_reply){ .status = 200, .body = openai_stream }), -1);
	CHECK_INT(r->e.code, ERR_CONFLICT);
	CHECK_STR(r->e.msg, "nobody wants it");
	CHECK_INT(r->out.fault, MODEL_FAULT_NONE);
}

RIG_TEST(a_failure_is_paid_for_too, API_ANTHROPIC, "api.anthropic.com", "m")
{
	CHECK_INT(answered(r,
		      &(struct rig_reply){ .status = 200,
			  .body = "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\","
				  "\"content\":[],\"usage\":{\"input_tokens\":70,\"output_tokens\":"
				  "1}}}\n\n" }),
	    -1);
	CHECK_INT(r->out.fault, MODEL_FAULT_NETWORK);
	CHECK_INT(r->out.usage.input_tokens, 70);
}

/* Over sockets. */

static void it_works_over_sockets_too(struct world *w)
{
	const char *body = openai_stream;
	char head[200], *whole = mem_alloc(strlen(body) + 200);
	struct raw_answer answer = { .bytes = whole, .then = RAW_KEEPS };
	struct raw *server;
	struct rig r;

	snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
	    "chunked\r\n\r\n%zx\r\n",
	    strlen(body));
	sprintf(whole, "%s%s\r\n0\r\n\r\n", head, body);
	server = raw_open(&answer, 1);
	rig_open(&r, w, API_OPENAI, HOST, "qwen3");
	r.p.base_url = arena_printf(r.mem, "http://127.0.0.1:%d/v1", raw_port(server));
	rig_event(&r, CUSTOMER("hi"));
	for (int i = 0; i < 3; i++) {
		CHECK_OK(rig_ask(&r, &rig_busy, 1), &r.e);
		CHECK_STR(r.out.text, "It is blue, \xc3\xa4h.");
		CHECK_STR(buf_str(&r.shown), r.out.text);
	}
	CHECK_INT(raw_asked(server), 3);
	CHECK_INT(raw_accepted(server), 1); /* one connection will do */
	CHECK_HAS(raw_last(server), "POST /v1/chat/completions HTTP/1.1\r\n");
	CHECK_HAS(raw_last(server), "\r\n\r\n{\"model\":\"m\",\"max_tokens\":100,");
	rig_close(&r);
	raw_close(server);
	free(whole);
}

/* Where it goes. */

RIG_TEST(a_query_stays_behind_the_path_and_fields_are_added, API_OPENAI, HOST, "m")
{
	const struct http_field fields[] = { { "x-team", "support" } };

	r->p.base_url = "https://x.openai.azure.com/openai/deployments/d/?api-version=2026-01-01";
	r->p.auth = AUTH_API_KEY;
	r->p.fields = fields;
	r->p.nfields = 1;
	rig_event(r, CUSTOMER("hi"));
	rig_body(r);
	CHECK_STR(r->url[0], "https://x.openai.azure.com/openai/deployments/d/chat/completions"
			     "?api-version=2026-01-01");
	CHECK_HAS(r->head[0], "api-key: test-key\nx-team: support\n");
	r->p.auth = AUTH_NONE;
	rig_body(r);
	CHECK(!strstr(r->head[0], "test-key"));
	CHECK_HAS(r->e.msg, "x.openai.azure.com answered 529");
}

RIG_TEST(what_a_model_may_think_is_counted_with_what_it_may_cost, API_ANTHROPIC,
    "api.anthropic.com", "claude-sonnet-5-5")
{
	static const struct {
		const char *said;
		int tokens;
	} rows[] = { { "{}", 8192 }, { "{\"thinking\":\"disabled\"}", 0 },
		{ "{\"thinking\":4000,\"thinking_tokens\":100}", 4000 },
		{ "{\"thinking_tokens\":100}", 100 } };

	rig_event(r, CUSTOMER("hi"));
	for (size_t i = 0; i < array_len(rows); i++) {
		capabilities_default(
		    &r->can, API_ANTHROPIC, "api.anthropic.com", "claude-sonnet-5-5");
		capabilities_read(&r->can, json_read_own(r->mem, rows[i].said));
		rig_model(r);
		CHECK_INT(r->model->more_tokens, rows[i].tokens);
		CHECK_HAS(
		    rig_body(r), arena_printf(r->mem, "\"max_tokens\":%d,", 100 + rows[i].tokens));
	}
}

static void hosts_and_models_have_their_defaults(void **state)
{
	static const struct {
		enum model_api api;
		const char *host, *model, *token_field, *effort_with_tools;
		bool cache_control, cache_key, system_in_history, alternate, replay, usage,
		    short_ids;
	} rows[] = {
		{ API_ANTHROPIC, "api.anthropic.com", "claude-sonnet-5-5", "max_tokens", NULL, 1, 0,
		    1, 0, 1, 0, 0 },
		{ API_ANTHROPIC, "api.anthropic.com", "claude-haiku-4-5", "max_tokens", NULL, 1, 0,
		    0, 0, 1, 0, 0 },
		{ API_ANTHROPIC, "127.0.0.1", "qwen3", "max_tokens", NULL, 0, 0, 0, 1, 1, 0, 0 },
		{ API_OPENAI, "api.openai.com", "gpt-6-luna", "max_completion_tokens", "none", 0, 1,
		    1, 0, 0, 1, 0 },
		{ API_OPENAI, "api.openai.com", "gpt-4.1", "max_completion_tokens", NULL, 0, 1, 1,
		    0, 0, 1, 0 },
		{ API_OPENAI, "x.openai.azure.com", "d", "max_completion_tokens", NULL, 0, 0, 1, 0,
		    0, 1, 0 },
		{ API_OPENAI, "notapi.openai.com", "gpt-6-luna", "max_tokens", NULL, 0, 0, 0, 1, 0,
		    1, 0 },
		{ API_OPENAI, "api.mistral.ai", "x", "max_tokens", NULL, 0, 0, 0, 1, 0, 0, 1 },
		{ API_OPENAI, "localhost", "ministral-8b", "max_tokens", NULL, 0, 0, 0, 1, 0, 1,
		    1 },
		{ API_OPENAI, "api.deepseek.com", "x", "max_tokens", NULL, 0, 0, 0, 1, 1, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct capabilities c;

		capabilities_default(&c, rows[i].api, rows[i].host, rows[i].model);
		CHECK_STR(c.token_field, rows[i].token_field);
		CHECK_STR(c.effort_with_tools, rows[i].effort_with_tools);
		CHECK_INT(c.cache_control, rows[i].cache_control);
		CHECK_INT(c.cache_key, rows[i].cache_key);
		CHECK_INT(c.system_in_history, rows[i].system_in_history);
		CHECK_INT(c.alternate, rows[i].alternate);
		CHECK_INT(c.reasoning_replay, rows[i].replay);
		if (rows[i].api == API_OPENAI)
			CHECK_INT(c.usage_option, rows[i].usage);
		CHECK_INT(c.short_ids, rows[i].short_ids);
	}
}

/* The provider of our tests refuses what real ones refuse; else it would prove nothing. */

#define BODY(messages) "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[" messages "]}"
#define USER(text)     "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"" text "\"}]}"
#define USES(id)                                                                                   \
	",{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"" id                \
	"\",\"name\":\"order\",\"input\":{}}]}"
#define RESULT(id)      "{\"type\":\"tool_result\",\"tool_use_id\":\"" id "\",\"content\":\"1\"}"
#define RESULTS(blocks) ",{\"role\":\"user\",\"content\":[" blocks "]}"
#define CALLS(id)                                                                                  \
	",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"" id                  \
	"\",\"type\":\"function\",\"function\":{\"name\":\"order\",\"arguments\":\"{}\"}}]}"
#define TOOL(id) ",{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"1\"}"
#define HI       "{\"role\":\"user\",\"content\":\"hi\"}"

static void what_is_not_legal_is_refused(void **state)
{
	static const struct {
		enum model_api api;
		const char *body, *why;
	} rows[] = {
		{ API_ANTHROPIC, BODY(USER("hi") USES("a") RESULTS(RESULT("a"))), NULL },
		{ API_ANTHROPIC, BODY(""), "at least one message" },
		{ API_ANTHROPIC, BODY(USER(" ")), "non-empty" },
		{ API_ANTHROPIC, BODY(USER("hi") USES("a")), "no results" },
		{ API_ANTHROPIC, BODY(USER("hi") USES("a") "," USER("x")), "without tool_result" },
		{ API_ANTHROPIC, BODY(USER("hi") USES("a") RESULTS(RESULT("a") "," RESULT("b"))),
		    "unexpected result" },
		{ API_ANTHROPIC,
		    BODY(USER("hi") USES("a")
			    RESULTS("{\"type\":\"text\",\"text\":\"x\"}," RESULT("a"))),
		    "must come first" },
		{ API_ANTHROPIC,
		    BODY(USER("hi") USES("a") RESULTS(RESULT("a")) USES("a") RESULTS(RESULT("a"))),
		    "unique" },
		{ API_ANTHROPIC, BODY("{\"role\":\"assistant\",\"content\":[]}"), "first message" },
		{ API_ANTHROPIC,
		    BODY(USER(
			"hi") ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":"
			      "\"x\"}]}"),
		    "prefill" },
		{ API_ANTHROPIC,
		    BODY(USER("hi") ",{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
				    "\"thinking\":\"a\",\"signature\":\"of b\"}]}"),
		    "signature" },
		{ API_ANTHROPIC,
		    "{\"model\":\"m\",\"max_tokens\":1,\"temperature\":1,\"messages\":[" USER(
			"hi") "]}",
		    "temperature" },
		{ API_OPENAI, BODY(HI CALLS("a") TOOL("a")), NULL },
		{ API_OPENAI, BODY(HI CALLS("a") "," HI), "followed by a tool message" },
		{ API_OPENAI, BODY(HI TOOL("a")), "unexpected result" },
		{ API_OPENAI, BODY(HI CALLS("a")), "no results" },
		{ API_OPENAI, BODY("{\"role\":\"user\",\"content\":null}"), "non-empty" },
		{ API_OPENAI, BODY(HI "," HI), "alternate" },
		{ API_OPENAI, "{", "line 1" },
	};
	struct arena *mem = arena_new();

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		const char *why = fake_provider_refusal(mem, rows[i].api,
		    text_is(rows[i].why, "alternate"), rows[i].body, strlen(rows[i].body));

		if (rows[i].why)
			CHECK_HAS(why, rows[i].why);
		else
			CHECK_STR(why, NULL);
	}
	arena_free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(a_stream_is_shown_as_it_comes_and_counted),
		SIM_TEST(calls_come_with_what_goes_back),
		SIM_TEST(a_call_that_is_not_whole_has_no_arguments),
		SIM_TEST(nothing_said_is_an_answer),
		SIM_TEST(errors_of_anthropic_mean_this),
		SIM_TEST(errors_of_others_mean_this),
		SIM_TEST(what_a_provider_says_twice_is_said_once),
		SIM_TEST(a_spend_limit_is_nothing_to_wait_for),
		SIM_TEST(the_provider_says_when_to_come_back),
		SIM_TEST(who_declines_has_said_nothing),
		SIM_TEST(who_filters_has_said_nothing),
		SIM_TEST(an_answer_that_ends_too_soon_is_none),
		SIM_TEST(behind_its_end_nothing_is_waited_for),
		SIM_TEST(too_slow_is_no_answer),
		SIM_TEST(what_never_ends_is_ended),
		SIM_TEST(a_deadline_ends_what_pings_for_ever),
		SIM_TEST(whoever_reads_along_may_stop_it),
		SIM_TEST(a_failure_is_paid_for_too),
		REAL_TEST(it_works_over_sockets_too),
		SIM_TEST(a_query_stays_behind_the_path_and_fields_are_added),
		SIM_TEST(what_a_model_may_think_is_counted_with_what_it_may_cost),
		cmocka_unit_test(what_is_not_legal_is_refused),
		cmocka_unit_test(hosts_and_models_have_their_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
