/* What is said of mistakes in http tools, and of the hosts they may reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "tests/setup/folder.h"

#include <cmocka.h>

/* clang-format off */
static const char tools[] =
	"http: { allow: [pay.example, \"10.0.0.5:8080\", \"*.shop.example\"] }\n" /* 27 */
	"customer: { profile: lookup_order }\n";                                /* 28 */

/* In place of `sql` of refund, from line 23 on. */
#define HTTP(lines)                                                                                \
	"    http:\n"                                                           /* 23 */           \
	"      method: POST\n"                                                  /* 24 */           \
	lines

static const char sql[] =
	"    sql:\n"
	"      database: shop\n"
	"      query: UPDATE orders SET refunded = 1 WHERE id = :order_id AND customer_id = :customer.id\n";
/* clang-format on */

static struct folder http_folder(const char *entry)
{
	struct folder f = folder_good();

	folder_replace(&f, "agent.yaml", "customer: { profile: lookup_order }\n", tools);
	folder_replace(&f, "agent.yaml", sql, entry);
	folder_replace(
	    &f, "agent.yaml", "{ order_id: { type: string } }", "{ order_id: {}, note?: {} }");
	return f;
}

struct row {
	const char *entry, *want;
};

static void check_row(const struct row *row)
{
	struct arena *mem = arena_new();
	struct folder f = http_folder(row->entry);

	assert_string_equal(folder_mistakes(&f, mem), row->want);
	folder_remove(&f);
	arena_free(mem);
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_row(&rows[i]);
}

#define URL(url)             HTTP("      url: \"" url "\"\n")
#define AT(place, key, text) "agent.yaml:" place ": tools.refund.http" key ": " text "\n"

static void where_a_request_goes_is_fixed_and_listed(void **state)
{
	static const struct row rows[] = {
		{ URL("https://pay.example/o/{order_id}?n={note}"), "" },
		{ URL("https://pay.example"), "" },
		{ URL("https://eu.shop.example/x"), "" },
		{ URL("http://10.0.0.5:8080/x"), "" },
		{ URL("https://pay.exmaple/x"),
		    AT("25:21", ".url",
			"the list of hosts has no pay.exmaple with port 443; add it there if it is "
			"meant to be reached: http: { allow: [\"pay.exmaple\"] }") },
		{ URL("https://pay.example:444/x"),
		    AT("25:21", ".url",
			"the list of hosts has no pay.example with port 444; add it there if it is "
			"meant to be reached: http: { allow: [\"pay.example:444\"] }") },
		{ URL("https://{order_id}/x"),
		    AT("25:21", ".url",
			"a name cannot stand in the scheme, host or port of a URL: where a request "
			"goes is fixed") },
		{ URL("https://pay.example:{order_id}/x"),
		    AT("25:33", ".url",
			"a name cannot stand in the scheme, host or port of a URL: where a request "
			"goes is fixed") },
		{ URL("https://pay.example{order_id}"),
		    AT("25:32", ".url",
			"a name cannot stand in the scheme, host or port of a URL: where a request "
			"goes is fixed") },
		{ URL("{order_id}://pay.example/x"),
		    AT("25:13", ".url",
			"a name cannot stand in the scheme, host or port of a URL: where a request "
			"goes is fixed") },
		{ URL("ftp://pay.example/{order_id}"),
		    AT("25:19", ".url",
			"the URL cannot be used: it begins with neither http:// nor https://") },
		{ URL("https://me:pw@pay.example/x"),
		    AT("25:21", ".url",
			"the URL cannot be used: it holds a name or a password; send them in a "
			"field") },
		{ URL("https://pay.example/a b"),
		    AT("25:34", ".url",
			"a URL cannot hold this character; written by its bytes it is %20") },
		{ URL("https://pay.example/a#b"),
		    AT("25:34", ".url", "what stands behind a # is never sent") },
		{ URL("https://pay.example/a/%2E./{order_id}"),
		    AT("25:7", ".url", "the path has a . or .. in it") },
	};

	(void)state;
	check_rows(rows, array_len(rows));
}

