#include "base/buf.h"
#include "base/mem.h"
#include "tool/placeholders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void names_become_numbers_of_the_same_length(void **state)
{
	static const struct {
		const char *text, *sql, *names;
	} cases[] = {
		{ "", "", "" },
		{ "SELECT 1", "SELECT 1", "" },
		{ "SELECT :a", "SELECT $1", "a" },
		{ "SELECT :order_id", "SELECT $1       ", "order_id" },
		{ "SELECT :a, :b, :a", "SELECT $1, $2, $1", "a b" },
		{ "id=:id AND x", "id=$1  AND x", "id" },
		{ "(:id)", "($1 )", "id" },
		{ ":customer.id", "$1          ", "customer.id" },
		{ ":customer.id.", "$1          .", "customer.id" },
		{ ":a.b.c", "$1    ", "a.b.c" },
		{ ":a.1", "$1.1", "a" },
		{ ":Order_2", "$1      ", "Order_2" },
		{ "x>:a-1", "x>$1-1", "a" },
		{ "':a'", "':a'", "" },
		{ "'it''s :a' || :b", "'it''s :a' || $1", "b" },
		{ "'' || :b", "'' || $1", "b" },
		{ "\":a\" = :b", "\":a\" = $1", "b" },
		{ "\"a\"\":a\" = :b", "\"a\"\":a\" = $1", "b" },
		{ "`:a` = :b", "`:a` = $1", "b" },
		{ "[:a] = :b", "[:a] = $1", "b" },
		{ "[a]]:b", "[a]]$1", "b" },
		{ "1 -- :a\n+ :b", "1 -- :a\n+ $1", "b" },
		{ "1 -- it's :a", "1 -- it's :a", "" },
		{ "1 /* :a ' */ + :b", "1 /* :a ' */ + $1", "b" },
		{ "1 /*/ :a */ + :b", "1 /*/ :a */ + $1", "b" },
		{ "1 - :b", "1 - $1", "b" },
		{ "1 / :b", "1 / $1", "b" },
		{ "a::text = :b", "a::text = $1", "b" },
		{ ":a::text", "$1::text", "a" },
		{ ":ab:c", "$1 $2", "ab c" },
		{ "a$1 = :b", "a$1 = $1", "b" },
		{ "x'00' || :b", "x'00' || $1", "b" },
		{ "'never closed :a", "'never closed :a", "" },
		{ "[never closed :a", "[never closed :a", "" },
		{ "1 /* never closed :a", "1 /* never closed :a", "" },
		{ "gr\xc3\xbc\xc3\x9f"
		  "e = :b",
		    "gr\xc3\xbc\xc3\x9f"
		    "e = $1",
		    "b" },
		{ ":a,:b,:c,:d,:e,:f,:g,:h,:i,:jj", "$1,$2,$3,$4,$5,$6,$7,$8,$9,$10",
		    "a b c d e f g h i jj" },
	};
	struct arena *mem = arena_new();

	(void)state;
	for (size_t i = 0; i < array_len(cases); i++) {
		struct placeholders p;
		struct buf names = { 0 };
		struct err e = { 0 };
		size_t offset;

		if (placeholders_read(mem, cases[i].text, &p, &offset, &e) < 0)
			fail_msg("%s: %s", cases[i].text, e.msg);
		assert_string_equal(p.sql, cases[i].sql);
		for (int k = 0; k < p.n; k++)
			buf_printf(&names, k ? " %s" : "%s", p.names[k]);
		assert_string_equal(buf_str(&names), cases[i].names);
		buf_done(&names);
	}
	arena_free(mem);
}

static void what_nobody_could_bind_is_refused_where_it_stands(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
		const char *words;
	} cases[] = {
		{ "SELECT ?", 7, "written :name" },
		{ "SELECT ?1", 7, "written :name" },
		{ "SELECT @x", 7, "written :name" },
		{ "SELECT $1", 7, "written :name" },
		{ "SELECT #1", 7, "written :name" },
		{ "SELECT : a", 7, "not followed by the name" },
		{ "SELECT :1", 7, "not followed by the name" },
		{ "SELECT a:", 8, "not followed by the name" },
		{ "SELECT :a:b", 9, "no blank before" },
		{ "SELECT 1 LIMIT:a", 14, "no blank before" },
		{ "SELECT \xc3\xbc:a", 9, "no blank before" },
		{ "SELECT '?', :a, ?", 16, "written :name" },
	};
	struct arena *mem = arena_new();

	(void)state;
	for (size_t i = 0; i < array_len(cases); i++) {
		struct placeholders p;
		struct err e = { 0 };
		size_t offset = 999;

		assert_int_equal(placeholders_read(mem, cases[i].text, &p, &offset, &e), -1);
		assert_int_equal(offset, cases[i].offset);
		assert_int_equal(e.code, ERR_INVALID);
		if (!strstr(e.msg, cases[i].words))
			fail_msg("%s: %s", cases[i].text, e.msg);
	}
	arena_free(mem);
}

static void a_query_with_too_many_names_is_refused(void **state)
{
	struct arena *mem = arena_new();
	struct buf text = { 0 };
	struct placeholders p;
	struct err e = { 0 };
	size_t offset;

	(void)state;
	for (int i = 0; i <= PLACEHOLDERS_MAX; i++)
		buf_printf(&text, ":p%d ", i);
	assert_int_equal(placeholders_read(mem, buf_str(&text), &p, &offset, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_string_equal(text.data + offset, ":p100 ");
	buf_done(&text);
	arena_free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_numbers_of_the_same_length),
		cmocka_unit_test(what_nobody_could_bind_is_refused_where_it_stands),
		cmocka_unit_test(a_query_with_too_many_names_is_refused),
	};

	return cmocka_run_group_tests_name("placeholders", tests, NULL, NULL);
}
