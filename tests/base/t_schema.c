#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/schema.h"

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *parse(struct arena *mem, const char *text)
{
	struct err e;
	json_t *j = json_read_in(mem, text, strlen(text), &e);

	if (!j)
		fail_msg("%s: %s", text, e.msg);
	return j;
}

static int collect(void *arg, const char *pointer, const char *message)
{
	buf_printf(arg, "%s: %s\n", pointer, message);
	return 0;
}

/* All mistakes of a value, a line each. */
static const char *mistakes(struct arena *mem, const char *schema, const char *value)
{
	struct buf lines = { 0 };
	struct err e;
	struct schema *s = schema_compile(parse(mem, schema), &e);
	const char *out;

	if (!s)
		fail_msg("%s: %s", schema, e.msg);
	if (schema_check(s, parse(mem, value), collect, &lines) != (lines.len == 0))
		fail_msg("%s: the answer and the mistakes differ", value);
	schema_free(s);
	out = arena_strdup(mem, buf_str(&lines));
	buf_done(&lines);
	return out;
}

/* The same for the definition itself. */
static const char *refusal(struct arena *mem, const char *schema)
{
	struct buf lines = { 0 };
	const char *out;

	assert_null(schema_compile_all(parse(mem, schema), collect, &lines));
	out = arena_strdup(mem, buf_str(&lines));
	buf_done(&lines);
	return out;
}

#define ORDER                                                                                      \
	"{\"type\":\"object\",\"properties\":{\"order_id\":{\"type\":\"string\",\"pattern\":"      \
	"\"^FW-[0-9]{4,}$\"},\"amount_cents\":{\"type\":\"integer\",\"minimum\":1},\"effect\":"    \
	"{\"enum\":[\"read\",\"write\"]},\"items\":{\"type\":\"array\",\"items\":{\"type\":"       \
	"\"object\",\"required\":[\"id\"]},\"maxItems\":2}},\"required\":[\"order_id\"],"          \
	"\"additionalProperties\":false}"

static void each_mistake_has_its_place_and_says_what_was_expected(void **state)
{
	static const struct {
		const char *value, *want;
	} rows[] = {
		{ "{\"order_id\":\"FW-1234\",\"amount_cents\":5.0}", "" },
		{ "[]", ": expected object, got array\n" },
		{ "{}", ": missing \"order_id\"\n" },
		{ "{\"order_id\":7,\"amount_cents\":\"5\"}",
		    "/order_id: expected string, got integer\n"
		    "/amount_cents: expected integer, got string\n" },
		{ "{\"order_id\":\"FW-1234\\n\"}",
		    "/order_id: does not match the pattern ^FW-[0-9]{4,}$\n" },
		{ "{\"order_id\":\"FW-1234\",\"amount_cents\":0.5}",
		    "/amount_cents: expected integer, got number\n" },
		{ "{\"order_id\":\"FW-1234\",\"amount_cents\":0}",
		    "/amount_cents: expected at least 1\n" },
		{ "{\"order_id\":\"FW-1234\",\"effect\":\"wirte\"}",
		    "/effect: expected one of \"read\", \"write\"; did you mean \"write\"?\n" },
		{ "{\"order_id\":\"FW-1234\",\"amount\":1,\"order-id\":1}",
		    "/amount: unknown key \"amount\"\n"
		    "/order-id: unknown key \"order-id\"; did you mean \"order_id\"?\n" },
		{ "{\"order_id\":\"FW-1234\",\"items\":[{},{\"id\":1},{}]}",
		    "/items: expected at most 2 items, got 3\n/items/0: missing \"id\"\n"
		    "/items/2: missing \"id\"\n" },
	};
	struct arena *mem = arena_new();

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		assert_string_equal(mistakes(mem, ORDER, rows[i].value), rows[i].want);
	arena_free(mem);
}

static void a_pointer_escapes_what_would_look_like_a_separator(void **state)
{
	struct arena *mem = arena_new();

	(void)state;
	assert_string_equal(
	    mistakes(mem, "{\"additionalProperties\":{\"type\":\"null\"}}", "{\"a/b~c\":1}"),
	    "/a~1b~0c: expected null, got integer\n");
	arena_free(mem);
}

