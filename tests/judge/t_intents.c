#include "judge/intents.h"

#include "base/text.h"
#include "examples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What the demo shop's examples teach, asked with messages that are none of them.  The floors are
 * what was measured, less two messages. */

static struct arena *mem;
static struct examples shop;
static struct intents *judge;
static char key[65];
static char folder[] = "/tmp/frontdesk-judge-XXXXXX";
static char *path; /* of a saved classifier */

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int setup(void **state)
{
	struct err e;
	double start;

	(void)state;
	mem = arena_new();
	if (!examples_from_yaml(mem, &shop, "examples/shop/intents.yaml") || !mkdtemp(folder))
		return -1;
	path = arena_printf(mem, "%s/intents", folder);
	intents_key(shop.at, shop.n, key);
	start = now_ms();
	judge = intents_train(shop.at, shop.n, &e);
	printf("trained from %zu examples in %.0f ms\n", shop.n, now_ms() - start);
	return judge ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	intents_free(judge);
	unlink(path);
	rmdir(folder);
	free(shop.at);
	arena_free(mem);
	return 0;
}

static void expect(const char *labels, const char *text)
{
	struct intent got[INTENTS_MAX];
	const int n = intents_of(judge, text, INTENTS_THRESHOLD, got);

	if (!examples_same(labels, got, n))
		fail_msg("\"%s\" has %d intents, the first is %s, and not %s", text, n,
		    n ? got[0].name : "none", labels ? labels : "none");
}

static void refund_and_cancel_in_one_sentence_are_two_intents(void **state)
{
	(void)state;
	expect("refund_request|cancellation", "Can you refund my purchase and cancel my account?");
}

static void said_in_ten_other_ways_they_are_the_same_two(void **state)
{
	static const char *const ways[] = {
		"Please refund my purchase and cancel my account.",
		"I want my purchase refunded and my account cancelled.",
		"Refund my order, and close my account!",
		"Could you give me my money back and delete my account?",
		"cancel my account and refund my purchase",
		"i need a refund on my order and also want to cancel my membership",
		"Hi, I'd like to get a refund for my boots, then cancel my subscription. Thanks!",
		"can u refund my last order and cancel fernweh plus pls",
		"Give me a refund. Also cancel my account.",
		"I'd like to end my subscription and have my last purchase reimbursed",
	};

	(void)state;
	for (size_t i = 0; i < array_len(ways); i++)
		expect("refund_request|cancellation", ways[i]);
}

static void an_and_between_things_is_no_second_intent(void **state)
{
	(void)state;
	expect("refund_request", "Please refund my jacket and boots");
	expect("return_exchange", "I want to return my jacket and boots");
	expect("order_status", "Where are my jacket and my trousers?");
	expect("refund_request", "refund for my tent, stove and socks please");
}

static void a_refund_is_no_billing_problem(void **state)
{
	(void)state;
	expect("refund_request", "I want my money back for the jacket");
	expect("billing_problem", "I was charged twice");
}

struct score {
	int asked, right, missed, extra;
};

static struct score score_of(const char *file)
{
	struct examples asked = { 0 };
	struct score s = { 0 };

	assert_true(examples_from_tsv(mem, &asked, file));
	for (size_t i = 0; i < asked.n; i++) {
		struct intent got[INTENTS_MAX];
		const int n = intents_of(judge, asked.at[i].text, INTENTS_THRESHOLD, got);

		s.asked++;
		s.right += examples_same(asked.at[i].intent, got, n);
		s.missed += n == 0 && asked.at[i].intent;
		s.extra += n > 0 && !asked.at[i].intent;
	}
	printf("%s: %d of %d are exactly right; nothing was found in %d, something out of nothing "
	       "%d\n",
	    file, s.right, s.asked, s.missed, s.extra);
	free(asked.at);
	return s;
}

static void messages_that_no_example_was_written_for_are_mostly_right(void **state)
{
	const struct score s = score_of("tests/judge/fresh.tsv");

	(void)state;
	assert_int_equal(s.asked, 88);
	assert_true(s.right >= 73);
	assert_true(s.missed <= 8);
	assert_true(s.extra <= 1);
}

