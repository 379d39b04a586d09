#include "base/arena.h"
#include "base/json.h"
#include "script/script.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = { "order", "policy", "slots", "nothing", "text", "big", NULL };

static const char data_text[] =
    "{\"order\":{\"order_id\":\"FW-1001\",\"total_cents\":8900,\"paid\":true,\"delivered_on\":null}"
    ","
    "\"policy\":{\"rows\":[{\"order_id\":\"FW-1001\",\"refundable\":1,\"amount_cents\":8900},"
    "{\"order_id\":\"FW-1002\",\"refundable\":0,\"amount_cents\":4500},"
    "{\"order_id\":\"FW-1003\",\"refundable\":1,\"amount_cents\":120000}],\"truncated\":false},"
    "\"slots\":{},\"text\":\"ÄRGER Straße\"}";

/* One script and one arena for the test that runs. */
struct desk {
	struct script *script;
	struct arena *mem;
	json_t *data;
	struct err e;
};

static int open_desk(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	d->script = script_new("USD");
	d->mem = arena_new();
	d->data = json_read_own(d->mem, data_text);
	*state = d;
	return 0;
}

static int close_desk(void **state)
{
	struct desk *d = *state;

	script_free(d->script);
	arena_free(d->mem);
	free(d);
	return 0;
}

/* The value as JSON text; "compile: ..." or "run: ..." when it fails. */
static const char *value(struct desk *d, const char *source)
{
	struct expression *x = script_expression(d->script, source, names, &d->e);
	json_t *v;

	if (!x)
		return arena_printf(d->mem, "compile: %s", d->e.msg);
	v = expression_value(x, d->data, d->mem, &d->e);
	return v ? json_text(d->mem, v) : arena_printf(d->mem, "run: %s", d->e.msg);
}

static const char *text(struct desk *d, const char *source)
{
	struct template *t = script_template(d->script, source, names, &d->e);
	char *s = t ? template_text(t, d->data, d->mem, &d->e) : NULL;

	return s ? s : arena_printf(d->mem, "%s: %s", t ? "run" : "compile", d->e.msg);
}

struct row {
	const char *source, *is;
};

