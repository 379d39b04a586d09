#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void nest(struct buf *b, const char *open, const char *close, int depth)
{
	buf_clear(b);
	for (int i = 0; i < depth; i++)
		buf_adds(b, open);
	buf_adds(b, "1");
	for (int i = 0; i < depth; i++)
		buf_adds(b, close);
}

static void nesting_is_bounded_before_it_is_read(void **state)
{
	static const char *const pairs[][2] = { { "[", "]" }, { "{\"a\":", "}" },
		{ "[{\"a\":", "}]" }, { "[ \n", "\t]" } };
	static const int depths[] = { 64, 64, 32, 64 };
	struct buf b = { 0 };
	struct err e;
	json_t *j;

	(void)state;
	for (size_t i = 0; i < array_len(depths); i++) {
		nest(&b, pairs[i][0], pairs[i][1], depths[i]);
		assert_true(json_depth_ok(b.data, b.len, JSON_DEPTH_MAX));
		assert_false(json_depth_ok(b.data, b.len, JSON_DEPTH_MAX - 1));
		j = json_read(b.data, b.len, &e);
		assert_non_null(j);
		json_decref(j);
		nest(&b, pairs[i][0], pairs[i][1], depths[i] + 1);
		assert_null(json_read(b.data, b.len, &e));
		assert_string_equal(e.msg, "nested deeper than 64 levels");
	}
	nest(&b, "[", "]", 10000);
	assert_null(json_read(b.data, b.len, &e));
	assert_int_equal(e.code, ERR_INVALID);
	buf_done(&b);
}

static void brackets_in_strings_do_not_nest(void **state)
{
	static const char *const flat[] = { "\"[[[[\"", "[\"\\\"[[[\"]", "[\"\\\\\",[1]]",
		"{\"[[\":\"]]\"}" };

	(void)state;
	for (size_t i = 0; i < array_len(flat); i++)
		assert_true(json_depth_ok(flat[i], strlen(flat[i]), 2));
	assert_false(json_depth_ok("[\"\\\\\",[[1]]]", 14, 2));
	assert_true(json_depth_ok("\"\\", 2, 0));
	assert_true(json_depth_ok("", 0, 0));
}

static void numbers_too_large_become_texts(void **state)
{
	static const char *const rows[][2] = {
		{ "9223372036854775807", "9223372036854775807" },
		{ "9223372036854775808", "\"9223372036854775808\"" },
		{ "-9223372036854775809", "\"-9223372036854775809\"" },
		{ "[1, 12345678901234567890 ,1e999]", "[1,\"12345678901234567890\",\"1e999\"]" },
		{ "{\"a\\\"99999999999999999999\":99999999999999999999}",
		    "{\"a\\\"99999999999999999999\":\"99999999999999999999\"}" },
		{ "1e400", "\"1e400\"" },
		{ "0.1", "0.1" },
	};
	static const char *const broken[] = { "99999999999999999999-5", "099999999999999999999",
		"{99999999999999999999:1}", "{99999999999999999999 :1}", "[99999999999999999999",
		"x99999999999999999999", "99999999999999999999.", "99999999999999999999 1", "[\"\\",
		"--99999999999999999999", "1e", "" };
	struct arena *mem = arena_new();
	struct err e;

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		assert_string_equal(
		    json_text(mem, json_read_digits_in(mem, rows[i][0], strlen(rows[i][0]), &e)),
		    rows[i][1]);
	for (size_t i = 0; i < array_len(broken); i++) {
		assert_null(json_read_digits_in(mem, broken[i], strlen(broken[i]), &e));
		assert_int_equal(e.code, ERR_INVALID);
	}
	arena_free(mem);
}

static int pass_over(const char *s, size_t n, void *arg)
{
	(void)s, (void)n, (void)arg;
	return 0;
}

static void *read_deepest(void *arg)
{
	struct buf *b = arg;
	struct err e;
	json_t *j = json_read(b->data, b->len, &e);
	json_dump_callback(j, pass_over, NULL, 0);
	json_decref(j);
	return j;
}