static void messages_that_examples_were_written_for_are_right_more_often(void **state)
{
	const struct score s = score_of("tests/judge/practised.tsv");

	(void)state;
	assert_int_equal(s.asked, 152);
	assert_true(s.right >= 139);
	assert_true(s.extra <= 2);
}

static void the_likeliest_comes_first_and_no_name_twice(void **state)
{
	static const char *const files[] = { "tests/judge/fresh.tsv", "tests/judge/practised.tsv" };
	struct examples asked = { 0 };
	size_t several = 0;

	(void)state;
	for (size_t i = 0; i < array_len(files); i++)
		assert_true(examples_from_tsv(mem, &asked, files[i]));
	for (size_t i = 0; i < asked.n; i++) {
		struct intent got[INTENTS_MAX];
		const int n = intents_of(judge, asked.at[i].text, 0.01, got);

		several += n > 2;
		for (int k = 0; k < n; k++) {
			assert_true(got[k].p >= 0.01 && got[k].p <= 1);
			for (int other = 0; other < k; other++) {
				assert_true(got[other].p >= got[k].p);
				assert_string_not_equal(got[other].name, got[k].name);
			}
		}
	}
	assert_true(several > 20);
	free(asked.at);
}

static void a_threshold_of_zero_gives_no_more_than_there_is_room_for(void **state)
{
	struct intent got[INTENTS_MAX];

	(void)state;
	assert_int_equal(intents_of(judge, "refund", 0, got), INTENTS_MAX);
	assert_string_equal(got[0].name, "refund_request");
}

static void nothing_said_is_nothing_wanted(void **state)
{
	static const char *const texts[] = { "", " ", "\n\n", "...", ",", "and and", "\xff\xfe\x80",
		"\xc3", "\xe2\x80", "\xe2\x80\x99", "'" };

	(void)state;
	for (size_t i = 0; i < array_len(texts); i++)
		expect(NULL, texts[i]);
}

static char *long_mail(const char *first, const char *last)
{
	static const char *const story[] = { "We walked along the river for hours. ",
		"The birds were singing and my brother took pictures of them. ",
		"In the evening we sat by the fire, ate soup and told stories. ",
		"It was colder than we had thought. " };
	const char *text = arena_printf(mem, "%s ", first);

	for (size_t i = 0; strlen(text) < 19000; i++)
		text = arena_printf(mem, "%s%s", text, story[i % array_len(story)]);
	return arena_printf(mem, "%s%s", text, last);
}

static void a_long_message_is_judged_by_its_two_ends_and_in_little_time(void **state)
{
	static const char *const wish = "Please cancel my Plus membership now.";
	struct intent got[INTENTS_MAX];
	char *text = long_mail(wish, "");
	const double start = now_ms();

	(void)state;
	assert_true(intents_of(judge, text, INTENTS_THRESHOLD, got) >= 1);
	printf("20,000 letters in %.2f ms\n", now_ms() - start);
	assert_string_equal(got[0].name, "cancellation");

	text = long_mail("", wish);
	assert_true(intents_of(judge, text, INTENTS_THRESHOLD, got) >= 1);
	assert_string_equal(got[0].name, "cancellation");
}

static void a_message_of_one_endless_word_costs_little_time(void **state)
{
	struct intent got[INTENTS_MAX];
	char *text = arena_alloc(mem, 20001);
	const double start = now_ms();

	(void)state;
	for (size_t i = 0; i < 20000; i++)
		text[i] = "\xc3\xa4\xe2\x82\xac\xc3\xb6x"[i % 8];
	assert_int_equal(intents_of(judge, text, INTENTS_THRESHOLD, got), 0);
	assert_true(now_ms() - start < 200);
}