static void of_several_branches_the_one_for_this_type_is_explained(void **state)
{
	static const char *query = "{\"anyOf\":[{\"type\":\"string\",\"minLength\":3},{\"type\":"
				   "\"array\",\"items\":{\"type\":\"string\"}}]}";
	struct arena *mem = arena_new();

	(void)state;
	assert_string_equal(
	    mistakes(mem, query, "[\"a\",1]"), "/1: expected string, got integer\n");
	assert_string_equal(
	    mistakes(mem, query, "\"ab\""), ": expected at least 3 characters, got 2\n");
	assert_string_equal(mistakes(mem, query, "{}"), ": expected array or string, got object\n");
	assert_string_equal(mistakes(mem, "{\"oneOf\":[{\"minimum\":1},{\"maximum\":5}]}", "3"),
	    ": fits 2 alternatives where one is allowed\n");
	assert_string_equal(mistakes(mem, "{\"not\":{\"const\":3}}", "3"),
	    ": is one of the values that are not allowed\n");
	arena_free(mem);
}

static void the_brief_form_is_one_line_and_is_cut_between_characters(void **state)
{
	struct arena *mem = arena_new();
	struct buf many = { 0 };
	struct schema *s;
	struct err e = { 0 };

	(void)state;
	s = schema_compile(parse(mem, ORDER), &e);
	assert_true(schema_check_brief(s, parse(mem, "{\"order_id\":\"FW-0001\"}"), &e));
	assert_int_equal(e.code, ERR_NONE);
	assert_false(schema_check_brief(s, parse(mem, "{\"items\":[{\"id\":1},3]}"), &e));
	assert_int_equal(e.code, ERR_INVALID);
	assert_string_equal(e.msg, "items.1: expected object, got integer; missing \"order_id\"");
	buf_adds(&many, "{");
	for (int i = 0; i < 200; i++)
		buf_printf(&many, "\"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9%d\":1,", i);
	buf_adds(&many, "\"x\":1}");
	assert_false(schema_check_brief(s, parse(mem, buf_str(&many)), &e));
	assert_true(strlen(e.msg) > 280);
	assert_non_null(json_in(mem, json_string(e.msg))); /* is valid UTF-8 */
	buf_done(&many);
	schema_free(s);
	arena_free(mem);
}

static int stop_at_first(void *arg, const char *pointer, const char *message)
{
	(void)pointer, (void)message;
	++*(int *)arg;
	return 1;
}

static void whoever_is_told_may_stop_the_rest(void **state)
{
	struct arena *mem = arena_new();
	struct err e;
	struct schema *s = schema_compile(parse(mem, "{\"items\":{\"type\":\"null\"}}"), &e);
	int told = 0;

	(void)state;
	assert_false(schema_check(s, parse(mem, "[1,2,3]"), stop_at_first, &told));
	assert_int_equal(told, 1);
	schema_free(s);
	arena_free(mem);
}

static void a_bad_definition_is_refused_with_every_mistake(void **state)
{
	static const struct {
		const char *schema, *want;
	} rows[] = {
		{ "{\"type\":\"strnig\",\"properties\":{\"a\":{\"minLength\":-1,\"if\":true}}}",
		    "/type: expected one of object, array, string, integer, number, boolean, "
		    "null\n"
		    "/properties/a/minLength: expected a count, a whole number of 0 or more\n"
		    "/properties/a/if: this keyword of JSON Schema is not supported\n" },
		{ "{\"pattern\":\"a(\"}", "/pattern: bad pattern at character 3: missing closing "
					  "parenthesis\n" },
		{ "{\"items\":[true]}", "/items: expected a schema: an object, true or false\n" },
		{ "{\"required\":[1]}", "/required: expected a list of names\n" },
		{ "{\"enum\":[]}", "/enum: expected a list of the values that are allowed\n" },
		{ "{\"multipleOf\":0}", "/multipleOf: expected a number above 0\n" },
		{ "{\"type\":[]}", "/type: expected at least one type\n" },
		{ "{\"allOf\":[]}", "/allOf: expected a list of schemas\n" },
		{ "{\"properties\":[]}", "/properties: expected an object of schemas\n" },
		{ "{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}",
		    "/$schema: only draft 2020-12 and draft-07 are understood\n" },
		{ "{\"$ref\":\"http://example.com/x\"}",
		    "/$ref: only a reference within the schema is followed, as "
		    "\"#/$defs/name\"\n" },
		{ "{\"$ref\":\"#/$defs/nobody\"}",
		    ": $ref \"#/$defs/nobody\" leads to no schema in here\n" },
		{ "{\"$ref\":\"#/default\",\"default\":{\"type\":\"string\"}}",
		    ": $ref \"#/default\" leads to no schema in here\n" },
		{ "{\"$ref\":\"#/properties/a%zz\"}",
		    ": $ref \"#/properties/a%zz\" leads to no schema in here\n" },
	};
	struct arena *mem = arena_new();

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		assert_string_equal(refusal(mem, rows[i].schema), rows[i].want);
	arena_free(mem);
}

