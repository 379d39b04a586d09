#include "judge/clauses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static struct arena *mem;

static int setup(void **state)
{
	(void)state;
	mem = arena_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(mem);
	return 0;
}

/* The clauses, joined by " / ". */
static const char *cut(const char *text)
{
	const char *out[CLAUSES_MAX], *all = "";
	const size_t n = clauses_of(mem, text, strlen(text), out);

	for (size_t i = 0; i < n; i++)
		all = arena_printf(mem, "%s%s%s", all, i ? " / " : "", out[i]);
	return all;
}

static void the_opening_of_a_request_carries_over(void **state)
{
	(void)state;
	assert_string_equal(cut("Can you refund my purchase and cancel my account?"),
	    "Can you refund my purchase / Can you cancel my account?");
	assert_string_equal(cut("I want to return the hat, swap the gloves and then cancel Plus."),
	    "I want to return the hat / I want to swap the gloves / I want to cancel Plus");
	assert_string_equal(
	    cut("How do I log in & change my mail"), "How do I log in / How do I change my mail");
}

static void it_does_not_carry_over_to_a_clause_with_a_beginning_of_its_own(void **state)
{
	(void)state;
	assert_string_equal(
	    cut("Can you refund me and I need a label"), "Can you refund me / I need a label");
	assert_string_equal(cut("I want to log in but my password is wrong"),
	    "I want to log in / my password is wrong");
}

static void it_does_not_carry_over_to_the_next_sentence(void **state)
{
	(void)state;
	assert_string_equal(
	    cut("Please cancel Plus. Refund the tent"), "Please cancel Plus / Refund the tent");
}

static void one_more_thing_of_a_clause_is_no_clause(void **state)
{
	(void)state;
	assert_string_equal(cut("I want to return my jacket and boots and cancel Plus"),
	    "I want to return my jacket / I want to cancel Plus");
	assert_string_equal(cut("refund the tent, my boots and stove"), "refund the tent");
	assert_string_equal(cut("Return my jacket. Boots"), "Return my jacket / Boots");
}

static void a_later_opening_takes_over(void **state)
{
	(void)state;
	assert_string_equal(
	    cut("please cancel Plus, and can you refund the tent and track the boots"),
	    "please cancel Plus / can you refund the tent / can you track the boots");
}

static void sentences_end_at_their_marks_and_questions_keep_theirs(void **state)
{
	(void)state;
	assert_string_equal(cut("Where is it?! I paid.\nI wait; I am tired"),
	    "Where is it? / I paid / I wait / I am tired");
}

static void a_dot_inside_a_number_or_a_name_ends_nothing(void **state)
{
	(void)state;
	assert_string_equal(
	    cut("I paid 12.50 on fernweh.example"), "I paid 12.50 on fernweh.example");
}

static void courtesies_are_left_out_beside_a_request(void **state)
{
	(void)state;
	assert_string_equal(
	    cut("Hi there, where is my tent? Thanks in advance!"), "where is my tent?");
}

static void courtesies_alone_are_the_message(void **state)
{
	(void)state;
	assert_string_equal(cut("Hello!"), "Hello!");
	assert_string_equal(cut("hi, thanks a lot"), "hi / thanks a lot");
}

static void curly_apostrophes_are_apostrophes(void **state)
{
	(void)state;
	assert_string_equal(cut("I\xe2\x80\x99"
				"d like to cancel Plus and return the tent"),
	    "I'd like to cancel Plus / I'd like to return the tent");
}

static void no_words_are_no_clauses(void **state)
{
	(void)state;
	assert_string_equal(cut(""), "");
	assert_string_equal(cut(" ,,, ... ?? !"), "");
	assert_string_equal(cut("and and, and"), "");
}

static void the_last_of_too_many_clauses_holds_the_rest(void **state)
{
	const char *out[CLAUSES_MAX];
	const char *text = "";

	(void)state;
	for (int i = 1; i <= CLAUSES_MAX + 2; i++)
		text = arena_printf(mem, "%sit is %d. ", text, i);
	assert_int_equal(clauses_of(mem, text, strlen(text), out), CLAUSES_MAX);
	assert_string_equal(out[CLAUSES_MAX - 2], "it is 95");
	assert_string_equal(out[CLAUSES_MAX - 1], "it is 96. it is 97. it is 98");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_opening_of_a_request_carries_over),
		cmocka_unit_test(it_does_not_carry_over_to_a_clause_with_a_beginning_of_its_own),
		cmocka_unit_test(it_does_not_carry_over_to_the_next_sentence),
		cmocka_unit_test(one_more_thing_of_a_clause_is_no_clause),
		cmocka_unit_test(a_later_opening_takes_over),
		cmocka_unit_test(sentences_end_at_their_marks_and_questions_keep_theirs),
		cmocka_unit_test(a_dot_inside_a_number_or_a_name_ends_nothing),
		cmocka_unit_test(courtesies_are_left_out_beside_a_request),
		cmocka_unit_test(courtesies_alone_are_the_message),
		cmocka_unit_test(curly_apostrophes_are_apostrophes),
		cmocka_unit_test(no_words_are_no_clauses),
		cmocka_unit_test(the_last_of_too_many_clauses_holds_the_rest),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