static void every_name_is_known(void **state)
{
	static const struct row rows[] = {
		{ URL("https://pay.example/{order_di}"),
		    AT("25:33", ".url",
			"{order_di} is not among the parameters of the tool; did you mean "
			"\"order_id\"?") },
		{ URL("https://pay.example/{customer.uid}"),
		    AT("25:33", ".url",
			"no such field of the customer: customer.uid (there are customer.id, "
			".name, "
			".email and .tier)") },
		{ URL("https://pay.example/{note}"),
		    AT("25:33", ".url",
			"note may be left out, and a path needs it; make it a required parameter, "
			"or say it in `query`") },
		{ URL("https://pay.example/{order_id"),
		    AT("25:33", ".url",
			"expected {name} with the name of a parameter; a { that is text is written "
			"{{") },
		{ URL("https://pay.example/x}"),
		    AT("25:34", ".url", "a } that is text is written }}") },
		{ URL("https://pay.example/x") "      body: { a: [1, { b: \"to {oder_id}\" }] }\n",
		    AT("26:31", ".body.a[1].b",
			"{oder_id} is not among the parameters of the tool; did you mean "
			"\"order_id\"?") },
		{ URL("https://pay.example/x") "      headers: { X-A: \"{oder_id}\" }\n",
		    AT("26:24", ".headers.X-A",
			"{oder_id} is not among the parameters of the tool; did you mean "
			"\"order_id\"?") },
		{ URL("https://pay.example/x") "      query: { a: 1, b: \"{conversation}\" }\n",
		    AT("26:26", ".query.b",
			"{conversation} is not among the parameters of the tool; did you mean "
			"\"conversation.id\"?") },
		{ URL("https://pay.example/x") "      form: { a: \"${FD_TEST_NOT_THERE}\" }\n",
		    AT("26:19", ".form.a",
			"the environment variable FD_TEST_NOT_THERE is not set") },
	};

	(void)state;
	check_rows(rows, array_len(rows));
}

static void an_entry_makes_sense_as_a_whole(void **state)
{
	static const struct row rows[] = {
		{ "    http:\n      url: https://pay.example\n",
		    AT("23:5", "",
			"the tool has effect: write, and GET changes nothing; say method: POST, "
			"PUT, PATCH or DELETE") },
		{ URL("https://pay.example") "      body: {}\n      form: {}\n",
		    AT("27:7", ".form", "there is a body already") },
		{ URL("https://pay.example/x") "      headers: { X-A: {order_id} }\n",
		    AT("26:18", ".headers.X-A",
			"expected string or number or boolean, got object; a text that begins with "
			"a "
			"brace goes into quotes: \"{order_id}\"") },
		{ URL("https://pay.example") "      headers: { idempotency-key: x }\n",
		    AT("26:18", ".headers.idempotency-key",
			"the server sends the key of a write itself; say idempotent: true") },
		{ URL("https://pay.example") "      headers: { Host: x }\n",
		    AT("26:18", ".headers.Host", "the connection says this header itself") },
		{ URL("https://pay.example") "      headers: { \"X Y\": x }\n",
		    AT("26:18", ".headers.X Y", "is no name of a header") },
		{ URL("https://pay.example") "      headers: { X-A: x, x-a: y }\n",
		    AT("26:26", ".headers.x-a", "this header is here twice") },
		{ URL("https://pay.example") "      headers: { X-A: \"a\\nb\" }\n",
		    AT("26:18", ".headers.X-A",
			"a header cannot hold the end of a line or another control character") },
		{ URL("https://pay.example") "      result: \"{ a = body.x, b = bdy.y }\"\n",
		    AT("26:34", ".result",
			"unknown name 'bdy'; did you mean \"body\"? (known here: status, body, "
			"headers, args, customer)") },
		{ URL("https://pay.example") "      result: |\n        { a = body.x,\n"
					     "          b = 1 + * 2 }\n",
		    AT("28:19", ".result", "expected a value, got '*'") },
		{ URL("https://pay.example") "      result: \"body.n - #body.items\"\n", "" },
		{ URL("https://pay.example") "      result: body.n - #body.items\n",
		    AT("26:24", ".result",
			"a # behind a blank starts a comment; put all of it in quotes if the # "
			"belongs to it, and a blank behind the # if not") },
		{ URL("https://pay.example") "      max_bytes: 1\n",
		    AT("26:7", ".max_bytes", "expected at least 100") },
		{ URL("https://pay.example") "      timeout: 1\n",
		    AT("26:7", ".timeout", "unknown key \"timeout\"") },
		{ URL("https://pay.example") "    sql: { database: shop, query: SELECT 1 AS a }\n",
		    AT("23:5", "", "it does something already: sql; a tool is one of both") },
	};

	(void)state;
	check_rows(rows, array_len(rows));
}

