#include "judge/intents.h"

#include "base/text.h"
#include "examples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* The classifier on public data that it was not made for: Banking77 and CLINC150 with ten examples
 * an intent, and Bitext with forty, whose messages ask for one or two things.  Without the data
 * nothing is measured; under a sanitizer only the smallest set is. */

#define DATA "../shared/data/intents/"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW true
#else
#define SLOW false
#endif

static struct arena *mem;

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* At most `each` lines of a label. */
static void add_some(struct examples *x, const char *file, size_t each)
{
	struct examples all = { 0 };

	if (!examples_from_tsv(mem, &all, file))
		fail_msg("%s is absent", file);
	for (size_t i = 0; i < all.n; i++) {
		size_t same = 0;

		for (size_t k = 0; k < i && same < each; k++)
			same += text_is(all.at[k].intent, all.at[i].intent);
		if (same < each)
			examples_add(x, all.at[i].intent, all.at[i].text);
	}
	free(all.at);
}

static struct intents *trained(struct examples *x)
{
	struct err e = { 0 };
	const double start = now_s();
	struct intents *m = intents_train(x->at, x->n, &e);

	if (!m)
		fail_msg("%s", e.msg);
	printf("%zu examples in %.1f s\n", x->n, now_s() - start);
	free(x->at);
	return m;
}

/* The share of messages whose likeliest intent is the right one. */
static double accuracy(const struct intents *m, const char *file)
{
	struct examples asked = { 0 };
	size_t right = 0;
	double share;

	add_some(&asked, file, SIZE_MAX);
	for (size_t i = 0; i < asked.n; i++) {
		struct intent got[INTENTS_MAX];

		right += intents_of(m, asked.at[i].text, 0, got) > 0 &&
			 text_is(got[0].name, asked.at[i].intent);
	}
	share = (double)right / (double)asked.n;
	printf("%s: %.1f %% right\n", file, share * 100);
	free(asked.at);
	return share;
}

/* The share of messages with exactly the right set of intents above the threshold. */
static double exactness(const struct intents *m, const char *file)
{
	struct examples asked = { 0 };
	size_t right = 0;
	double share;

	add_some(&asked, file, SIZE_MAX);
	for (size_t i = 0; i < asked.n; i++) {
		struct intent got[INTENTS_MAX];
		const int n = intents_of(m, asked.at[i].text, INTENTS_THRESHOLD, got);

		right += examples_same(asked.at[i].intent, got, n);
	}
	share = (double)right / (double)asked.n;
	printf("%s: %.1f %% exactly right\n", file, share * 100);
	free(asked.at);
	return share;
}

static void banking_with_ten_examples_an_intent(void **state)
{
	struct examples x = { 0 };
	struct intents *m;

	(void)state;
	add_some(&x, DATA "banking.train_10.tsv", 10);
	m = trained(&x);
	assert_true(accuracy(m, DATA "bankfull.test.tsv") >= 0.735);
	intents_free(m);
}

static void clinc_with_ten_examples_an_intent_and_what_is_out_of_scope(void **state)
{
	struct examples x = { 0 };
	struct intents *m;

	(void)state;
	add_some(&x, DATA "clinc.train_10.tsv", 10);
	add_some(&x, DATA "clinc.oosplus_train.tsv", 250);
	m = trained(&x);
	assert_true(accuracy(m, DATA "clinc.test.tsv") >= 0.81);
	assert_true(exactness(m, DATA "clinc.oos_test.tsv") >= 0.88);
	intents_free(m);
}

static void bitext_with_two_wishes_in_a_message(void **state)
{
	struct examples x = { 0 };
	struct intents *m;

	(void)state;
	add_some(&x, DATA "bitext.train.tsv", 40);
	m = trained(&x);
	assert_true(accuracy(m, DATA "bitext.test.tsv") >= 0.98);
	assert_true(exactness(m, DATA "multi.bitext.test.tsv") >= 0.97);
	intents_free(m);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bitext_with_two_wishes_in_a_message),
		cmocka_unit_test(banking_with_ten_examples_an_intent),
		cmocka_unit_test(clinc_with_ten_examples_an_intent_and_what_is_out_of_scope),
	};
	const struct CMUnitTest few[] = {
		cmocka_unit_test(bitext_with_two_wishes_in_a_message),
	};

	if (access(DATA "README.md", R_OK) != 0) {
		printf("skipped: t_intents_data: %s is absent\n", DATA);
		return 0;
	}
	return SLOW ? cmocka_run_group_tests(few, setup, teardown)
		    : cmocka_run_group_tests(tests, setup, teardown);
}
