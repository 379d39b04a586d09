/* What becomes of the answer to an http tool: what the model reads of it, what is tried again, and
 * whether a write is known to have been done. */
#include "tests/tool/http_calls.h"

#include <stdio.h>

#define READ  "{`url`:`https://pay.example/x`}"
#define WRITE "{`method`:`POST`,`url`:`https://pay.example/x`}"

struct row {
	struct reply replies[2];
	int requests; /* 0: one */
	enum tool_status status;
	const char *text;
	bool retry;
	int64_t ms;
	const char *result;
	bool idempotent, again;
	const char *max_bytes;
};

static void check_row(const struct row *r, bool write)
{
	struct backend b;
	struct asked q = { .write = write, .idempotent = r->idempotent, .again = r->again };
	struct came c;
	int n = r->replies[1].status || r->replies[1].manner || r->replies[1].ms ? 2 : 1;
	json_t *http;
	bool held;

	backend_open(&b);
	http = read_quoted(b.mem, write ? WRITE : READ);
	json_put_str(http, "result", r->result);
	if (r->max_bytes)
		json_object_set_new(http, "max_bytes", json_integer(atoi(r->max_bytes)));
	q.http = json_text(b.mem, http);
	q.arguments = "{`n`:2}";
	c = ask(&b, &q, r->replies, n);
	held = CHECK_STR(c.text, quoted(b.mem, r->text));
	held = CHECK_INT(c.result.status, r->status) && held;
	held = CHECK_INT(c.result.retry, r->retry) && held;
	held = CHECK_INT(b.n, r->requests ? r->requests : 1) && held;
	held = CHECK_INT(c.ms, r->ms) && held;
	if (!held)
		fprintf(stderr, "  with %d %s\n", r->replies[0].status,
		    r->replies[0].body ? r->replies[0].body : "");
	backend_close(&b);
}

static void check_rows(const struct row *rows, size_t n, bool write)
{
	for (size_t i = 0; i < n; i++)
		check_row(&rows[i], write);
}

#define SAYS(status_, body_)                                                                       \
	{                                                                                          \
		{                                                                                  \
			.status = status_, .body = body_                                           \
		}                                                                                  \
	}
#define SAYS_AS(status_, type_, body_)                                                             \
	{                                                                                          \
		{                                                                                  \
			.status = status_, .type = type_, .body = body_                            \
		}                                                                                  \
	}

