/* What an http tool sends, for each place where a value may stand. */
#include "tests/tool/http_calls.h"

static const struct reply fine = { .status = 200, .body = "{}" };

struct sends {
	struct asked q;
	const char *want; /* of the request; or, when nothing was sent, the reason */
};

static void check_sends(const struct sends *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct backend b;
		struct came c;

		backend_open(&b);
		c = ask(&b, &list[i].q, &fine, 1);
		if (!CHECK_STR(b.n ? buf_str(&b.asked) : c.text, quoted(b.mem, list[i].want)))
			CHECK_STR(list[i].q.http, list[i].q.arguments);
		if (!b.n)
			CHECK(c.result.status == TOOL_FAILED && !c.result.retry);
		backend_close(&b);
	}
}

#define ANY     "{`id`:{}}"
#define PERHAPS "{`id?`:{}}"
#define PATH(arguments_)                                                                           \
	{                                                                                          \
		.http = "{`url`:`https://pay.example/o/{id}/x`}", .parameters = ANY,               \
		.arguments = arguments_                                                            \
	}
#define QUERY(arguments_)                                                                          \
	{                                                                                          \
		.http =                                                                            \
		    "{`url`:`https://pay.example/o?a=1&b={id}`,`query`:{`c`:`{id}`,`d e`:`-{id}`," \
		    "`f`:7}}",                                                                     \
		.parameters = PERHAPS, .arguments = arguments_                                     \
	}
#define HEADER(arguments_)                                                                         \
	{                                                                                          \
		.http =                                                                            \
		    "{`url`:`https://pay.example`,`headers`:{`X-Id`:`{id}`,`X-Long`:`a {id}`}}",   \
		.parameters = PERHAPS, .arguments = arguments_                                     \
	}
#define BODY(arguments_)                                                                           \
	{                                                                                          \
		.http = "{`method`:`POST`,`url`:`https://pay.example/`,`body`:{`a`:`{id}`,"        \
			"`b`:[`{id}`,`<{id}>`,{`c`:`{id}`}],`d`:null,`e`:1.5,`f`:`{{id}}`}}",      \
		.parameters = PERHAPS, .arguments = arguments_                                     \
	}

#define GET(url_) "GET " url_ "\nAccept: application/json\n"
#define ELSEWHERE "id is not possible here: it would lead to another address"
#define CONTROL   "id has control characters, and cannot have any"

static void a_value_in_the_path_is_one_piece_of_it(struct world *w)
{
	static const struct sends list[] = {
		{ PATH("{`id`:`FW-1`}"), GET("https://pay.example/o/FW-1/x") },
		{ PATH("{`id`:`a b?c#d%2e&é`}"),
		    GET("https://pay.example/o/a%20b%3Fc%23d%252e%26%C3%A9/x") },
		{ PATH("{`id`:`RE/2024/7`}"), GET("https://pay.example/o/RE%2F2024%2F7/x") },
		{ PATH("{`id`:9007199254740993}"),
		    GET("https://pay.example/o/9007199254740993/x") },
		{ PATH("{`id`:19.99}"), GET("https://pay.example/o/19.99/x") },
		{ PATH("{`id`:true}"), GET("https://pay.example/o/true/x") },
		{ PATH("{`id`:`{customer.id}`}"),
		    GET("https://pay.example/o/%7Bcustomer.id%7D/x") },
		{ PATH("{`id`:``}"), "id is empty, and cannot be" },
		{ PATH("{`id`:null}"), "id is empty, and cannot be" },
		{ PATH("{`id`:`.`}"), ELSEWHERE },
		{ PATH("{`id`:`..`}"), ELSEWHERE },
		{ PATH("{`id`:`../../admin`}"), ELSEWHERE },
		{ PATH("{`id`:`x/../y`}"), ELSEWHERE },
		{ PATH("{`id`:`..\\\\x`}"), ELSEWHERE },
		{ PATH("{`id`:`/etc`}"), ELSEWHERE },
		{ PATH("{`id`:`x/`}"), ELSEWHERE },
		{ PATH("{`id`:`a\\r\\nHost: b`}"), CONTROL },
		{ PATH("{`id`:`a\\u0000b`}"), CONTROL },
		{ PATH("{`id`:`a\\u0085b`}"), CONTROL },
		{ PATH("{`id`:[1]}"),
		    "id is a list or an object, where only a text or a number can stand" },
		{ { .http = "{`url`:`https://pay.example/a/.{id}`}",
		      .parameters = ANY,
		      .arguments = "{`id`:`.`}" },
		    ELSEWHERE },
		{ { .http = "{`url`:`https://pay.example/a/{id}{b}/c`}",
		      .parameters = "{`id`:{},`b`:{}}",
		      .arguments = "{`id`:`.`,`b`:`.`}" },
		    ELSEWHERE },
	};

	(void)w;
	check_sends(list, array_len(list));
}