/* Reports every row that differs, not the first alone. */
static void check_values(void **state, const struct row *rows, size_t n)
{
	int wrong = 0;

	for (size_t i = 0; i < n; i++) {
		const char *got = value(*state, rows[i].source);

		if (!strcmp(got, rows[i].is))
			continue;
		print_error(
		    "%.100s\n  gives    %s\n  expected %s\n", rows[i].source, got, rows[i].is);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

#define CHECK_VALUES(...)                                                                          \
	do {                                                                                       \
		static const struct row checked[] = { __VA_ARGS__ };                               \
		check_values(state, checked, sizeof(checked) / sizeof(*checked));                  \
	} while (0)

static void values_keep_their_types(void **state)
{
	CHECK_VALUES({ "1 + 1", "2" }, { "1 / 2", "0.5" }, { "nil", "null" }, { "not nil", "true" },
	    { "'a' .. 'b'", "\"ab\"" }, { "{}", "[]" }, { "{1, 'x', {true}}", "[1,\"x\",[true]]" },
	    { "{a = 1}", "{\"a\":1}" }, { "order.total_cents", "8900" },
	    { "policy.rows[2].order_id", "\"FW-1002\"" }, { "#policy.rows", "3" },
	    { "slots", "{}" }, { "nothing", "null" }, { "order.delivered_on", "null" },
	    { "order.delivered_on == nil", "true" }, { "policy.rows[1] == policy.rows[1]", "true" },
	    { "policy.rows[1] == policy.rows[2]", "false" },
	    { "{rows = policy.rows}",
		"{\"rows\":[{\"order_id\":\"FW-1001\",\"refundable\":1,"
		"\"amount_cents\":8900},{\"order_id\":\"FW-1002\",\"refundable\":0,"
		"\"amount_cents\":4500},{\"order_id\":\"FW-1003\",\"refundable\":1,"
		"\"amount_cents\":120000}]}" });
}

static void functions_over_lists(void **state)
{
	CHECK_VALUES({ "any(policy.rows, function(r) return r.refundable == 0 end)", "true" },
	    { "any({}, function(r) return true end)", "false" },
	    { "all(policy.rows, function(r) return r.refundable == 1 end)", "false" },
	    { "all({}, function(r) return false end)", "true" },
	    { "#filter(policy.rows, function(r) return r.refundable == 1 end)", "2" },
	    { "filter(policy.rows, function(r) return r.refundable == 1 end)[2].order_id",
		"\"FW-1003\"" },
	    { "filter({7, 8, 9}, function(x, i) return i ~= 2 end)", "[7,9]" },
	    { "map(policy.rows, function(r, i) return i .. ':' .. r.order_id end)",
		"[\"1:FW-1001\",\"2:FW-1002\",\"3:FW-1003\"]" },
	    { "map({1, 2}, function(x) return nil end)", "[null,null]" },
	    { "#map({1, 2}, function(x) return nil end)", "2" },
	    { "map({1, 2}, function(x) return nil end)[2] == nil", "true" },
	    { "sum(policy.rows, function(r) return r.amount_cents end)", "133400" },
	    { "sum({1, 2.5})", "3.5" }, { "sum({9223372036854775807, 1})", "9.223372036854776e18" },
	    { "sum({})", "0" }, { "count(policy.rows)", "3" },
	    { "count(policy.rows, function(r) return r.refundable == 1 end)", "2" },
	    { "min(3, 1, 2)", "1" }, { "max({3, 1, 2})", "3" }, { "round(2.5)", "3" },
	    { "round(-2.5)", "-3" }, { "round(1.005 * 100) / 100", "1.0" },
	    { "round(3.14159, 2)", "3.14" }, { "one_of(order.order_id, 'a', 'FW-1001')", "true" },
	    { "one_of('FW-1002', map(policy.rows, function(r) return r.order_id end))", "true" },
	    { "one_of('x', {})", "false" }, { "one_of(nothing, nil)", "true" });
}

static void has_asks_before_reading(void **state)
{
	CHECK_VALUES({ "has(slots, 'order_id')", "false" }, { "has(order, 'order_id')", "true" },
	    { "has(order, 'delivered_on')", "false" }, { "has(nothing, 'x')", "false" },
	    { "has(policy.rows, 3)", "true" }, { "has(policy.rows, 4)", "false" },
	    { "has(policy.rows, 0)", "false" }, { "has({a = 1}, 'a')", "true" },
	    { "has({a = 1}, 'b')", "false" }, { "has({5}, 2)", "false" },
	    { "has(map({1}, function() return 5 end), 1)", "true" },
	    { "has(order, nil)", "run: has: expected a key behind the object, got nil" });
}

static void texts_money_and_days(void **state)
{
	CHECK_VALUES({ "money(8900)", "\"$89.00\"" }, { "money(0)", "\"$0.00\"" },
	    { "money(5)", "\"$0.05\"" }, { "money(-123456789)", "\"-$1,234,567.89\"" },
	    { "money(100000)", "\"$1,000.00\"" }, { "money(8900.0)", "\"$89.00\"" },
	    { "money(-9223372036854775807 - 1)", "\"-$92,233,720,368,547,758.08\"" },
	    { "money(nil)", "run: money: expected a whole number of cents, got nil" },
	    { "money('8900')", "run: money: expected a whole number of cents, got text" },
	    { "money(0.5)", "run: money: expected a whole number of cents, got a number" },
	    { "date('2026-12-01')", "\"December 1, 2026\"" },
	    { "date('2024-02-29T10:00:00Z')", "\"February 29, 2024\"" },
	    { "date('2026-02-29')",
		"run: date: expected a day like \"2026-12-01\", got \"2026-02-29\"" },
	    { "date('2026-13-01')",
		"run: date: expected a day like \"2026-12-01\", got \"2026-13-01\"" },
	    { "date('soon')", "run: date: expected a day like \"2026-12-01\", got \"soon\"" },
	    { "date('')", "run: date: expected a day like \"2026-12-01\", got \"\"" },
	    { "date(order.delivered_on)",
		"run: date: expected a day like \"2026-12-01\", got nil" },
	    { "join({'a', 'b', 'c'}, ', ', ' and ')", "\"a, b and c\"" },
	    { "join({'a', 'b'}, ', ', ' and ')", "\"a and b\"" },
	    { "join({'a'}, ', ', ' and ')", "\"a\"" }, { "join({}, ', ')", "\"\"" },
	    { "join({1, 'x'})", "\"1, x\"" }, { "lower(text)", "\"ärger straße\"" },
	    { "lower('ΑΩ ДЁ')", "\"αω дё\"" }, { "lower('ABC×÷')", "\"abc×÷\"" });
}

static void currencies_have_their_own_shape(void **state)
{
	static const struct {
		const char *code, *is;
	} rows[] = { { "EUR", "€1,234.56" }, { "GBP", "£1,234.56" }, { "JPY", "¥123,456" },
		{ "CHF", "CHF 1,234.56" }, { "SEK", "SEK 1,234.56" }, { "KWD", "KWD 123.456" } };
	struct desk *d = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		script_free(d->script);
		d->script = script_new(rows[i].code);
		assert_string_equal(text(d, "{{ money(123456) }}"), rows[i].is);
	}
}

static void a_key_that_is_not_there_is_an_error(void **state)
{
	CHECK_VALUES({ "order.refundable",
			 "run: there is no key 'refundable' (there are: order_id, total_cents, "
			 "paid, delivered_on); has(t, \"refundable\") asks first" },
	    { "slots.order_id == nothing",
		"run: there is no key 'order_id' (there are: it is empty); "
		"has(t, \"order_id\") asks first" },
	    { "policy.rows[4]", "run: there is no item 4: the list has 3" },
	    { "policy.rows[0]", "run: there is no item 0: the list has 3" },
	    { "policy.rows.item", "run: a list is read by number; text is none" },
	    { "order[1]", "run: an object has named keys; a number is none" },
	    { "#order", "run: an object has no length" },
	    { "filter({}, function() return true end)[1]",
		"run: there is no item 1: the list has 0" },
	    { "nothing.x", "run: attempt to index a nil value (global 'nothing')" },
	    { "order.delivered_on < 'x'", "run: attempt to compare nil with string" },
	    { "order < order", "run: attempt to compare two object values" },
	    { "order.total_cents + order",
		"run: attempt to perform arithmetic on a object value (global 'order')" });
}

static void conditions_are_true_false_or_nil(void **state)
{
	static const struct {
		const char *source;
		int holds;
	} rows[] = { { "true", 1 }, { "1 == 2", 0 }, { "nothing", 0 }, { "order.delivered_on", 0 },
		{ "policy.rows[2].refundable", -1 }, { "'x'", -1 }, { "order", -1 } };
	struct desk *d = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct expression *x = script_expression(d->script, rows[i].source, names, &d->e);

		assert_non_null(x);
		assert_int_equal(expression_holds(x, d->data, &d->e), rows[i].holds);
	}
	assert_string_equal(d->e.msg,
	    "it gives an object, which is neither true nor false; compare it (== 1, ~= nil)");
	CHECK_VALUES({ "any(policy.rows, function(r) return r.refundable end)",
	    "run: any: the function gives a number for item 1, not true or false; compare it (== "
	    "1)" });
}