static void the_model_reads_json_or_text(struct world *w)
{
	static const struct row rows[] = {
		{ SAYS(200, "{\"a\":[1,null,\"é\"]}"), .text = "{`a`:[1,null,`é`]}" },
		{ SAYS(200, "\xef\xbb\xbf{\"a\":1}"), .text = "{`a`:1}" },
		{ SAYS(200, "[9007199254740993,-9223372036854775808,18446744073709551615,"
			    "\"18446744073709551615\",1e30]"),
		    .text = "[9007199254740993,-9223372036854775808,`18446744073709551615`,"
			    "`18446744073709551615`,1e30]" },
		{ SAYS_AS(200, "application/problem+json; charset=utf-8", "[1]"), .text = "[1]" },
		{ SAYS_AS(200, "text/plain", "FW-1 is on its way\n"),
		    .text = "`FW-1 is on its way\\n`" },
		{ SAYS_AS(200, "application/xml", "<a>1</a>"), .text = "`<a>1</a>`" },
		{ SAYS_AS(200, "text/plain", "{\"a\":1}"), .text = "{`a`:1}" },
		{ SAYS_AS(200, "text/plain", "{a"), .text = "`{a`" },
		{ SAYS(204, NULL), .text = "{`status`:204}" },
		{ SAYS(200, ""), .text = "{`status`:200}" },
		{ SAYS(200, "{\"a\":"), .status = TOOL_FAILED,
		    .text = "it answered with JSON that is broken" },
		{ SAYS(200, "{\"a\":\"\xff\"}"), .status = TOOL_FAILED,
		    .text = "it answered with JSON that is broken" },
		{ SAYS(200,
		      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1"
		      "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
		    .status = TOOL_FAILED, .text = "it answered with JSON that is broken" },
		{ SAYS_AS(200, "text/plain", "caf\xe9"), .status = TOOL_FAILED,
		    .text = "it answered with something that is no text" },
		{ SAYS_AS(200, "image/png", "\x89PNG\r\n\x1a\n"), .status = TOOL_FAILED,
		    .text = "it answered with something that is no text" },
		{ { { .status = 200, .type = "text/plain", .body = "a\0b", .n = 3 } },
		    .status = TOOL_FAILED, .text = "it answered with something that is no text" },
		{ SAYS_AS(200, "text/html; charset=utf-8", "<p>Please log in</p>"),
		    .status = TOOL_FAILED, .text = "it answered with a page for people" },
		{ SAYS_AS(200, "text/plain", " <!DOCTYPE html><p>"), .status = TOOL_FAILED,
		    .text = "it answered with a page for people" },
		{ SAYS(200, "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""),
		    .max_bytes = "100", .status = TOOL_FAILED,
		    .text = "its answer is too long: ask for less" },
	};

	(void)w;
	check_rows(rows, array_len(rows), false);
}

static void an_expression_shapes_what_the_model_reads(struct world *w)
{
	static const struct row rows[] = {
		{ SAYS(200, "{\"items\":[{\"id\":1,\"x\":9},{\"id\":2,\"x\":9}]}"),
		    .result = "map(body.items, function(i) return i.id end)", .text = "[1,2]" },
		{ SAYS(201, "{}"), .text = "{`n`:2,`s`:201,`t`:`application/json`,`w`:`cust/1`}",
		    .result = "{ n = args.n, s = status, t = headers[\"content-type\"], "
			      "w = customer.id }" },
		{ SAYS(200, NULL), .result = "body == nil", .text = "true" },
		{ SAYS(200, "{\"a\":1}"), .result = "body.b", .status = TOOL_FAILED,
		    .text = "its answer is not as expected" },
		{ { { .status = 200, .body = "[]", .name = "X-Total-Count", .value = "41" } },
		    .result =
			"{ total = headers[\"x-total-count\"], link = has(headers, \"link\") }",
		    .text = "{`link`:false,`total`:`41`}" },
	};

	(void)w;
	check_rows(rows, array_len(rows), false);
}

#define NO_SUCH_THING "there is no such thing"

static void a_failure_of_a_read_is_told_in_our_words(struct world *w)
{
	static const struct row rows[] = {
		{ SAYS(404, "{\"detail\":\"order FW-2 belongs to bob\"}"), .status = TOOL_FAILED,
		    .text = NO_SUCH_THING },
		{ SAYS(403, "{\"detail\":\"order FW-2 belongs to bob\"}"), .status = TOOL_FAILED,
		    .text = NO_SUCH_THING },
		{ SAYS(401, "{\"detail\":\"token abc expired\"}"), .status = TOOL_FAILED,
		    .text = "the service does not let us in" },
		{ SAYS(422, "{\"detail\":\"No such\\r\\ncurrency.\",\"message\":\"x\"}"),
		    .status = TOOL_FAILED, .text = "the service refused it: No such  currency" },
		{ SAYS(400, "{\"message\":\"bad id\"}"), .status = TOOL_FAILED,
		    .text = "the service refused it: bad id" },
		{ SAYS(400, "{\"error\":\"bad id\"}"), .status = TOOL_FAILED,
		    .text = "the service refused it: bad id" },
		{ SAYS(409, "{\"error\":{\"message\":\"b\\u009bad\\u0000 id\"}}"),
		    .status = TOOL_FAILED, .text = "the service refused it: b  ad" },
		{ SAYS(400, "{\"detail\":\"... \"}"), .status = TOOL_FAILED,
		    .text = "the service refused it: status 400" },
		{ SAYS_AS(400, "text/html", "<h1>Bad Request</h1>"), .status = TOOL_FAILED,
		    .text = "the service refused it: status 400" },
		{ SAYS_AS(400, "text/plain", "stack trace"), .status = TOOL_FAILED,
		    .text = "the service refused it: status 400" },
		{ SAYS(500, "{\"detail\":\"NullPointerException\"}"), .status = TOOL_FAILED,
		    .retry = true, .text = "the service failed (500)" },
		{ SAYS(302, NULL), .status = TOOL_FAILED, .text = "the service failed (302)" },
		{ SAYS(301, NULL), .status = TOOL_FAILED,
		    .text = "the service has moved elsewhere" },
		{ SAYS(429, NULL), .status = TOOL_FAILED, .retry = true,
		    .text = "the service is busy just now" },
		{ { { .status = 503, .name = "Retry-After", .value = "5" } }, .status = TOOL_FAILED,
		    .retry = true, .text = "the service is busy just now" },
		{ { { .ms = 20000 } }, .status = TOOL_FAILED, .retry = true, .ms = 10000,
		    .text = "it took too long" },
	};

	(void)w;
	check_rows(rows, array_len(rows), false);
}

static void a_read_is_tried_once_more(struct world *w)
{
	static const struct row rows[] = {
		{ { { .manner = REFUSES_CONNECTION }, { .status = 200, .body = "1" } },
		    .requests = 2, .ms = 200, .text = "1" },
		{ { { .manner = CUTS_HEAD }, { .status = 200, .body = "1" } }, .requests = 2,
		    .ms = 200, .text = "1" },
		{ { { .status = 200, .body = "[1", .manner = CUTS_BODY },
		      { .status = 200, .body = "1" } },
		    .requests = 2, .ms = 200, .text = "1" },
		{ { { .status = 502 }, { .status = 200, .body = "1" } }, .requests = 2, .ms = 200,
		    .text = "1" },
		{ { { .status = 503 }, { .status = 200, .body = "1" } }, .requests = 2, .ms = 200,
		    .text = "1" },
		{ { { .status = 504 }, { .status = 504 } }, .requests = 2, .ms = 200,
		    .status = TOOL_FAILED, .retry = true, .text = "the service failed (504)" },
		{ { { .manner = CUTS_HEAD } }, .requests = 2, .ms = 200, .status = TOOL_FAILED,
		    .retry = true, .text = "the service cannot be reached just now" },
		{ { { .status = 200, .body = "[1", .manner = CUTS_BODY } }, .requests = 2,
		    .ms = 200, .status = TOOL_FAILED, .retry = true,
		    .text = "its answer broke off" },
		/* Not beyond its time. */
		{ { { .manner = CUTS_HEAD, .ms = 9900 } }, .ms = 10000, .status = TOOL_FAILED,
		    .retry = true, .text = "the service cannot be reached just now" },
	};

	(void)w;
	check_rows(rows, array_len(rows), false);
}

#define UNCHANGED     ", and nothing was changed"
#define MAY_BE        "and it may have been done"
#define MORE_THAN_ONE "it was sent more than once without a clear answer, and may have been done"

static void a_write_without_keys_is_sent_once(struct world *w)
{
	static const struct row rows[] = {
		{ SAYS(201, "{\"id\":7}"), .text = "{`id`:7}" },
		{ SAYS(204, NULL), .text = "{`status`:204}" },
		{ { { .manner = REFUSES_CONNECTION } }, .status = TOOL_FAILED, .retry = true,
		    .text = "the service cannot be reached just now" UNCHANGED },
		{ { { .manner = CUTS_HEAD } }, .status = TOOL_UNKNOWN,
		    .text = "the connection broke before it was answered, " MAY_BE },
		{ { { .ms = 20000 } }, .status = TOOL_UNKNOWN, .ms = 10000,
		    .text = "it was not answered in time, and may have been done" },
		{ SAYS(500, "{}"), .status = TOOL_UNKNOWN,
		    .text = "the service answered 500, " MAY_BE },
		{ SAYS(503, NULL), .status = TOOL_UNKNOWN,
		    .text = "the service answered 503, " MAY_BE },
		{ SAYS(408, NULL), .status = TOOL_UNKNOWN,
		    .text = "the service answered 408, " MAY_BE },
		{ SAYS(303, NULL), .status = TOOL_UNKNOWN,
		    .text = "the service answered 303, " MAY_BE },
		{ SAYS(307, NULL), .status = TOOL_FAILED,
		    .text = "the service has moved elsewhere" UNCHANGED },
		{ { { .status = 503, .name = "Retry-After", .value = "5" } }, .status = TOOL_FAILED,
		    .retry = true, .text = "the service is busy just now" UNCHANGED },
		{ SAYS(429, NULL), .status = TOOL_FAILED, .retry = true,
		    .text = "the service is busy just now" UNCHANGED },
		{ SAYS(425, NULL), .status = TOOL_FAILED, .retry = true,
		    .text = "the service is busy just now" UNCHANGED },
		{ SAYS(401, NULL), .status = TOOL_FAILED,
		    .text = "the service does not let us in" UNCHANGED },
		{ SAYS(404, NULL), .status = TOOL_FAILED, .text = NO_SUCH_THING },
		{ SAYS(409, "{\"detail\":\"already refunded\"}"), .status = TOOL_FAILED,
		    .text = "the service refused it: already refunded" },
		/* It said yes: whatever its answer looks like, it was done. */
		{ SAYS(200, "{\"a\":"), .text = "`it was done, but it answered with JSON that is "
						"broken`" },
		{ { { .status = 200, .body = "[1", .manner = CUTS_BODY } },
		    .text = "`it was done, but its answer broke off`" },
		{ SAYS(200, "{}"), .result = "body.id",
		    .text = "`it was done, but its answer is not as expected`" },
		/* Who stands in between says 200 as well. */
		{ SAYS_AS(200, "text/html", "<h1>Log in</h1>"), .status = TOOL_UNKNOWN,
		    .text = "it answered with a page for people, " MAY_BE },
	};

	(void)w;
	check_rows(rows, array_len(rows), true);
}

static void a_write_with_a_key_is_sent_again_once(struct world *w)
{
	static const struct row rows[] = {
		{ { { .manner = CUTS_HEAD }, { .status = 200, .body = "1" } }, .requests = 2,
		    .ms = 1000, .text = "1" },
		{ { { .manner = REFUSES_CONNECTION }, { .status = 200, .body = "1" } },
		    .requests = 2, .ms = 1000, .text = "1" },
		{ { { .status = 500 }, { .status = 200, .body = "1" } }, .requests = 2, .ms = 1000,
		    .text = "1" },
		{ { { .status = 408 }, { .status = 200, .body = "1" } }, .requests = 2, .ms = 1000,
		    .text = "1" },
		{ { { .status = 500 } }, .requests = 2, .ms = 1000, .status = TOOL_UNKNOWN,
		    .text = MORE_THAN_ONE },
		{ { { .manner = CUTS_HEAD } }, .requests = 2, .ms = 1000, .status = TOOL_UNKNOWN,
		    .text = MORE_THAN_ONE },
		{ { { .manner = REFUSES_CONNECTION } }, .requests = 2, .ms = 1000,
		    .status = TOOL_FAILED, .retry = true,
		    .text = "the service cannot be reached just now" UNCHANGED },
		/* The first may have been done, and the second did not tell. */
		{ { { .manner = CUTS_HEAD }, { .manner = REFUSES_CONNECTION } }, .requests = 2,
		    .ms = 1000, .status = TOOL_UNKNOWN, .text = MORE_THAN_ONE },
		{ { { .manner = CUTS_HEAD }, { .status = 409 } }, .requests = 2, .ms = 1000,
		    .status = TOOL_UNKNOWN, .text = MORE_THAN_ONE },
		{ { { .status = 500 }, { .status = 429 } }, .requests = 2, .ms = 1000,
		    .status = TOOL_UNKNOWN, .text = MORE_THAN_ONE },
		/* Or it told. */
		{ { { .manner = CUTS_HEAD }, { .status = 422 } }, .requests = 2, .ms = 1000,
		    .status = TOOL_FAILED, .text = "the service refused it: status 422" },
		{ { { .status = 409 } }, .status = TOOL_FAILED,
		    .text = "the service refused it: status 409" },
		{ { { .ms = 20000 } }, .status = TOOL_UNKNOWN, .ms = 10000,
		    .text = "it was not answered in time, and may have been done" },
		/* A process before this one may have sent it. */
		{ { { .manner = REFUSES_CONNECTION } }, .again = true, .requests = 2, .ms = 1000,
		    .status = TOOL_UNKNOWN, .text = MORE_THAN_ONE },
		{ { { .status = 409 } }, .again = true, .status = TOOL_UNKNOWN,
		    .text = MORE_THAN_ONE },
		{ { { .status = 200, .body = "1" } }, .again = true, .text = "1" },
	};

	(void)w;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct row r = rows[i];

		r.idempotent = true;
		check_row(&r, true);
	}
}

static void the_key_is_sent_with_each_attempt_and_only_where_it_is_known(struct world *w)
{
	static const struct asked known = { .http = WRITE, .write = true, .idempotent = true },
				  unknown = { .http = WRITE, .write = true };
	static const struct reply replies[] = { { .status = 500 }, { .status = 200 } };
	struct backend b;

	(void)w;
	backend_open(&b);
	ask(&b, &known, replies, 2);
	CHECK_STR(buf_str(&b.asked),
	    "POST https://pay.example/x\nAccept: application/json\nIdempotency-Key: fd_key\n"
	    "POST https://pay.example/x\nAccept: application/json\nIdempotency-Key: fd_key\n");
	ask(&b, &unknown, replies, 2);
	CHECK_STR(buf_str(&b.asked), "POST https://pay.example/x\nAccept: application/json\n");
	backend_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(the_model_reads_json_or_text),
		SIM_TEST(an_expression_shapes_what_the_model_reads),
		SIM_TEST(a_failure_of_a_read_is_told_in_our_words),
		SIM_TEST(a_read_is_tried_once_more),
		SIM_TEST(a_write_without_keys_is_sent_once),
		SIM_TEST(a_write_with_a_key_is_sent_again_once),
		SIM_TEST(the_key_is_sent_with_each_attempt_and_only_where_it_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