struct change {
	const char *find, *put, *want;
};

static void the_rest_of_the_file_fits(void **state)
{
	static const struct change list[] = {
		{ "effect: write", "effect: write\n    idempotent: true", "" },
		{ "effect: write", "idempotent: true",
		    "agent.yaml:22:5: tools.refund.idempotent: is for a tool with effect: "
		    "write\n" },
		{ "effect: write", "effect: write\n    idempotent: yes",
		    "agent.yaml:23:5: tools.refund.idempotent: expected true or false, got "
		    "text\n" },
		{ "effect: write", "identity: anonymous\n    effect: write",
		    "agent.yaml:22:5: tools.refund.identity: the tool asks for the customer, so it "
		    "needs one: email or verified\n" },
		{ "http: { allow: [pay.example,", "http: { allow: [pay.example, \"*.1.2.3.4\",",
		    "agent.yaml:28:30: http.allow[1]: an address has no names below it; say it "
		    "without *.\n" },
		{ "http: { allow: [pay.example,", "http: { allow: [pay.example, https://x.example,",
		    "agent.yaml:28:30: http.allow[1]: expected a host, such as pay.example, "
		    "*.pay.example or 10.0.0.5:8080\n" },
	};

	(void)state;
	for (size_t i = 0; i < array_len(list); i++) {
		struct arena *mem = arena_new();
		struct folder f = http_folder(URL(
		    "https://pay.example/o/{order_id}") "      body: { c: \"{customer.id}\" }\n");

		folder_replace(&f, "agent.yaml", list[i].find, list[i].put);
		assert_string_equal(folder_mistakes(&f, mem), list[i].want);
		folder_remove(&f);
		arena_free(mem);
	}
}

static int notes(const char *find, const char *put)
{
	struct arena *mem = arena_new();
	struct mistakes m = mistakes_none(mem);
	struct folder f = http_folder(URL("https://pay.example/o/{order_id}"));
	struct world *w = world_sim(1);
	struct agent_setup *s;
	int n;

	folder_replace(&f, "agent.yaml", find, put);
	s = folder_open(&f, &m, w);
	assert_non_null(s);
	n = s->config->notes.n;
	assert_true(!n || strstr(s->config->notes.list[0].message, "a POST without `effect`"));
	agent_setup_close(s);
	world_free(w);
	arena_free(mem);
	folder_remove(&f);
	return n;
}

static void a_post_says_whether_it_writes(void **state)
{
	(void)state;
	assert_int_equal(notes("effect: write", "effect: write"), 0);
	assert_int_equal(notes("effect: write", "effect: read"), 0);
	assert_int_equal(notes("    effect: write\n", ""), 1);
}

static void a_good_entry_becomes_a_tool(void **state)
{
	struct folder f = http_folder("    idempotent: true\n" URL(
	    "https://pay.example/o/{order_id}") "      body: { c: [{ d: \"{customer.id}\" }] }\n");
	struct arena *mem = arena_new();
	struct mistakes m = mistakes_none(mem);
	struct world *w = world_sim(1);
	struct agent_setup *s = folder_open(&f, &m, w);
	const struct tool *t;

	(void)state;
	assert_non_null(s);
	t = &s->agent.tools.tools[1];
	assert_string_equal(t->kind->name, "http");
	assert_true(t->repeatable);
	assert_int_equal(t->identity, IDENTITY_VERIFIED);
	assert_string_equal(t->kind->where(t, mem), "POST pay.example");
	t = &s->agent.tools.tools[0];
	assert_string_equal(t->kind->where(t, mem), "sql shop");
	agent_setup_close(s);
	world_free(w);
	arena_free(mem);
	folder_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_a_request_goes_is_fixed_and_listed),
		cmocka_unit_test(every_name_is_known),
		cmocka_unit_test(an_entry_makes_sense_as_a_whole),
		cmocka_unit_test(the_rest_of_the_file_fits),
		cmocka_unit_test(a_post_says_whether_it_writes),
		cmocka_unit_test(a_good_entry_becomes_a_tool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