static void case_and_curly_quotes_do_not_matter(void **state)
{
	struct intent a[INTENTS_MAX], b[INTENTS_MAX];

	(void)state;
	assert_int_equal(intents_of(judge, "I'd like a REFUND", 0, a), INTENTS_MAX);
	assert_int_equal(intents_of(judge,
			     "i\xe2\x80\x99"
			     "d like a refund",
			     0, b),
	    INTENTS_MAX);
	assert_true(a[0].p == b[0].p);
	assert_string_equal(a[0].name, b[0].name);
}

static void assert_same_judgements(const struct intents *a, const struct intents *b)
{
	for (size_t i = 0; i < shop.n; i++) {
		struct intent x[INTENTS_MAX], y[INTENTS_MAX];
		const int n = intents_of(a, shop.at[i].text, 0, x);

		assert_int_equal(intents_of(b, shop.at[i].text, 0, y), n);
		for (int k = 0; k < n; k++) {
			assert_string_equal(x[k].name, y[k].name);
			assert_true(x[k].p == y[k].p);
		}
	}
}

static void *train_aside(void *out)
{
	struct err e;

	*(struct intents **)out = intents_train(shop.at, shop.n, &e);
	return NULL;
}

static void two_threads_that_train_from_the_same_learn_the_same(void **state)
{
	struct intents *a = NULL, *b = NULL;
	pthread_t one, two;

	(void)state;
	assert_int_equal(pthread_create(&one, NULL, train_aside, &a), 0);
	assert_int_equal(pthread_create(&two, NULL, train_aside, &b), 0);
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	assert_non_null(a);
	assert_non_null(b);
	assert_same_judgements(a, b);
	assert_same_judgements(a, judge);
	intents_free(a);
	intents_free(b);
}

static void training_prints_nothing(void **state)
{
	static const struct intent_example two[] = { { "left", "go left" },
		{ "right", "go right" } };
	struct err e;
	struct intents *m;
	FILE *caught = tmpfile();
	const int out = dup(STDOUT_FILENO);
	struct stat st;

	(void)state;
	fflush(stdout);
	dup2(fileno(caught), STDOUT_FILENO);
	m = intents_train(two, array_len(two), &e);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	assert_non_null(m);
	assert_int_equal(fstat(fileno(caught), &st), 0);
	assert_int_equal(st.st_size, 0);
	fclose(caught);
	intents_free(m);
}

static void one_intent_alone_can_be_learnt(void **state)
{
	static const struct intent_example one[] = { { "refund", "give me my money back" },
		{ "refund", "i want a refund" } };
	struct intent got[INTENTS_MAX];
	struct err e;
	struct intents *m = intents_train(one, array_len(one), &e);

	(void)state;
	assert_non_null(m);
	assert_int_equal(intents_of(m, "i want my money back", 0.3, got), 1);
	assert_string_equal(got[0].name, "refund");
	assert_int_equal(intents_of(m, "what is the weather like", 0.3, got), 0);
	intents_free(m);
}

static void without_an_intent_there_is_nothing_to_train_from(void **state)
{
	static const struct intent_example none[] = { { NULL, "it rains" } };
	struct err e = { 0 };

	(void)state;
	assert_null(intents_train(none, 1, &e));
	assert_int_equal(e.code, ERR_INVALID);
	assert_null(intents_train(NULL, 0, &e));
}

static void the_key_changes_with_every_example_and_its_intent(void **state)
{
	static const struct intent_example a[] = { { "x", "one" }, { "y", "two" } };
	static const struct intent_example b[] = { { "x", "one" }, { "y", "two." } };
	static const struct intent_example c[] = { { "x", "one" }, { NULL, "two" } };
	static const struct intent_example d[] = { { "xo", "ne" }, { "y", "two" } };
	char of[5][65];

	(void)state;
	intents_key(a, 2, of[0]);
	intents_key(b, 2, of[1]);
	intents_key(c, 2, of[2]);
	intents_key(d, 2, of[3]);
	intents_key(a, 1, of[4]);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(strlen(of[i]), 64);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(of[i], of[k]);
	}
	intents_key(a, 2, of[1]);
	assert_string_equal(of[0], of[1]);
}