static void a_value_in_the_query_is_encoded_and_may_be_left_out(struct world *w)
{
	static const struct sends list[] = {
		{ QUERY("{`id`:`a&b=c d+/é`}"),
		    GET("https://pay.example/o?a=1&b=a%26b%3Dc%20d%2B%2F%C3%A9"
			"&c=a%26b%3Dc%20d%2B%2F%C3%A9&d%20e=-a%26b%3Dc%20d%2B%2F%C3%A9&f=7") },
		{ QUERY("{}"), GET("https://pay.example/o?a=1&b=&d%20e=-&f=7") },
		{ QUERY("{`id`:null}"), GET("https://pay.example/o?a=1&b=&d%20e=-&f=7") },
		{ QUERY("{`id`:``}"), GET("https://pay.example/o?a=1&b=&c=&d%20e=-&f=7") },
		{ QUERY("{`id`:`a\\nb\\u0000`}"),
		    GET("https://pay.example/o?a=1&b=a%0Ab%00&c=a%0Ab%00&d%20e=-a%0Ab%00&f=7") },
		{ { .http = "{`url`:`http://10.0.0.5:8080/x`,`query`:{`a`:`{id}`}}",
		      .parameters = PERHAPS,
		      .arguments = "{}" },
		    GET("http://10.0.0.5:8080/x") },
		{ { .http = "{`url`:`https://eu.shop.example?x=1`}" },
		    GET("https://eu.shop.example/?x=1") },
	};

	(void)w;
	check_sends(list, array_len(list));
}

static void a_value_in_a_header_ends_no_line(struct world *w)
{
	static const struct sends list[] = {
		{ HEADER("{`id`:`é;1`}"), "GET https://pay.example/\nX-Id: é;1\nX-Long: a é;1\n"
					  "Accept: application/json\n" },
		{ HEADER("{}"),
		    "GET https://pay.example/\nX-Long: a \nAccept: application/json\n" },
		{ HEADER("{`id`:`a\\r\\nX-Admin: 1`}"), CONTROL },
		{ HEADER("{`id`:`a\\nb`}"), CONTROL },
		{ HEADER("{`id`:`\\u0000`}"), CONTROL },
		{ HEADER("{`id`:`\\u007f`}"), CONTROL },
		{ HEADER("{`id`:`\\u0085`}"), CONTROL },
		{ { .http = "{`url`:`https://pay.example`,`headers`:{`accept`:`text/csv`}}" },
		    "GET https://pay.example/\naccept: text/csv\n" },
	};

	(void)w;
	check_sends(list, array_len(list));
}

#define POST(type_, body_)                                                                         \
	"POST https://pay.example/\nAccept: application/json\nContent-Type: " type_ "\n\n" body_   \
	"\n"
#define JSON_BODY(body_) POST("application/json", body_)