static void a_reference_that_makes_no_headway_is_refused(void **state)
{
	static const char *const circles[] = {
		"{\"$ref\":\"#\"}",
		"{\"allOf\":[{\"$ref\":\"#\"}]}",
		"{\"not\":{\"not\":{\"$ref\":\"#\"}}}",
		"{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#\"}]}}}",
	};
	struct arena *mem = arena_new();
	struct buf chain = { 0 };

	(void)state;
	for (size_t i = 0; i < array_len(circles); i++)
		assert_non_null(strstr(refusal(mem, circles[i]), "in a circle"));
	buf_adds(&chain, "{\"$defs\":{\"d0\":true");
	for (int i = 1; i < 5000; i++)
		buf_printf(&chain, ",\"d%d\":{\"$ref\":\"#/$defs/d%d\"}", i, i - 1);
	buf_adds(&chain, "}}");
	assert_non_null(strstr(refusal(mem, buf_str(&chain)), "in a circle"));
	buf_clear(&chain); /* the other way round: each link is known when the next one asks */
	buf_adds(&chain, "{\"$defs\":{");
	for (int i = 100; i > 0; i--)
		buf_printf(&chain, "\"d%d\":{\"$ref\":\"#/$defs/d%d\"},", i, i - 1);
	buf_adds(&chain, "\"d0\":true}}");
	assert_non_null(strstr(refusal(mem, buf_str(&chain)), "in a circle"));
	buf_done(&chain);
	arena_free(mem);
}

static void a_reference_that_goes_down_may_come_back_up(void **state)
{
	static const char *tree = "{\"type\":\"object\",\"properties\":{\"children\":{\"type\":"
				  "\"array\",\"items\":{\"$ref\":\"#\"}}},"
				  "\"additionalProperties\":false}";
	struct arena *mem = arena_new();

	(void)state;
	assert_string_equal(
	    mistakes(mem, tree, "{\"children\":[{\"children\":[]},{\"children\":[{}]}]}"), "");
	assert_string_equal(mistakes(mem, tree, "{\"children\":[{\"children\":[{\"x\":1}]}]}"),
	    "/children/0/children/0/x: unknown key \"x\"\n");
	arena_free(mem);
}

static void integers_beyond_doubles_are_compared_exactly(void **state)
{
	struct arena *mem = arena_new();

	(void)state;
	assert_string_equal(mistakes(mem, "{\"maximum\":9007199254740992}", "9007199254740993"),
	    ": expected at most 9007199254740992\n");
	assert_string_equal(
	    mistakes(mem, "{\"exclusiveMaximum\":9223372036854775807}", "9223372036854775806"), "");
	assert_string_equal(
	    mistakes(mem, "{\"minimum\":-2.5}", "-3"), ": expected at least -2.5\n");
	assert_string_equal(mistakes(mem, "{\"minimum\":-2.5}", "-2"), "");
	assert_string_equal(mistakes(mem, "{\"const\":9007199254740993}", "9007199254740992.0"),
	    ": expected 9007199254740993\n");
	arena_free(mem);
}