static int files_in_folder(void)
{
	DIR *d = opendir(folder);
	int n = 0;

	for (struct dirent *f; (f = readdir(d));)
		n += *f->d_name != '.';
	closedir(d);
	return n;
}

static void a_saved_classifier_judges_as_before(void **state)
{
	struct err e = { 0 };
	struct intents *loaded;
	struct stat st;
	double start;

	(void)state;
	assert_int_equal(intents_save(judge, path, key, &e), 0);
	assert_int_equal(intents_save(judge, path, key, &e), 0); /* over the old one */
	assert_int_equal(files_in_folder(), 1);
	start = now_ms();
	loaded = intents_load(path, key, &e);
	stat(path, &st);
	printf("%lld bytes, loaded in %.2f ms\n", (long long)st.st_size, now_ms() - start);
	assert_non_null(loaded);
	assert_true(st.st_size < 1000000);
	assert_same_judgements(judge, loaded);
	intents_free(loaded);
}

static void a_file_of_other_examples_or_none_at_all_is_not_found(void **state)
{
	struct err e = { 0 };
	char other[65];

	(void)state;
	assert_int_equal(intents_save(judge, path, key, &e), 0);
	intents_key(shop.at, shop.n - 1, other);
	assert_null(intents_load(path, other, &e));
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_null(intents_load(arena_printf(mem, "%s/absent", folder), key, &e));
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void a_folder_that_is_not_there_cannot_be_saved_into(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(intents_save(judge, "/tmp/frontdesk/not/there", key, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_non_null(strstr(e.msg, "/tmp/frontdesk/not/there"));
}

static char *slurp(size_t *n)
{
	FILE *f = fopen(path, "r");
	char *data;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*n = (size_t)ftell(f);
	rewind(f);
	data = arena_alloc(mem, *n);
	assert_int_equal(fread(data, 1, *n, f), *n);
	fclose(f);
	return data;
}

static void spit(const char *data, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, n, f), n);
	fclose(f);
}

/* A small classifier: thousands of damaged copies of it are quickly written and read. */
static char *small_file(size_t *n)
{
	static const struct intent_example some[] = { { "left", "go left" },
		{ "right", "go right" }, { "stop", "halt" } };
	struct err e = { 0 };
	struct intents *m = intents_train(some, array_len(some), &e);

	assert_non_null(m);
	assert_int_equal(intents_save(m, path, key, &e), 0);
	intents_free(m);
	return slurp(n);
}

static void a_damaged_file_is_refused_wherever_the_damage_is(void **state)
{
	struct err e = { 0 };
	size_t n;
	char *data = small_file(&n);

	(void)state;
	for (size_t at = 0; at < n; at += at < 200 ? 1 : n / 300) {
		data[at] ^= 0x10;
		spit(data, n);
		assert_null(intents_load(path, key, &e));
		assert_int_equal(e.code, ERR_INVALID);
		data[at] ^= 0x10;
	}
}

static void a_cut_file_is_refused_wherever_the_cut_is(void **state)
{
	struct err e = { 0 };
	size_t n;
	char *data = small_file(&n);

	(void)state;
	for (size_t len = 0; len < n; len += len < 200 ? 1 : n / 200) {
		spit(data, len);
		assert_null(intents_load(path, key, &e));
		assert_int_equal(e.code, ERR_INVALID);
	}
	spit(data, n - 1);
	assert_null(intents_load(path, key, &e));
	assert_int_equal(e.code, ERR_INVALID);
}

static void sign_again(char *data, size_t n)
{
	SHA256((unsigned char *)data, n - SHA256_DIGEST_LENGTH,
	    (unsigned char *)data + n - SHA256_DIGEST_LENGTH);
}

/* Weights may be anything; sizes, names and hashes may not. */
static void a_forged_sum_makes_nobody_read_outside_of_the_file(void **state)
{
	static const unsigned char values[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct err e = { 0 };
	struct intent got[INTENTS_MAX];
	size_t n, refused = 0;
	char *data = small_file(&n);

	(void)state;
	for (size_t at = 76; at < 3000; at++) {
		const char was = data[at];

		data[at] = (char)values[at % array_len(values)];
		sign_again(data, n);
		spit(data, n);
		struct intents *m = intents_load(path, key, &e);

		if (m)
			(void)intents_of(m, "go left and then halt", 0, got);
		else
			assert_int_equal(e.code, ERR_INVALID);
		refused += !m;
		intents_free(m);
		data[at] = was;
	}
	assert_true(refused > 20);
}

static void names_that_never_end_are_refused(void **state)
{
	struct err e = { 0 };
	size_t n;
	char *data = small_file(&n);
	char *names = memmem(data, n, "left", 5);

	(void)state;
	assert_non_null(names);
	memset(names, 'a', strlen("left") + strlen("right") + strlen("stop") + 3);
	sign_again(data, n);
	spit(data, n);
	assert_null(intents_load(path, key, &e));
	assert_int_equal(e.code, ERR_INVALID);
}

static void a_folder_is_no_classifier(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_null(intents_load(folder, key, &e));
	assert_int_equal(e.code, ERR_INVALID);
}

static void a_message_costs_microseconds(void **state)
{
	struct examples asked = { 0 };
	struct intent got[INTENTS_MAX];
	double each;

	(void)state;
	assert_true(examples_from_tsv(mem, &asked, "tests/judge/practised.tsv"));
	each = now_ms();
	for (int round = 0; round < 10; round++)
		for (size_t i = 0; i < asked.n; i++)
			(void)intents_of(judge, asked.at[i].text, INTENTS_THRESHOLD, got);
	each = (now_ms() - each) * 1e3 / (double)(10 * asked.n);
	printf("%.0f us a message\n", each);
	assert_true(each < 10000); /* sanitized and on a busy machine, too */
	free(asked.at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refund_and_cancel_in_one_sentence_are_two_intents),
		cmocka_unit_test(said_in_ten_other_ways_they_are_the_same_two),
		cmocka_unit_test(an_and_between_things_is_no_second_intent),
		cmocka_unit_test(a_refund_is_no_billing_problem),
		cmocka_unit_test(messages_that_no_example_was_written_for_are_mostly_right),
		cmocka_unit_test(messages_that_examples_were_written_for_are_right_more_often),
		cmocka_unit_test(the_likeliest_comes_first_and_no_name_twice),
		cmocka_unit_test(a_threshold_of_zero_gives_no_more_than_there_is_room_for),
		cmocka_unit_test(nothing_said_is_nothing_wanted),
		cmocka_unit_test(a_long_message_is_judged_by_its_two_ends_and_in_little_time),
		cmocka_unit_test(a_message_of_one_endless_word_costs_little_time),
		cmocka_unit_test(case_and_curly_quotes_do_not_matter),
		cmocka_unit_test(two_threads_that_train_from_the_same_learn_the_same),
		cmocka_unit_test(training_prints_nothing),
		cmocka_unit_test(one_intent_alone_can_be_learnt),
		cmocka_unit_test(without_an_intent_there_is_nothing_to_train_from),
		cmocka_unit_test(the_key_changes_with_every_example_and_its_intent),
		cmocka_unit_test(a_saved_classifier_judges_as_before),
		cmocka_unit_test(a_file_of_other_examples_or_none_at_all_is_not_found),
		cmocka_unit_test(a_folder_that_is_not_there_cannot_be_saved_into),
		cmocka_unit_test(a_damaged_file_is_refused_wherever_the_damage_is),
		cmocka_unit_test(a_cut_file_is_refused_wherever_the_cut_is),
		cmocka_unit_test(a_forged_sum_makes_nobody_read_outside_of_the_file),
		cmocka_unit_test(names_that_never_end_are_refused),
		cmocka_unit_test(a_folder_is_no_classifier),
		cmocka_unit_test(a_message_costs_microseconds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