static void a_value_in_the_body_keeps_its_type(struct world *w)
{
	static const struct sends list[] = {
		{ BODY("{`id`:`x`}"), JSON_BODY("{`a`:`x`,`b`:[`x`,`<x>`,{`c`:`x`}],`d`:null,`e`:"
						"1.5,`f`:`{id}`}") },
		{ BODY("{`id`:9007199254740993}"),
		    JSON_BODY("{`a`:9007199254740993,`b`:[9007199254740993,`<9007199254740993>`,{"
			      "`c`:9007199254740993}],`d`:null,`e`:1.5,`f`:`{id}`}") },
		{ BODY("{`id`:19.99}"),
		    JSON_BODY("{`a`:19.99,`b`:[19.99,`<19.99>`,{`c`:19.99}],`d`:null,`e`:1.5,"
			      "`f`:`{id}`}") },
		{ BODY("{`id`:null}"),
		    JSON_BODY(
			"{`a`:null,`b`:[null,`<>`,{`c`:null}],`d`:null,`e`:1.5,`f`:`{id}`}") },
		{ BODY("{}"), JSON_BODY("{`b`:[`<>`,{}],`d`:null,`e`:1.5,`f`:`{id}`}") },
		{ BODY("{`id`:[1,{`x`:2}]}"),
		    "id is a list or an object, where only a text or a number can stand" },
		{ BODY("{`id`:`{customer.id}\\`,\\`a\\`:1`}"),
		    JSON_BODY(
			"{`a`:`{customer.id}\\`,\\`a\\`:1`,`b`:[`{customer.id}\\`,\\`a\\`:1`,`<"
			"{customer.id}\\`,\\`a\\`:1>`,{`c`:`{customer.id}\\`,\\`a\\`:1`}],"
			"`d`:null,`e`:1.5,`f`:`{id}`}") },
		{ { .http = "{`method`:`POST`,`url`:`https://pay.example/"
			    "`,`body`:{`id`:`{customer.id}`,"
			    "`name`:`{customer.name}`,`in`:`{conversation.id}`}}",
		      .arguments = "{}" },
		    JSON_BODY("{`id`:`cust/1`,`name`:`Zoë {x}`,`in`:`c_1`}") },
		{ { .http = "{`method`:`POST`,`url`:`https://pay.example/`,`body`:`{id}`}",
		      .parameters = ANY,
		      .arguments = "{`id`:[1,{`x`:2}]}" },
		    JSON_BODY("[1,{`x`:2}]") },
		{ { .http = "{`method`:`POST`,`url`:`https://pay.example/`,`body`:`id {id}`}",
		      .parameters = ANY,
		      .arguments = "{`id`:`x`}" },
		    POST("text/plain; charset=utf-8", "id x") },
		{ { .http = "{`method`:`POST`,`url`:`https://pay.example/`,`body`:`<id>{id}</id>`,"
			    "`headers`:{`Content-Type`:`application/xml`}}",
		      .parameters = ANY,
		      .arguments = "{`id`:`x`}" },
		    "POST https://pay.example/\nContent-Type: application/xml\n"
		    "Accept: application/json\n\n<id>x</id>\n" },
		{ { .http = "{`method`:`POST`,`url`:`https://pay.example/`,`form`:{`id`:`{id}`,"
			    "`note`:`{note}`,`n`:3}}",
		      .parameters = "{`id`:{},`note?`:{}}",
		      .arguments = "{`id`:`a&b=ü c`}" },
		    POST("application/x-www-form-urlencoded", "id=a%26b%3D%C3%BC%20c&n=3") },
	};

	(void)w;
	check_sends(list, array_len(list));
}