static void the_deepest_that_is_read_fits_a_fibers_stack(void **state)
{
	struct buf b = { 0 };
	pthread_attr_t attr;
	pthread_t thread;
	void *read;

	(void)state;
	nest(&b, "{\"a\":", "}", JSON_DEPTH_MAX);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	assert_int_equal(pthread_create(&thread, &attr, read_deepest, &b), 0);
	pthread_join(thread, &read);
	assert_non_null(read);
	pthread_attr_destroy(&attr);
	buf_done(&b);
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "line 1 column 0: unexpected token" },
		{ "{\"a\":1,\n\"b\" 2}", "line 2 column 5: ':' expected near '2'" },
		{ "[1] x", "line 1 column 5: end of file expected" },
		{ "\"\xff\"", "line 1 column 1: unable to decode byte 0xff" },
		{ "{'a':1}", "line 1 column 2:" },
		{ "[1,]", "line 1 column 4:" },
		{ "99999999999999999999", "line 1 column 20: too big integer" },
		{ "\"\\ud800\"", "line 1 column 8: invalid Unicode" },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		assert_null(json_read(rows[i].text, strlen(rows[i].text), &e));
		assert_int_equal(e.code, ERR_INVALID);
		if (strncmp(e.msg, rows[i].want, strlen(rows[i].want)) != 0)
			assert_string_equal(e.msg, rows[i].want);
	}
}

static void any_value_and_any_character_is_read(void **state)
{
	struct arena *mem = arena_new();
	struct err e;
	json_t *j = json_read_in(mem, "\"a\\u0000b\"", 10, &e);

	(void)state;
	assert_int_equal(json_string_length(j), 3);
	assert_memory_equal(json_string_value(j), "a\0b", 3);
	assert_true(json_is_null(json_read_in(mem, "null", 4, &e)));
	assert_int_equal(json_integer_value(json_read_in(mem, "-7", 2, &e)), -7);
	arena_free(mem);
}

static void equal_values_have_one_canonical_text(void **state)
{
	struct arena *mem = arena_new();
	const json_t *a = json_read_own(mem, "{\"b\":[1,{\"d\":2,\"c\":3}],\"a\":\"x\"}");
	const json_t *b = json_read_own(mem, "{ \"a\":\"x\", \"b\":[1,{\"c\":3,\"d\":2}] }");

	(void)state;
	assert_string_equal(json_canonical(mem, a), json_canonical(mem, b));
	assert_string_equal(json_text(mem, a), "{\"b\":[1,{\"d\":2,\"c\":3}],\"a\":\"x\"}");
	assert_string_equal(json_canonical(mem, a), "{\"a\":\"x\",\"b\":[1,{\"c\":3,\"d\":2}]}");
	assert_string_equal(json_text(mem, json_read_own(mem, "\"\xc3\xa9\"")), "\"\xc3\xa9\"");
	arena_free(mem);
}

static void getters_give_the_fallback_for_what_is_not_there(void **state)
{
	struct arena *mem = arena_new();
	json_t *j = json_read_own(mem, "{\"s\":\"x\",\"i\":3,\"r\":1.5,\"t\":true,\"n\":null}");

	(void)state;
	assert_string_equal(json_str(j, "s"), "x");
	assert_null(json_str(j, "i"));
	assert_null(json_str(NULL, "s"));
	assert_string_equal(json_str_or(j, "n", "none"), "none");
	assert_int_equal(json_int(j, "i", 9), 3);
	assert_int_equal(json_int(j, "r", 9), 9);
	assert_int_equal(json_int(j, "s", 9), 9);
	assert_true(json_num(j, "r", 0) == 1.5 && json_num(j, "i", 0) == 3);
	assert_true(json_num(NULL, "r", 2) == 2);
	assert_true(json_flag(j, "t"));
	assert_false(json_flag(j, "i"));
	json_put_str(j, "new", "y");
	json_put_str(j, "absent", NULL);
	assert_string_equal(json_str(j, "new"), "y");
	assert_null(json_object_get(j, "absent"));
	arena_free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nesting_is_bounded_before_it_is_read),
		cmocka_unit_test(brackets_in_strings_do_not_nest),
		cmocka_unit_test(numbers_too_large_become_texts),
		cmocka_unit_test(the_deepest_that_is_read_fits_a_fibers_stack),
		cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
		cmocka_unit_test(any_value_and_any_character_is_read),
		cmocka_unit_test(equal_values_have_one_canonical_text),
		cmocka_unit_test(getters_give_the_fallback_for_what_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