static void names_are_known_when_it_is_compiled(void **state)
{
	CHECK_VALUES({ "polcy.rows", "compile: 1:1: unknown name 'polcy'; did you mean \"policy\"? "
				     "(known here: order, policy, slots, nothing, text, big)" },
	    { "order.paid and\n  missing == 1",
		"compile: 2:3: unknown name 'missing' (known here: order, policy, "
		"slots, nothing, text, big)" },
	    { "filter(policy.rows, function(r) return s.x end)",
		"compile: 1:40: unknown name 's' (known here: order, policy, slots, nothing, text, "
		"big)" },
	    { "(function(a) return a end)(1) + a", "compile: 1:33: unknown name 'a' (known here: "
						   "order, policy, slots, nothing, text, big)" },
	    { "(function() local x = x return x end)()",
		"compile: 1:23: unknown name 'x' (known here: order, policy, slots, nothing, text, "
		"big)" },
	    { "'ä' .. _ENV", "compile: 1:8: unknown name '_ENV' (known here: order, policy, slots, "
			     "nothing, text, "
			     "big)" },
	    { "fitler(policy.rows, 1)",
		"compile: 1:1: unknown name 'fitler'; did you mean \"filter\"? (known here: order, "
		"policy, slots, nothing, text, big)" },
	    { "string.rep('x', 9)",
		"compile: 1:1: unknown name 'string' (known here: order, policy, slots, "
		"nothing, text, big)" },
	    { "(function(_ENV) return 1 end)({})", "compile: 1:11: '_ENV' cannot be a name" });
}

