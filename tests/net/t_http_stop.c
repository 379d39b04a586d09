#include "tests/net/http_bench.h"

#include <unistd.h>

struct stop {
	struct bench *b;
	int64_t deadline;
	int done;
};

static void stop_it(void *arg)
{
	struct stop *s = arg;

	http_server_close(s->b->server, s->deadline);
	s->b->server = NULL;
	s->done = 1;
}

static void a_graceful_stop_answers_what_runs_and_ends_streams(struct world *w)
{
	struct bench b;
	struct stop stop = { &b, fiber_now() + PATIENCE_MS, 0 };
	struct scope s;
	const char *answer;
	int stream, waits, kept, fresh;

	bench_open(&b, w, NULL);
	stream = client_dial(&b);
	client_get(stream, "/sse");
	client_hear(&b, stream, "data: hello\n\n");
	kept = client_dial(&b);
	client_post(kept, "/echo", "[1]");
	client_hear(&b, kept, "[1]");
	fresh = client_dial(&b);
	waits = client_dial(&b);
	client_get(waits, "/wait");
	CHECK(bench_reaches(&b.waiting, 1));
	CHECK(bench_reaches(&b.server->nconnections, 4));

	scope_open(&s, FOREVER);
	scope_go(&s, stop_it, &stop);
	CHECK_STR(client_hear(&b, kept, NULL), "<closed>");
	CHECK_STR(client_hear(&b, fresh, NULL), "<closed>");
	CHECK_HAS(client_hear(&b, stream, NULL), "0\r\n\r\n<closed>");
	CHECK_INT(client_dial_with(&b, 0), -1);
	CHECK(!stop.done);
	CHECK_INT(b.waiting, 1);
	signal_wake_all(&b.gate);
	answer = client_hear(&b, waits, NULL);
	CHECK_HAS(answer, "HTTP/1.1 200 OK");
	CHECK_HAS(answer, "Connection: close\r\n");
	CHECK_HAS(answer, "passed<closed>");
	scope_join(&s);
	CHECK(stop.done);
	CHECK_INT(b.cancelled, 1); /* the stream's handler */
	close(stream);
	close(kept);
	close(fresh);
	close(waits);
	bench_close(&b);
}

static void a_forced_stop_cancels_what_still_runs(struct world *w)
{
	struct bench b;
	struct stop stop = { &b, 0, 0 };
	int waits[3], slow, reader, half;

	bench_open(&b, w, NULL);
	for (int i = 0; i < 3; i++) {
		waits[i] = client_dial(&b);
		client_get(waits[i], "/wait");
	}
	slow = client_dial(&b);
	client_post(slow, "/slow?ms=100000", "[1]");
	reader = client_dial_with(&b, 4096);
	client_get(reader, "/large");
	half = client_dial(&b);
	client_say(half, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n[");
	CHECK(bench_reaches(&b.waiting, 3));
	CHECK(bench_reaches(&b.server->nconnections, 6));
	stop.deadline = fiber_now() + 20;
	stop_it(&stop);
	CHECK(fiber_now() - stop.deadline < 5000);
	CHECK_INT(b.cancelled, 3);
	for (int i = 0; i < 3; i++) {
		CHECK_HAS(client_hear(&b, waits[i], NULL), "passed<closed>");
		close(waits[i]);
	}
	CHECK_HAS(client_hear(&b, slow, NULL), "HTTP/1.1 503 ");
	close(slow);
	close(reader);
	close(half);
	bench_close(&b);
}

static void stopping_is_not_cut_short_by_the_callers_own_end(struct world *w)
{
	struct bench b;
	struct stop stop = { &b, fiber_now() + 20, 0 };
	struct scope s;
	int fd;

	bench_open(&b, w, NULL);
	fd = client_dial(&b);
	client_get(fd, "/wait");
	CHECK(bench_reaches(&b.waiting, 1));
	scope_open(&s, FOREVER);
	scope_cancel(&s);
	scope_go(&s, stop_it, &stop);
	scope_join(&s);
	CHECK(stop.done);
	CHECK_INT(b.cancelled, 1);
	close(fd);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(a_graceful_stop_answers_what_runs_and_ends_streams),
		REAL_TEST(a_forced_stop_cancels_what_still_runs),
		REAL_TEST(stopping_is_not_cut_short_by_the_callers_own_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
