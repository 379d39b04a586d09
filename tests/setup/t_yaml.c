#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "setup/environment.h"
#include "setup/yaml.h"

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct read {
	struct arena *mem;
	struct mistakes m;
	struct yaml *y;
};

static struct read read_bytes(const char *text, size_t n)
{
	struct read r = { .mem = arena_new() };

	r.m = mistakes_none(r.mem);
	r.y = yaml_read(&r.m, "a.yaml", text, n);
	return r;
}

static struct read read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

/* Every mistake, a line each. */
static const char *mistakes(struct read *r)
{
	struct buf lines = { 0 };
	const char *out;

	mistakes_sort(&r->m);
	for (int i = 0; i < r->m.n; i++)
		buf_printf(&lines, "%s\n", mistake_line(r->mem, &r->m.list[i]));
	out = arena_strdup(r->mem, buf_str(&lines));
	buf_done(&lines);
	return out;
}

static void check_json(const char *text, const char *want)
{
	struct read r = read_text(text);

	assert_string_equal(mistakes(&r), "");
	assert_non_null(r.y);
	assert_string_equal(json_text(r.mem, yaml_root(r.y)), want);
	arena_free(r.mem);
}

static void scalars_are_what_yaml_1_2_says(void **state)
{
	static const char *const rows[][2] = {
		{ "on", "\"on\"" },
		{ "[yes, no, off, y, N]", "[\"yes\",\"no\",\"off\",\"y\",\"N\"]" },
		{ "[true, False, TRUE, tRUE]", "[true,false,true,\"tRUE\"]" },
		{ "[null, ~, Null, '', nil]", "[null,null,null,\"\",\"nil\"]" },
		{ "{ a: , b: }", "{\"a\":null,\"b\":null}" },
		{ "[1, -2, +3, 007, 0o17, 0x1F, 0o8, 0xg, 1_000]",
		    "[1,-2,3,7,15,31,\"0o8\",\"0xg\",\"1_000\"]" },
		{ "[1., .5, -2.5, 1e3, 1.5E-1, 1.e2, ., -, 1e, '1']",
		    "[1.0,0.5,-2.5,1000.0,0.15,100.0,\".\",\"-\",\"1e\",\"1\"]" },
		{ "9223372036854775807", "9223372036854775807" },
		{ "[12:30, 2026-11-24, 1.2.3]", "[\"12:30\",\"2026-11-24\",\"1.2.3\"]" },
		{ "\"caf\\u00e9 \\n\"", "\"caf\xc3\xa9 \\n\"" },
		{ "\xef\xbb\xbf"
		  "a: 1",
		    "{\"a\":1}" },
		{ "a: |\n  one\n   two\n\nb: >-\n  one\n  two\n",
		    "{\"a\":\"one\\n two\\n\",\"b\":\"one two\"}" },
		{ "? a\n: 1\n", "{\"a\":1}" },
		{ "<<: 1", "{\"<<\":1}" },
		{ "%YAML 1.2\n---\na: 1\n...\n", "{\"a\":1}" },
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		check_json(rows[i][0], rows[i][1]);
}

static void what_json_cannot_say_is_a_mistake(void **state)
{
	static const char *const rows[][2] = {
		{ "a: &x 1\nb: *x\n",
		    "a.yaml:1:4: anchors are not supported: write the value out where it is "
		    "needed\n"
		    "a.yaml:2:4: aliases are not supported: write the value out where it is "
		    "needed\n" },
		{ "a: 1\nb: 2\na: 3\n", "a.yaml:3:1: \"a\" is here twice\n" },
		{ "x:\n  - { a: 1, a: 2 }\n", "a.yaml:2:13: \"a\" is here twice\n" },
		{ "a: !!str 1\nb: !x {}\n",
		    "a.yaml:1:4: tags are not supported; quotes make text of anything\n"
		    "a.yaml:2:4: tags are not supported; quotes make text of anything\n" },
		{ "a: 1\n---\nb: 1\n", "a.yaml:2:1: a second document is not supported\n" },
		{ "1: a\ntrue: b\n~: c\n",
		    "a.yaml:1:1: a key must be text: put \"1\" in quotes\n"
		    "a.yaml:2:1: a key must be text: put \"true\" in quotes\n"
		    "a.yaml:3:1: a key must be text: put \"~\" in quotes\n" },
		{ "[a]: 1\n", "a.yaml:1:1: a key must be text, not a list or a map\n" },
		{ "a: .inf\nb: -.INF\nc: .nan\n",
		    "a.yaml:1:4: is no number that JSON knows; put it in quotes to keep it as "
		    "text\n"
		    "a.yaml:2:4: is no number that JSON knows; put it in quotes to keep it as "
		    "text\n"
		    "a.yaml:3:4: is no number that JSON knows; put it in quotes to keep it as "
		    "text\n" },
		{ "a: 9223372036854775808\n",
		    "a.yaml:1:4: is a whole number beyond 64 bits; put it in quotes to keep it as "
		    "text\n" },
		{ "a: 1e999\n",
		    "a.yaml:1:4: is too large a number; put it in quotes to keep it as text\n" },
		{ "a: \"x\\0y\"\n", "a.yaml:1:4: a text may not contain the character NUL\n" },
		{ "", "a.yaml:1:1: the file is empty\n" },
		{ "# nothing\n", "a.yaml:1:1: the file is empty\n" },
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct read r = read_text(rows[i][0]);

		assert_string_equal(mistakes(&r), rows[i][1]);
		arena_free(r.mem);
	}
}

static void a_mistake_of_form_has_its_place(void **state)
{
	static const char *const rows[][2] = {
		{ "a: [1, 2\nb: 3\n",
		    "a.yaml:2:2: did not find expected ',' or ']', while parsing a "
		    "flow sequence that starts in line 1\n" },
		{ "a: b: c\n", "a.yaml:1:5: mapping values are not allowed in this context\n" },
		{ "a: 'x\n", "a.yaml:2:1: found unexpected end of stream, while scanning a quoted "
			     "scalar that starts in line 1\n" },
		{ "a: 1\n\tb: 2\n", "a.yaml:2:1: a tab is here; lines are indented with blanks\n" },
		{ "a:\n  b:\n\tc: 2\n",
		    "a.yaml:3:1: a tab is here; lines are indented with blanks\n" },
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct read r = read_text(rows[i][0]);

		assert_null(r.y);
		assert_string_equal(mistakes(&r), rows[i][1]);
		arena_free(r.mem);
	}
}

static void check_bytes(const char *bytes, size_t n, const char *want)
{
	struct read r = read_bytes(bytes, n);

	assert_null(r.y);
	assert_string_equal(mistakes(&r), want);
	arena_free(r.mem);
}

static void bytes_that_are_no_text_have_their_place(void **state)
{
	static char large[YAML_BYTES_MAX + 1];

	(void)state;
	check_bytes("a: 1\nb: \0\n", 10, "a.yaml:2:4: the character NUL is not allowed\n");
	check_bytes("a: \xc3\xa9\n\xc3\xa9: \xff\n", 11, "a.yaml:2:4: not UTF-8 here\n");
	check_bytes("a: \xe2\x82", 5, "a.yaml:1:4: not UTF-8 here\n");
	check_bytes("\xff\xfe"
		    "a\0",
	    4, "a.yaml:1:1: not UTF-8 here\n");
	check_bytes(large, sizeof(large), "a.yaml:1:1: larger than 1024 KiB\n");
}

static void nesting_and_size_are_bounded(void **state)
{
	struct buf b = { 0 };
	struct read r;

	(void)state;
	for (int i = 0; i < 10000; i++)
		buf_adds(&b, "[");
	r = read_text(b.data);
	assert_null(r.y);
	assert_string_equal(mistakes(&r), "a.yaml:1:57: nested too deeply\n");
	arena_free(r.mem);

	buf_clear(&b);
	for (int i = 0; i < 60000; i++)
		buf_adds(&b, "- 1\n");
	r = read_text(b.data);
	assert_null(r.y);
	assert_string_equal(mistakes(&r), "a.yaml:50000:3: too many values for one file\n");
	arena_free(r.mem);
	buf_done(&b);
}

static void check_place(const struct read *r, const char *pointer, int line, int column)
{
	struct place at = yaml_place(r->y, pointer);

	if (at.line != line || at.column != column)
		fail_msg("%s is at %d:%d", pointer, at.line, at.column);
}

static void every_value_knows_its_place(void **state)
{
	struct read r = read_text("name: x\n"
				  "tools:\n"
				  "  a/b:\n"
				  "    list: [1, \xc3\xa9, { k: v }]\n"
				  "  \"c\": 3\n");

	(void)state;
	check_place(&r, "", 1, 1);
	check_place(&r, "/name", 1, 1);
	check_place(&r, "/tools", 2, 1);
	check_place(&r, "/tools/a~1b", 3, 3);
	check_place(&r, "/tools/a~1b/list/1", 4, 15);
	check_place(&r, "/tools/a~1b/list/2", 4, 18);
	check_place(&r, "/tools/a~1b/list/2/k", 4, 20);
	check_place(&r, "/tools/c", 5, 3);
	check_place(&r, "/tools/c/not/there", 5, 3);
	check_place(&r, "/nothing", 1, 1);
	assert_string_equal(yaml_path(r.y, "/tools/a~1b/list/2/k"), "tools.a/b.list[2].k");
	assert_string_equal(yaml_path(r.y, ""), "");
	arena_free(r.mem);
}

/* The place of the first "X" in the text at /q. */
static void check_inside(const char *file, int line, int column)
{
	struct read r = read_text(file);
	const char *text = json_str(yaml_root(r.y), "q");
	struct place at;
	bool exact = yaml_place_in(r.y, "/q", text, (size_t)(strchr(text, 'X') - text), &at);

	assert_true(exact);
	if (at.line != line || at.column != column)
		fail_msg("%s: at %d:%d", file, at.line, at.column);
	arena_free(r.mem);
}

static void a_byte_of_a_text_knows_its_place_in_every_style(void **state)
{
	(void)state;
	check_inside("q: SELECT X\n", 1, 11);
	check_inside("q: SELECT\n   a,\n   X\n", 3, 4);
	check_inside("q: \"SELECT \xc3\xa9 \\\" X\"\n", 1, 17);
	check_inside("q: 'it''s X'\n", 1, 11);
	check_inside("q: 'X'\n", 1, 5);
	check_inside("a: 1\nq: |\n    SELECT\n      a,\n\n      X\n", 6, 7);
	check_inside("q: >-\n  SELECT\n  a X\n", 3, 5);
	check_inside("q: |2\n    SELECT X\n", 2, 12);
	check_inside("q:\n  X\n", 2, 3);
}

static void where_a_byte_stood_is_not_guessed(void **state)
{
	struct read r = read_text("a: 1\nq: \"\\x41 b\"\n");
	struct place at;

	(void)state;
	assert_false(yaml_place_in(r.y, "/q", "A b", 2, &at));
	assert_int_equal(at.line, 2);
	assert_int_equal(at.column, 4);
	assert_true(yaml_place_in(r.y, "/q", "A b", 0, &at));
	assert_false(yaml_place_in(r.y, "/nothing", "A b", 2, &at));
	arena_free(r.mem);
}

static void a_line_and_column_within_a_text_are_found(void **state)
{
	struct read r = read_text("q: |\n  has(t)\n  and\n  x == 1\n");
	struct place at;

	(void)state;
	assert_true(yaml_place_line(r.y, "/q", 3, 3, &at));
	assert_int_equal(at.line, 4);
	assert_int_equal(at.column, 5);
	assert_false(yaml_place_line(r.y, "/none", 1, 1, &at));
	arena_free(r.mem);
}

static void the_environment_stands_in_texts(void **state)
{
	struct read r;

	(void)state;
	setenv("FD_TEST_HOST", "db.example", 1);
	setenv("FD_TEST_EMPTY", "", 1);
	setenv("FD_TEST_ODD", "[1, 2]\n${FD_TEST_HOST}", 1);
	r = read_text(
	    "a: ${FD_TEST_HOST}\n"
	    "b: [\"x ${FD_TEST_HOST}:${FD_TEST_EMPTY}!\", $${NOT}, $5, { k: ${FD_TEST_HOST} }]\n"
	    "c: ${FD_TEST_ODD}\n"
	    "${KEY}: 1\n");
	environment_expand(&r.m, r.y);
	assert_string_equal(mistakes(&r), "");
	assert_string_equal(json_text(r.mem, yaml_root(r.y)),
	    "{\"a\":\"db.example\",\"b\":[\"x "
	    "db.example:!\",\"${NOT}\",\"$5\",{\"k\":\"db.example\"}],"
	    "\"c\":\"[1, 2]\\n${FD_TEST_HOST}\",\"${KEY}\":1}");
	arena_free(r.mem);
}

static void a_missing_variable_is_a_mistake_where_it_is_named(void **state)
{
	struct read r = read_text("a: 1\n"
				  "deep:\n"
				  "  - key: \"Bearer ${FD_TEST_MISSING} ${FD_TEST_ALSO}\"\n"
				  "b: ${1X}\n"
				  "c: ${unclosed\n");

	(void)state;
	unsetenv("FD_TEST_MISSING");
	environment_expand(&r.m, r.y);
	assert_string_equal(mistakes(&r),
	    "a.yaml:3:18: deep[0].key: the environment variable FD_TEST_MISSING is not set\n"
	    "a.yaml:3:37: deep[0].key: the environment variable FD_TEST_ALSO is not set\n"
	    "a.yaml:4:4: b: expected ${NAME}; a ${ that is text is written $${\n"
	    "a.yaml:5:4: c: expected ${NAME}; a ${ that is text is written $${\n");
	arena_free(r.mem);
}

static void mistakes_come_in_the_order_of_places_and_once(void **state)
{
	struct arena *mem = arena_new();
	struct mistakes m = mistakes_none(mem);

	(void)state;
	mistakes_add(&m, (struct place){ "b.yaml", 1, 1 }, "", "four");
	mistakes_add(&m, (struct place){ "a.yaml", 10, 1 }, "x", "three");
	mistakes_add(&m, (struct place){ "a.yaml", 2, 9 }, "x.y", "two");
	mistakes_add(&m, (struct place){ "a.yaml", 2, 9 }, "x.y", "two");
	mistakes_add(&m, (struct place){ .file = "a.yaml" }, "", "one");
	for (int i = 0; i < 20; i++)
		mistakes_add(&m, (struct place){ "b.yaml", 1, 1 }, "", "four");
	mistakes_sort(&m);
	assert_int_equal(m.n, 4);
	assert_string_equal(mistake_line(mem, &m.list[0]), "a.yaml: one");
	assert_string_equal(mistake_line(mem, &m.list[1]), "a.yaml:2:9: x.y: two");
	assert_string_equal(mistake_line(mem, &m.list[2]), "a.yaml:10:1: x: three");
	assert_string_equal(mistake_line(mem, &m.list[3]), "b.yaml:1:1: four");
	arena_free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_are_what_yaml_1_2_says),
		cmocka_unit_test(what_json_cannot_say_is_a_mistake),
		cmocka_unit_test(a_mistake_of_form_has_its_place),
		cmocka_unit_test(bytes_that_are_no_text_have_their_place),
		cmocka_unit_test(nesting_and_size_are_bounded),
		cmocka_unit_test(every_value_knows_its_place),
		cmocka_unit_test(a_byte_of_a_text_knows_its_place_in_every_style),
		cmocka_unit_test(where_a_byte_stood_is_not_guessed),
		cmocka_unit_test(a_line_and_column_within_a_text_are_found),
		cmocka_unit_test(the_environment_stands_in_texts),
		cmocka_unit_test(a_missing_variable_is_a_mistake_where_it_is_named),
		cmocka_unit_test(mistakes_come_in_the_order_of_places_and_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