static void functions_may_have_locals_and_ifs(void **state)
{
	CHECK_VALUES({ "map({1, 2, 3}, function(x) local y, z = x * 2, 1; if y > 4 then return "
		       "'big' elseif y == 4 then "
		       "return 'even' else return y + z end end)",
			 "[3,\"even\",\"big\"]" },
	    { "(function(n) local function f(k) if k == 0 then return 1 end return k * f(k - 1) "
	      "end return f(n) "
	      "end)(5)",
		"120" },
	    { "(function() return end)()", "null" }, { "(function() end)()", "null" });
}

static void mistakes_have_a_place(void **state)
{
	CHECK_VALUES({ "", "compile: 1:1: there is no expression" },
	    { "1 +", "compile: 1:4: expected a value, but it ends here" },
	    { "order.paid = true", "compile: 1:12: '=' does not compare; write '=='" },
	    { "a.b", "compile: 1:1: unknown name 'a' (known here: order, policy, slots, nothing, "
		     "text, big)" },
	    { "order.total_cents 5", "compile: 1:19: expected the end of the expression, got '5'" },
	    { "(1 + 2", "compile: 1:1: this ( is never closed" },
	    { "'abc", "compile: 1:1: this text has no closing '" },
	    { "1 ? 2", "compile: 1:3: unexpected character '?'" },
	    { "1 + ?", "compile: 1:5: unexpected character '?'" },
	    { "1 + €", "compile: 1:5: unexpected character '€'" },
	    { "order:paid()",
		"compile: 1:6: methods (value:name()) are not allowed; write name(value)" },
	    { "('x'):rep(5)",
		"compile: 1:6: methods (value:name()) are not allowed; write name(value)" },
	    { "1 -- one", "compile: 1:3: comments (--) are not allowed in an expression" },
	    { "[[x]]", "compile: 1:1: write a text in quotes, not in [[ ]]" },
	    { "(function(...) return 1 end)()",
		"compile: 1:11: '...' is not allowed: name the parameters" },
	    { "(function() while true do end end)()",
		"compile: 1:13: there are no loops ('while'); use any, all, filter, map, sum or "
		"count" },
	    { "(function() for i = 1, 2 do end end)()",
		"compile: 1:13: there are no loops ('for'); use any, all, filter, map, sum or "
		"count" },
	    { "(function() goto x end)()",
		"compile: 1:13: expected 'local', 'if', 'return' or 'end', got 'goto'" },
	    { "(function() order = 1 end)()",
		"compile: 1:13: expected 'local', 'if', 'return' or 'end', got 'order'" },
	    { "(function(x) return x", "compile: 1:22: expected 'end', but it ends here" },
	    { "'\\q'", "compile: 1:1: invalid escape sequence near ''\\q'" },
	    { "order..paid", "compile: 1:8: unknown name 'paid' (known here: order, policy, slots, "
			     "nothing, text, big)" },
	    { "(function() local a <const> = 1 return a end)()",
		"compile: 1:21: expected '=', got '<'" },
	    { "1 == 1 == ", "compile: 1:11: expected a value, but it ends here" },
	    { "{1, 2", "compile: 1:6: expected '}', but it ends here" });
}

