#include "check.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* What is written is, byte for byte, what jansson writes; fractions have fewer digits. */

static void same(const json_t *j)
{
	struct arena *mem = arena_new();
	size_t n = json_dumpb(j, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
	char *want = arena_alloc(mem, n + 1);

	assert_true(n > 0);
	json_dumpb(j, want, n, JSON_COMPACT | JSON_ENCODE_ANY);
	assert_string_equal(json_text(mem, j), want);
	assert_int_equal(json_size(j), n);
	arena_free(mem);
}

static void same_and_gone(json_t *j)
{
	assert_non_null(j);
	same(j);
	json_decref(j);
}

static void values_of_every_kind(void **state)
{
	static const json_int_t integers[] = { 0, 1, -1, 9, 10, -10, INT64_MAX, INT64_MIN,
		1234567890123 };
	static const double reals[] = { 0.0, -0.0, 1.0, 1e100, 1.7976931348623157e308,
		123456789.125, 1e17 };

	(void)state;
	same_and_gone(json_true());
	same_and_gone(json_false());
	same_and_gone(json_null());
	same_and_gone(json_object());
	same_and_gone(json_array());
	for (size_t i = 0; i < sizeof(integers) / sizeof(*integers); i++)
		same_and_gone(json_integer(integers[i]));
	for (size_t i = 0; i < sizeof(reals) / sizeof(*reals); i++)
		same_and_gone(json_real(reals[i]));
}

static void fractions_have_the_fewest_digits_that_read_back(void **state)
{
	static const struct {
		double value;
		const char *text;
	} reals[] = { { 0.1, "0.1" }, { 89.9, "89.9" }, { -2.5e-7, "-2.5e-7" }, { 1e16, "1e16" },
		{ 0.1 + 0.2, "0.30000000000000004" }, { 1e-4, "0.0001" }, { 1e-5, "1e-5" },
		{ 3, "3.0" }, { 5e-324, "4.94065645841247e-324" } };
	struct arena *mem = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(reals) / sizeof(*reals); i++) {
		const json_t *j = json_in(mem, json_real(reals[i].value)), *back;

		assert_string_equal(json_text(mem, j), reals[i].text);
		back = json_read_own(mem, json_text(mem, j));
		assert_true(json_is_real(back));
		assert_true(json_real_value(back) == reals[i].value);
	}
	arena_free(mem);
}

static void every_character_in_a_text_and_in_a_key(void **state)
{
	char s[2] = { 0 };

	(void)state;
	for (int c = 0; c < 128; c++) {
		json_t *o = json_object(), *t;

		s[0] = (char)c;
		t = json_stringn(s, 1);
		same(t);
		json_object_setn(o, s, 1, t);
		same_and_gone(o);
		json_decref(t);
	}
	same_and_gone(json_string("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80/\x7f"));
	same_and_gone(json_stringn("a\0\"b\n", 5));
}

static void nothing_is_no_text(void **state)
{
	struct arena *mem = arena_new();

	(void)state;
	assert_string_equal(json_text(mem, NULL), "");
	assert_int_equal(json_size(NULL), 0);
	arena_free(mem);
}

static uint64_t chance;

static int below(int n)
{
	chance = chance * 6364136223846793005u + 1442695040888963407u;
	return (int)((chance >> 33) % (uint64_t)n);
}

static json_t *some_text(void)
{
	static const char *const pieces[] = { "a", "\"", "\\", "\n", "\x01", "\xc3\xbc",
		"long text " };
	char s[200] = "";

	for (int n = below(8); n > 0; n--)
		strcat(s, pieces[below(7)]);
	return json_string(s);
}

static json_t *some_tree(int depth)
{
	json_t *j;

	switch (below(depth ? 7 : 5)) {
	case 0: return json_integer((json_int_t)(chance >> below(60)) - 1000);
	case 1: return json_real((double)below(1000000) / 64);
	case 2: return some_text();
	case 3: return json_boolean(below(2));
	case 4: return json_null();
	case 5:
		j = json_array();
		for (int n = below(5); n > 0; n--)
			json_array_append_new(j, some_tree(depth - 1));
		return j;
	default:
		j = json_object();
		for (int n = below(5); n > 0; n--) {
			json_t *key = some_text();

			json_object_set_new(j, json_string_value(key), some_tree(depth - 1));
			json_decref(key);
		}
		return j;
	}
}

static void any_tree(void **state)
{
	(void)state;
	chance = check_seed();
	for (int i = 0; i < 5000; i++)
		same_and_gone(some_tree(6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_every_kind),
		cmocka_unit_test(fractions_have_the_fewest_digits_that_read_back),
		cmocka_unit_test(every_character_in_a_text_and_in_a_key),
		cmocka_unit_test(nothing_is_no_text),
		cmocka_unit_test(any_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