static void equal_items_are_found_whatever_their_order_or_spelling(void **state)
{
	static const char *unique = "{\"uniqueItems\":true}";
	struct arena *mem = arena_new();

	(void)state;
	assert_string_equal(
	    mistakes(mem, unique, "[3,{\"a\":1,\"b\":[2.0]},7,{\"b\":[2],\"a\":1.0}]"),
	    ": items 2 and 4 are the same\n");
	assert_string_equal(mistakes(mem, unique, "[0.0,-0.0]"), ": items 1 and 2 are the same\n");
	assert_string_equal(mistakes(mem, unique, "[1,true,\"1\",[1],null,0,false]"), "");
	arena_free(mem);
}

static void a_hostile_pattern_is_cut_off(void **state)
{
	struct arena *mem = arena_new();
	struct buf text = { 0 };

	(void)state;
	buf_adds(&text, "\"");
	for (int i = 0; i < 18; i++) /* PCRE2 by itself would see this one through */
		buf_adds(&text, "a");
	buf_adds(&text, "!\"");
	assert_string_equal(mistakes(mem, "{\"pattern\":\"^(a+)+$\"}", buf_str(&text)),
	    ": a pattern takes too much work on it\n");
	assert_string_equal(mistakes(mem, "{\"not\":{\"pattern\":\"^(a+)+$\"}}", buf_str(&text)),
	    ": a pattern takes too much work on it\n");
	buf_done(&text);
	arena_free(mem);
}

static void branches_that_multiply_are_cut_off(void **state)
{
	struct arena *mem = arena_new();
	struct buf schema = { 0 };

	(void)state;
	buf_adds(&schema, "{\"$defs\":{\"d0\":{\"type\":\"null\"}");
	for (int i = 1; i < 11; i++)
		buf_printf(&schema,
		    ",\"d%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"},"
		    "{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]}",
		    i, i - 1, i - 1, i - 1, i - 1);
	buf_adds(&schema, "},\"$ref\":\"#/$defs/d10\"}");
	assert_string_equal(
	    mistakes(mem, buf_str(&schema), "7"), ": checking it takes too much work\n");
	buf_done(&schema);
	arena_free(mem);
}

/* The deepest definition on the deepest value, on a stack as small as a fiber's. */
static void *deepest(void *arg)
{
	const json_t *const *pair = arg;
	struct schema *s;
	struct err e;

	s = schema_compile(pair[0], &e);
	if (!s)
		return (void *)"does not compile";
	if (schema_check(s, pair[1], NULL, NULL))
		return (void *)"is valid";
	schema_free(s);
	return NULL;
}

static const json_t *deep_schema(struct arena *mem)
{
	struct buf b = { 0 };
	const json_t *j;

	for (int i = 0; i < 31; i++)
		buf_adds(&b, "{\"patternProperties\":{\"a\":");
	buf_adds(&b, "{\"pattern\":\"((((((((((((((((((((a))))))))))))))))))))\"}");
	for (int i = 0; i < 31; i++)
		buf_adds(&b, "}}");
	j = parse(mem, buf_str(&b));
	buf_done(&b);
	return j;
}

static void on_a_small_stack(const json_t *schema, const json_t *value)
{
	const json_t *pair[] = { schema, value };
	pthread_attr_t attr;
	pthread_t thread;
	void *out;

	pthread_attr_init(&attr);
	assert_int_equal(pthread_attr_setstacksize(&attr, 64 * 1024), 0);
	assert_int_equal(pthread_create(&thread, &attr, deepest, pair), 0);
	assert_int_equal(pthread_join(thread, &out), 0);
	pthread_attr_destroy(&attr);
	if (out)
		fail_msg("%s", (const char *)out);
}

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1 /* frames are several times as large there */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static void a_fibers_stack_is_enough_for_the_deepest_check(void **state)
{
	struct arena *mem = arena_new();
	struct buf value = { 0 };

	(void)state;
	if (SANITIZED) {
		printf("skipped: stack of the deepest check: frames are larger under a "
		       "sanitizer\n");
		arena_free(mem);
		skip();
	}
	for (int i = 0; i < 31; i++)
		buf_adds(&value, "{\"a\":");
	buf_adds(&value, "\"b\"");
	for (int i = 0; i < 31; i++)
		buf_adds(&value, "}");
	on_a_small_stack(deep_schema(mem), parse(mem, buf_str(&value)));

	buf_clear(&value);
	for (int i = 0; i < 64; i++)
		buf_adds(&value, "[");
	for (int i = 0; i < 64; i++)
		buf_adds(&value, "]");
	on_a_small_stack(
	    parse(mem, "{\"$defs\":{\"a\":{\"anyOf\":[{\"type\":\"null\"},{\"allOf\":[{\"not\":"
		       "{\"not\":{\"items\":{\"$ref\":\"#/$defs/a\"}}}}]}]}},\"$ref\":\"#/$defs/"
		       "a\"}"),
	    parse(mem, buf_str(&value)));
	buf_done(&value);
	arena_free(mem);
}