static void errors_say_the_line_when_there_are_several(void **state)
{
	CHECK_VALUES({ "order.paid and\norder.total_cents > 1 and\norder.x",
	    "run: line 3: there is no key 'x' (there "
	    "are: order_id, total_cents, paid, delivered_on); has(t, \"x\") asks first" });
}

static void a_name_cannot_hide_a_function(void **state)
{
	static const char *const bad[] = { "order", "count", NULL };
	struct desk *d = *state;

	assert_null(script_expression(d->script, "1", bad, &d->e));
	assert_string_equal(d->e.msg, "1:1: 'count' is a function and cannot be a name");
}

static void templates_put_values_in(void **state)
{
	static const struct row rows[] = { { "plain", "plain" }, { "", "" },
		{ "{{ order.order_id }} for {{ money(order.total_cents) }}.",
		    "FW-1001 for $89.00." },
		{ "{{1}}{{ 2 }}", "12" }, { "n{{ nothing }}n", "nn" },
		{ "{{ 0.1 }} {{ 1/3 }} {{ 2.0 }}", "0.1 0.3333333333333333 2" },
		{ "{{ order.paid }}", "true" }, { "{{ '}}' }}", "}}" },
		{ "{{ {a={b=2}}.a.b }}",
		    "compile: 1:13: expected '}}' behind the expression, got '.a.b }}'" },
		{ "{{ ({a={b=2}}).a.b }}", "2" }, { "{{ \"{{\" }}", "{{" }, { "a }} b", "a }} b" },
		{ "x\ny {{ 1", "compile: 2:3: this {{ is never closed" },
		{ "x\ny {{ 1 + }}", "compile: 2:10: expected a value, got '}'" },
		{ "ä {{ nme }}", "compile: 1:6: unknown name 'nme' (known here: order, policy, "
				 "slots, nothing, text, big)" },
		{ "{{ 1 2 }}", "compile: 1:6: expected '}}' behind the expression, got '2 }}'" },
		{ "{{ }}", "compile: 1:4: expected a value, got '}'" },
		{ "{{ policy.rows }}",
		    "run: a list cannot stand in a text; use join(list, \", \")" },
		{ "{{ order }}", "run: an object cannot stand in a text; name one key of it" },
		{ "a\n{{ 1 }}\n{{ order.x }}",
		    "run: line 3: there is no key 'x' (there are: order_id, total_cents, paid, "
		    "delivered_on); has(t, \"x\") asks first" } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(text(*state, rows[i].source), rows[i].is);
}

static void results_must_be_data(void **state)
{
	CHECK_VALUES({ "function() end", "run: the result is a function, which is no data" },
	    { "1/0", "run: the result is no finite number" },
	    { "'\\xff'", "run: the resulting text is no UTF-8" },
	    { "{1, a = 2}", "run: a resulting table mixes named keys and items" },
	    { "{[1.5] = 2}", "run: a resulting table mixes named keys and items" },
	    { "(function() local function f(n) if n == 0 then return 1 end return {f(n - 1)} end "
	      "return f(40) "
	      "end)()",
		"run: the result is nested deeper than 32 levels" });
}

/* Hostile scripts: each ends, in bounded time and memory, with an error in words. */

static const struct row hostile[] = {
	{ "(function(f) return f(f) end)(function(f) return f(f) end)",
	    "run: it takes more than 300000 steps" },
	{ "(function(f) return f(f) end)(function(f) return 1 + f(f) end)",
	    "run: it makes more than 8 MiB of data, or one text above 128 KiB" },
	{ "(function() local function grow(s) return grow(s .. s) end return grow('xxxxxxxx') "
	  "end)()",
	    "run: it makes more than 8 MiB of data, or one text above 128 KiB" },
	{ "(function() local function keep(s, n) return keep(s .. 'x', n + 1) end return keep('', "
	  "0) end)()",
	    "run: it makes more than 8 MiB of data, or one text above 128 KiB" },
	{ "(function() local function nest(t) return nest({t, t, t, t}) end return nest({}) end)()",
	    "run: it takes more than 300000 steps" },
	{ "(function() local function f(x) return any({1}, function() return f(x) end) end return "
	  "f(1) end)()",
	    "run: functions call each other more than 16 levels deep" },
	{ "(function() local function f(x) return map(big, function() return f(x) end) end return "
	  "f(1) end)()",
	    "run: functions call each other more than 16 levels deep" },
	{ "map(big, function() return map(big, function() return sum(big) end) end)",
	    "run: it takes more than 300000 steps" },
	{ "map(big, function() return join(map(big, function() return text end)) end)",
	    "run: it makes more than 8 MiB of data, or one text above 128 KiB" },
	{ "map({1}, function(x) return x.y.z end)",
	    "run: attempt to index a number value (local 'x')" },
	{ "('x').rep('x', 1000000000)", "run: attempt to index a string value (constant 'x')" },
	{ "(''..1).format", "run: attempt to index a string value" },
	{ "text.rep", "run: attempt to index a string value (global 'text')" },
	{ "map.x", "run: attempt to index a function value (global 'map')" },
	{ "any(function() end, 1)", "run: any: expected a list, got a function" },
	{ "any({}, 1)", "run: any: expected a function behind the list, got a number" },
	{ "any(nothing, function() end)", "run: any: expected a list, got nil" },
	{ "filter(order, function() end)", "run: filter: expected a list, got an object" },
	{ "sum({1, 'x'})", "run: sum: item 2 is text, not a number" },
	{ "sum({{}})", "run: sum: item 1 is a list, not a number" },
	{ "join({{}})", "run: join: item 1 is a list, not text" },
	{ "min()", "run: min: there is nothing to choose from" },
	{ "max(1, 'x')", "run: max: text is not a number (item 2)" },
	{ "round('x')", "run: round: expected a number, got text" },
	{ "lower(1)", "run: lower: expected text, got a number" },
	{ "1 // 0", "run: attempt to divide by zero" },
	{ "'10' + 1", "run: attempt to perform arithmetic on a string value (constant '10')" },
};

static void with_a_long_list(struct desk *d)
{
	json_t *big = json_array();

	for (int i = 0; i < 5000; i++)
		json_array_append_new(big, json_integer(i));
	json_object_set_new(d->data, "big", big);
}

static void hostile_scripts_end_in_words(void **state)
{
	with_a_long_list(*state);
	check_values(state, hostile, sizeof(hostile) / sizeof(*hostile));
	CHECK_VALUES({ "order.order_id", "\"FW-1001\"" });
}

static char *repeated(struct arena *mem, const char *a, int n, const char *middle, const char *b)
{
	char *s = arena_alloc(mem, (strlen(a) + strlen(b)) * (size_t)n + strlen(middle) + 1),
	     *to = s;

	for (int i = 0; i < n; i++)
		to = stpcpy(to, a);
	to = stpcpy(to, middle);
	for (int i = 0; i < n; i++)
		to = stpcpy(to, b);
	return s;
}

static const struct {
	const char *open, *middle, *close;
} nests[] = { { "(", "1", ")" }, { "{", "1", "}" }, { "(function() return ", "1", " end)()" },
	{ "(function() if true then return ", "1", " end end)()" }, { "has({}, ", "1", ")" },
	{ "order[", "1", "]" }, { "1 or 1 and 1 == 1 .. 1 + 1 * -(", "1", ")" } };

static void nesting_is_bounded_before_lua_sees_it(void **state)
{
	struct desk *d = *state;

	for (size_t i = 0; i < sizeof(nests) / sizeof(*nests); i++) {
		const char *got = value(
		    d, repeated(d->mem, nests[i].open, 5000, nests[i].middle, nests[i].close));

		if (!strstr(got, ": nested deeper than 30 levels"))
			fail_msg("%s...: %s", nests[i].open, got);
	}
	assert_non_null(strstr(value(d, repeated(d->mem, "not ", 500, "1", "")),
	    ": more than 100 operators in a row"));
	assert_non_null(strstr(value(d, repeated(d->mem, "1 .. ", 500, "1", "")),
	    ": more than 100 operators in a row"));
	assert_string_equal(value(d, repeated(d->mem, "1 + ", 500, "1", "")), "501");
	assert_non_null(strstr(value(d, repeated(d->mem, "1 + ", 5000, "1", "")),
	    "an expression has at most 16384 bytes"));
}

/* What a fiber has. Sanitizers make frames of ours about twice as large; Lua's own are not built
 * with them. */
#define STACK_BYTES (64 * 1024)

struct small_stack {
	struct desk *d;
	const char *got[64];
};

static void *run_all(void *arg)
{
	struct small_stack *s = arg;
	struct desk *d = s->d;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++)
		s->got[n++] = value(d, hostile[i].source);
	for (size_t i = 0; i < sizeof(nests) / sizeof(*nests); i++)
		for (int deep = 13; deep <= 30; deep += 17)
			s->got[n++] = value(d,
			    repeated(d->mem, nests[i].open, deep, nests[i].middle, nests[i].close));
	s->got[n++] = value(d, repeated(d->mem, "1 .. ", 99, "1", ""));
	return NULL;
}

