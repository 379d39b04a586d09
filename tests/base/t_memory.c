/* Arenas, growing bytes, errors: what the rest stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void arena_memory_is_zeroed_aligned_and_apart(void **state)
{
	struct arena *a = arena_new();
	unsigned char *seen[400];
	size_t sizes[400];

	(void)state;
	for (size_t i = 0; i < array_len(seen); i++) {
		sizes[i] = i % 97 == 0 ? 9000 + i : i % 61;
		seen[i] = arena_alloc(a, sizes[i]);
		assert_int_equal((uintptr_t)seen[i] % _Alignof(max_align_t), 0);
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(seen[i][j], 0);
		memset(seen[i], (int)(i & 0xff), sizes[i]);
	}
	for (size_t i = 0; i < array_len(seen); i++)
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(seen[i][j], i & 0xff);
	arena_free(a);
	arena_free(NULL);
}

static void a_block_that_was_used_before_is_zeroed_again(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		struct arena *a = arena_new();
		char *p = arena_alloc(a, 3000);

		for (int i = 0; i < 3000; i++)
			assert_int_equal(p[i], 0);
		memset(p, 'x', 3000);
		arena_free(a);
	}
	arena_thread_ends();
}

static void arena_text_longer_than_usual_is_whole(void **state)
{
	struct arena *a = arena_new();

	(void)state;
	for (int n = 250; n < 260; n++)
		assert_int_equal(strlen(arena_printf(a, "%*s", n, "x")), n);
	arena_free(a);
}

static void arena_text_is_a_copy(void **state)
{
	struct arena *a = arena_new();
	char source[] = "refund";
	char *whole = arena_strdup(a, source), *part = arena_strndup(a, source, 3);
	char *bytes = arena_memdup(a, "a\0b", 3);

	(void)state;
	source[0] = 'X';
	assert_string_equal(whole, "refund");
	assert_string_equal(part, "ref");
	assert_string_equal(arena_strndup(a, "short", 99), "short");
	assert_memory_equal(bytes, "a\0b\0", 4);
	assert_string_equal(arena_printf(a, "%s-%04d", "FW", 7), "FW-0007");
	arena_free(a);
}

struct note {
	char letter, *diary;
};

static void write_letter(void *arg)
{
	const struct note *n = arg;

	strncat(n->diary, &n->letter, 1);
}

static void what_an_arena_is_to_do_at_its_end_runs_last_first(void **state)
{
	char diary[8] = "";
	struct note notes[] = { { 'a', diary }, { 'b', diary }, { 'c', diary } };
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < array_len(notes); i++)
		arena_defer(a, write_letter, &notes[i]);
	assert_string_equal(diary, "");
	arena_free(a);
	assert_string_equal(diary, "cba");
}

static void a_buffer_grows_and_always_ends_in_nul(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_string_equal(buf_str(&b), "");
	buf_clear(&b);
	buf_add(&b, "", 0);
	assert_string_equal(buf_str(&b), "");
	for (int i = 0; i < 3000; i++) {
		buf_printf(&b, "%d,", i % 10);
		assert_int_equal(b.data[b.len], 0);
	}
	assert_int_equal(b.len, 6000);
	assert_int_equal(strlen(b.data), 6000);
	assert_memory_equal(b.data + 5980, "0,1,2,3,4,5,6,7,8,9,", 20);
	buf_clear(&b);
	buf_adds(&b, "again");
	buf_add(&b, "\0x", 2);
	assert_int_equal(b.len, 7);
	assert_memory_equal(b.data, "again\0x\0", 8);
	buf_done(&b);
	assert_null(b.data);
	assert_string_equal(buf_str(&b), "");
}

static void an_error_keeps_its_code_while_callers_say_what_they_did(void **state)
{
	struct err e = { 0 };
	char longest[600];

	(void)state;
	assert_int_equal(err_set(&e, ERR_LIMIT, "%d rows", 3), -1);
	assert_int_equal(err_wrap(&e, "calling %s", "lookup_order"), -1);
	assert_int_equal(err_wrap(&e, "turn %d", 4), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_string_equal(e.msg, "turn 4: calling lookup_order: 3 rows");
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	err_wrap(&e, "%s", longest);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	assert_string_equal(err_name(ERR_TIMEOUT), "timeout");
	assert_string_equal(err_name(ERR_LIMIT), "limit");
	assert_string_equal(err_name((enum err_code)99), "unknown");
}

struct guest {
	int number;
	struct link in;
};

static void a_link_is_taken_out_wherever_it_is(void **state)
{
	struct guest g[3] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
	struct link list;
	int sum = 0;

	(void)state;
	list_init(&list);
	assert_true(list_empty(&list));
	for (int i = 0; i < 3; i++)
		list_append(&list, &g[i].in);
	list_out(&g[1].in);
	list_out(&g[1].in); /* in no list: nothing happens */
	list_before(list.next, &g[1].in);
	for (struct link *l = list.next; l != &list; l = l->next)
		sum = sum * 10 + container_of(l, struct guest, in)->number;
	assert_int_equal(sum, 213);
}

/* Runs fn in a child and gives its wait status, with what it wrote to stderr. */
static int in_a_child(void (*fn)(void), char *out, size_t size)
{
	int pipe_[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(pipe_), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		dup2(pipe_[1], 2);
		fn();
		_exit(0);
	}
	close(pipe_[1]);
	while ((n = read(pipe_[0], out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	close(pipe_[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void make_a_mistake(void)
{
	bug("turn %d has no owner", 4);
}

static void want_too_much(void)
{
	struct rlimit little = { 1 << 28, 1 << 28 };

	setrlimit(RLIMIT_AS, &little);
	for (;;)
		mem_alloc(1 << 26);
}

static void our_own_mistake_aborts_and_says_so(void **state)
{
	char said[200];
	int status = in_a_child(make_a_mistake, said, sizeof(said));

	(void)state;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_string_equal(said, "bug: turn 4 has no owner\n");
}

static void no_memory_stops_the_process_with_70(void **state)
{
	char said[200];
	int status;

	(void)state;
#if defined(__SANITIZE_ADDRESS__)
	printf("skipped: no memory left: an address sanitizer reserves too much itself\n");
	skip();
#endif
	status = in_a_child(want_too_much, said, sizeof(said));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 70);
	assert_non_null(strstr(said, "out of memory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arena_memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(a_block_that_was_used_before_is_zeroed_again),
		cmocka_unit_test(arena_text_is_a_copy),
		cmocka_unit_test(arena_text_longer_than_usual_is_whole),
		cmocka_unit_test(what_an_arena_is_to_do_at_its_end_runs_last_first),
		cmocka_unit_test(a_buffer_grows_and_always_ends_in_nul),
		cmocka_unit_test(an_error_keeps_its_code_while_callers_say_what_they_did),
		cmocka_unit_test(a_link_is_taken_out_wherever_it_is),
		cmocka_unit_test(our_own_mistake_aborts_and_says_so),
		cmocka_unit_test(no_memory_stops_the_process_with_70),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