static void who_the_customer_is_comes_from_the_server(struct world *w)
{
	static const struct sends list[] = {
		{ { .http = "{`url`:`https://pay.example/c/{customer.id}`}" },
		    GET("https://pay.example/c/cust%2F1") },
		{ { .http = "{`url`:`https://pay.example/c/{customer.id}`}", .nobody = true },
		    "no customer is known in this conversation" },
		{ { .http =
			  "{`url`:`https://pay.example/c`,`headers`:{`X-C`:`{customer.email}`}}" },
		    "the email of the customer is not known" },
		{ { .http = "{`url`:`https://pay.example/c`,`query`:{`c`:`{customer.id}`}}",
		      .nobody = true },
		    "no customer is known in this conversation" },
		/* An argument of that name is none of it. */
		{ { .http = "{`url`:`https://pay.example/c/{customer.id}`}",
		      .arguments = "{`customer`:{`id`:`eve`},`customer.id`:`eve`}" },
		    GET("https://pay.example/c/cust%2F1") },
	};

	(void)w;
	check_sends(list, array_len(list));
}

static void a_variable_is_put_in_and_never_comes_back(struct world *w)
{
	static const struct asked q = {
		.http = "{`url`:`${FD_TEST_BASE}/x`,`query`:{`q`:`${FD_TEST_KEY}`},"
			"`headers`:{`Authorization`:`Bearer ${FD_TEST_KEY}`,`X-Cost`:`$${id}`}}",
		.parameters = ANY,
		.arguments = "{`id`:5}"
	};
	static const struct reply echo = { .status = 200,
		.body = "{\"at\":\"https://pay.example/x?q=s3cr%7Bid%7Dt-key\",\"seen\":\"Bearer "
			"s3cr{id}t-key!\","
			"\"s3cr{id}t-key\":[\"s3cr{id}t-key\"]}" },
				  page = { .status = 422,
					  .body = "{\"detail\":\"bad key s3cr{id}t-key.\"}" },
				  link = { .status = 200,
					  .name = "Link",
					  .value = "<https://pay.example/?k=plain-secret>" };
	struct asked linked = q;
	struct backend b;

	(void)w;
	setenv("FD_TEST_KEY", "s3cr{id}t-key", 1);
	setenv("FD_TEST_PLAIN", "plain-secret", 1);
	setenv("FD_TEST_BASE", "https://pay.example", 1);
	backend_open(&b);
	CHECK_STR(ask(&b, &q, &echo, 1).text,
	    "{\"***\":[\"***\"],\"at\":\"https://pay.example/x?q=***\",\"seen\":\"Bearer ***!\"}");
	CHECK_STR(buf_str(&b.asked),
	    "GET https://pay.example/x?q=s3cr%7Bid%7Dt-key\n"
	    "Authorization: Bearer s3cr{id}t-key\nX-Cost: $5\nAccept: application/json\n");
	CHECK_STR(ask(&b, &q, &page, 1).text, "the service refused it: bad key ***");
	linked.http = "{`url`:`https://pay.example/x?k=${FD_TEST_PLAIN}`,`result`:`headers.link`}";
	CHECK_STR(ask(&b, &linked, &link, 1).text, "\"<https://pay.example/?k=***>\"");
	backend_close(&b);
}

static void a_write_without_keys_must_not_be_sent_twice(struct world *w)
{
	struct asked q = { .http = "{`method`:`POST`,`url`:`https://pay.example/x`}",
		.parameters = "{}",
		.write = true };
	struct backend b;

	(void)w;
	backend_open(&b);
	CHECK_STR(ask(&b, &q, &fine, 1).text, "{}");
	CHECK(b.once);
	q.idempotent = true;
	ask(&b, &q, &fine, 1);
	CHECK(!b.once);
	q.write = false;
	ask(&b, &q, &fine, 1);
	CHECK(!b.once);
	backend_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIM_TEST(a_value_in_the_path_is_one_piece_of_it),
		SIM_TEST(a_value_in_the_query_is_encoded_and_may_be_left_out),
		SIM_TEST(a_value_in_a_header_ends_no_line),
		SIM_TEST(a_value_in_the_body_keeps_its_type),
		SIM_TEST(who_the_customer_is_comes_from_the_server),
		SIM_TEST(a_variable_is_put_in_and_never_comes_back),
		SIM_TEST(a_write_without_keys_must_not_be_sent_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