static void everything_fits_a_fibers_stack(void **state)
{
	struct small_stack s = { .d = *state };
	pthread_attr_t attr;
	pthread_t thread;
	size_t n = sizeof(hostile) / sizeof(*hostile);

	with_a_long_list(*state);
	pthread_attr_init(&attr);
	assert_int_equal(pthread_attr_setstacksize(&attr, STACK_BYTES), 0);
	assert_int_equal(pthread_create(&thread, &attr, run_all, &s), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(s.got[i], hostile[i].is);
	assert_string_equal(s.got[n], "1");
	assert_string_equal(s.got[n + 4], "1");
	for (; s.got[n]; n++)
		assert_null(strstr(s.got[n], "unknown error"));
}

static void many_evaluations_leave_nothing_behind(void **state)
{
	struct desk *d = *state;
	struct expression *x = script_expression(d->script,
	    "join(map(policy.rows, function(r) return r.order_id .. money(r.amount_cents) end))",
	    names, &d->e);
	struct expression *bad = script_expression(d->script, "order.x", names, &d->e);

	for (int i = 0; i < 2000; i++) {
		struct arena *mem = arena_new();

		assert_non_null(expression_value(x, d->data, mem, &d->e));
		assert_null(expression_value(bad, d->data, mem, &d->e));
		arena_free(mem);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_desk, close_desk)
	const struct CMUnitTest tests[] = {
		TEST(values_keep_their_types),
		TEST(functions_over_lists),
		TEST(has_asks_before_reading),
		TEST(texts_money_and_days),
		TEST(currencies_have_their_own_shape),
		TEST(a_key_that_is_not_there_is_an_error),
		TEST(conditions_are_true_false_or_nil),
		TEST(names_are_known_when_it_is_compiled),
		TEST(functions_may_have_locals_and_ifs),
		TEST(mistakes_have_a_place),
		TEST(errors_say_the_line_when_there_are_several),
		TEST(a_name_cannot_hide_a_function),
		TEST(templates_put_values_in),
		TEST(results_must_be_data),
		TEST(hostile_scripts_end_in_words),
		TEST(nesting_is_bounded_before_lua_sees_it),
		TEST(everything_fits_a_fibers_stack),
		TEST(many_evaluations_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