static void a_check_that_would_go_too_deep_says_so(void **state)
{
	struct arena *mem = arena_new();
	struct buf value = { 0 };

	(void)state;
	for (int i = 0; i < 64; i++)
		buf_adds(&value, "[");
	for (int i = 0; i < 64; i++)
		buf_adds(&value, "]");
	assert_string_equal(
	    mistakes(mem, "{\"allOf\":[{\"allOf\":[{\"allOf\":[{\"items\":{\"$ref\":\"#\"}}]}]}]}",
		buf_str(&value)),
	    ": it is nested too deeply\n");
	assert_string_equal(mistakes(mem, "{\"items\":{\"$ref\":\"#\"}}", buf_str(&value)), "");
	buf_done(&value);
	arena_free(mem);
}

static void a_large_honest_value_is_within_the_budget(void **state)
{
	struct arena *mem = arena_new();
	struct buf value = { 0 };

	(void)state;
	buf_adds(&value, "[0");
	for (int i = 1; i < 100000; i++)
		buf_printf(&value, ",%d", i);
	buf_adds(&value, "]");
	assert_string_equal(mistakes(mem, "{\"uniqueItems\":true,\"items\":{\"type\":\"integer\"}}",
				buf_str(&value)),
	    "");
	buf_done(&value);
	arena_free(mem);
}

static const char *nearest_of(const char *wanted, const char *a, const char *b)
{
	struct nearest n = nearest_to(wanted);

	nearest_try(&n, a);
	nearest_try(&n, b);
	return n.best ? n.best : "";
}

static void the_nearest_name_is_a_slip_away_or_nobody(void **state)
{
	char hint[20];
	struct nearest n = nearest_to("naem");

	(void)state;
	assert_string_equal(nearest_of("descripton", "description", "parameters"), "description");
	assert_string_equal(nearest_of("limts", "limits", "tools"), "limits");
	assert_string_equal(
	    nearest_of("lookup_ordre", "lookup_account", "lookup_order"), "lookup_order");
	assert_string_equal(nearest_of("teh", "two", "the"), "the");
	assert_string_equal(nearest_of("webhook", "name", "tools"), "");
	assert_string_equal(nearest_of("ab", "xy", "cd"), "");
	assert_string_equal(nearest_hint(&n, hint, sizeof(hint)), "");
	nearest_try(&n, "name");
	assert_string_equal(nearest_hint(&n, hint, sizeof(hint)), "; did you mean \"nam");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_has_its_place_and_says_what_was_expected),
		cmocka_unit_test(a_pointer_escapes_what_would_look_like_a_separator),
		cmocka_unit_test(of_several_branches_the_one_for_this_type_is_explained),
		cmocka_unit_test(the_brief_form_is_one_line_and_is_cut_between_characters),
		cmocka_unit_test(whoever_is_told_may_stop_the_rest),
		cmocka_unit_test(a_bad_definition_is_refused_with_every_mistake),
		cmocka_unit_test(a_reference_that_makes_no_headway_is_refused),
		cmocka_unit_test(a_reference_that_goes_down_may_come_back_up),
		cmocka_unit_test(integers_beyond_doubles_are_compared_exactly),
		cmocka_unit_test(equal_items_are_found_whatever_their_order_or_spelling),
		cmocka_unit_test(a_hostile_pattern_is_cut_off),
		cmocka_unit_test(branches_that_multiply_are_cut_off),
		cmocka_unit_test(a_fibers_stack_is_enough_for_the_deepest_check),
		cmocka_unit_test(a_check_that_would_go_too_deep_says_so),
		cmocka_unit_test(a_large_honest_value_is_within_the_budget),
		cmocka_unit_test(the_nearest_name_is_a_slip_away_or_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
