#include "base/mem.h"
#include "tests/net/http_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void a_request_is_handed_over_as_it_came(struct world *w)
{
	struct bench b;
	const char *answer;

	bench_open(&b, w, NULL);
	answer = client_ask(&b,
	    "PATCH /a%20b/c?x=1&y=%2F HTTP/1.1\r\nHost: me:80\r\nX-Odd:  two words \r\n"
	    "Empty:\r\nConnection: close\r\n\r\n");
	CHECK_HAS(answer, "HTTP/1.1 200 OK\r\n");
	CHECK_HAS(answer, "Content-Type: text/plain\r\n");
	CHECK_HAS(answer, "\r\n\r\nPATCH [/a%20b/c] [x=1&y=%2F] loopback=1\n"
			  "Host=me:80\nX-Odd=two words\nEmpty=\nConnection=close\n<closed>");
	answer = client_ask(&b, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	CHECK_HAS(answer, "OPTIONS [*] [] loopback=1\n");
	answer = client_ask(
	    &b, "GET http://example.org/p?q HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	CHECK_HAS(answer, "GET [/p] [q] loopback=1\n");
	answer = client_ask(
	    &b, "GET http://example.org HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	CHECK_HAS(answer, "GET [/] [] loopback=1\n");
	bench_is_empty(&b);
	bench_close(&b);
}

static void a_connection_is_kept_for_the_next_request(struct world *w)
{
	struct bench b;
	int fd;

	bench_open(&b, w, NULL);
	fd = client_dial(&b);
	for (int i = 0; i < 3; i++) {
		const char *body = arena_printf(b.mem, "[%d]", i);

		client_post(fd, "/echo", body);
		CHECK_HAS(client_hear(&b, fd, body), "HTTP/1.1 200 OK");
		client_post(fd, "/slow?ms=1", body);
		CHECK_HAS(client_hear(&b, fd, body), "HTTP/1.1 200 OK");
	}
	CHECK_INT(b.server->nconnections, 1);
	close(fd);
	bench_is_empty(&b);
	bench_close(&b);
}

static void pipelined_requests_are_answered_in_order(struct world *w)
{
	struct bench b;
	const char *all;
	int fd;

	bench_open(&b, w, NULL);
	fd = client_dial(&b);
	client_post(fd, "/slow?ms=20", "<1>");
	client_post(fd, "/echo", "<2>");
	client_post(fd, "/slow?ms=10", "<3>");
	client_post(fd, "/echo", "<4>");
	all = client_hear(&b, fd, "<4>");
	CHECK_INT(count_of(all, "HTTP/1.1 200 OK"), 4);
	CHECK(strstr(all, "<1>") < strstr(all, "<2>"));
	CHECK(strstr(all, "<2>") < strstr(all, "<3>"));
	CHECK(strstr(all, "<3>") < strstr(all, "<4>"));
	client_post(fd, "/slow?ms=20", "<first>");
	for (int i = 0; i < 200; i++) /* more than the connection's memory holds at once */
		client_post(fd, "/echo", "<more>");
	CHECK_INT(count_of(client_hear_times(&b, fd, "<more>", 200), "HTTP/1.1 200 OK"), 201);
	close(fd);
	bench_is_empty(&b);
	bench_close(&b);
}

static void a_body_may_come_in_chunks_and_closes_the_connection(struct world *w)
{
	struct bench b;
	const char *answer;
	int fd;

	bench_open(&b, w, NULL);
	fd = client_dial(&b);
	client_say(
	    fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":");
	CHECK(bench_reaches(&b.server->nconnections, 1));
	client_say(fd, "\r\n3;ext=1\r\n\"b\"\r\n1\r\n}\r\n0\r\nTrailer: t\r\n\r\n");
	answer = client_hear(&b, fd, NULL);
	CHECK_HAS(answer, "HTTP/1.1 200 OK");
	CHECK_HAS(answer, "\r\n\r\n{\"a\":\"b\"}<closed>");
	close(fd);
	answer =
	    client_ask(&b, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
			   "-2\r\n[]\r\n0\r\n\r\n");
	CHECK_HAS(answer, "HTTP/1.1 400 ");
	bench_is_empty(&b);
	bench_close(&b);
}

static void a_client_that_asks_first_is_told_to_continue(struct world *w)
{
	struct bench b;
	const char *text = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
			   "Expect: 100-continue\r\n\r\n";
	int fd;

	bench_open(&b, w, NULL);
	fd = client_dial(&b);
	client_say(fd, text);
	CHECK_HAS(client_hear(&b, fd, "\r\n\r\n"), "HTTP/1.1 100 Continue");
	client_say(fd, "[42]");
	CHECK_HAS(client_hear(&b, fd, "[42]"), "HTTP/1.1 200 OK");
	close(fd);
	bench_is_empty(&b);
	bench_close(&b);
}

static void who_hangs_up_cancels_the_handler(struct world *w)
{
	struct bench b;

	bench_open(&b, w, NULL);
	for (enum leaving how = CLOSES; how <= SHUTS_WRITING; how++) {
		int fd = client_dial(&b);

		b.cancelled = 0;
		client_get(fd, "/wait");
		CHECK(bench_reaches(&b.waiting, 1));
		client_leave(fd, how);
		CHECK(bench_reaches(&b.cancelled, 1));
		bench_is_empty(&b);
		if (how == SHUTS_WRITING) {
			CHECK_STR(client_hear(&b, fd, NULL), "<closed>");
			close(fd);
		}
	}
	bench_close(&b);
}

static void who_leaves_at_once_leaves_nothing_behind(struct world *w)
{
	struct bench b;
	static const char *const paths[] = { "/wait", "/sse", "/echo", "/silent" };

	bench_open(&b, w, NULL);
	for (int i = 0; i < 40; i++) {
		int fd = client_dial(&b);

		client_get(fd, paths[i % 4]);
		client_leave(fd, i % 8 < 4 ? CLOSES : RESETS);
	}
	CHECK(bench_reaches(&b.server->accepted, 40));
	bench_is_empty(&b);
	CHECK_INT(b.waiting, 0);
	CHECK_INT(b.streams, 0);
	bench_close(&b);
}

static void who_leaves_in_the_middle_of_a_request_is_noticed(struct world *w)
{
	static const char *const halves[] = {
		"",
		"GE",
		"GET / HTTP/1.1\r\nHo",
		"GET / HTTP/1.1\r\nHost: x\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n[",
	};
	struct bench b;

	bench_open(&b, w, NULL);
	for (int what = 0; what < WAITS; what++)
		b.server->deadlines.ms[what] = 10 * PATIENCE_MS;
	for (size_t i = 0; i < array_len(halves); i++)
		for (enum leaving how = CLOSES; how <= SHUTS_WRITING; how++) {
			int fd = client_dial(&b);

			if (*halves[i])
				client_say(fd, halves[i]); /* and the end with the same edge */
			client_leave(fd, how);
			CHECK(bench_reaches(&b.server->accepted, (int)i * 3 + (int)how + 1));
			bench_is_empty(&b);
			if (how == SHUTS_WRITING)
				close(fd);
		}
	CHECK_INT(b.server->begun, 0);
	bench_close(&b);
}

static void a_stream_sends_what_is_pushed(struct world *w)
{
	struct bench b;
	const char *answer;
	int fd;

	bench_open(&b, w, NULL);
	fd = client_dial(&b);
	client_get(fd, "/sse");
	answer = client_hear(&b, fd, "data: hello\n\n");
	CHECK_HAS(answer, "HTTP/1.1 200 OK");
	CHECK_HAS(answer, "Content-Type: text/event-stream\r\n");
	CHECK_HAS(answer, "Cache-Control: no-store\r\n");
	for (int i = 1; i <= 3; i++) {
		b.events++;
		signal_wake_all(&b.event);
		client_hear(&b, fd, arena_printf(b.mem, "data: %d\n\n", i));
	}
	CHECK_INT(b.server->nstreams, 1);
	close(fd);
	CHECK(bench_reaches(&b.cancelled, 1));
	bench_is_empty(&b);
	bench_close(&b);
}

static void a_reader_too_far_behind_is_cut_off(struct world *w)
{
	struct bench b;
	int fd;

	bench_open(&b, w, NULL);
	fd = client_dial_with(&b, 4096);
	client_get(fd, "/flood");
	CHECK(bench_reaches(&b.floods, 1));
	CHECK_INT(b.push_error.code, ERR_LIMIT);
	CHECK_HAS(b.push_error.msg, "256 KiB behind");
	CHECK(b.flooded < 20u << 20); /* what the system's buffers hold is not ours */
	bench_is_empty(&b);
	close(fd);
	bench_close(&b);
}

#define LINES 300000

struct counting {
	int fd, reached;
};

/* HTTP/1.0, so that no chunk cuts a line in two. */
static void count_lines(void *arg)
{
	struct counting *c = arg;
	FILE *f = fdopen(dup(c->fd), "r");
	char line[100];

	while (fgets(line, sizeof(line), f) && *line != '\r')
		;
	while (fgets(line, sizeof(line), f) && atoi(line) == c->reached + 1)
		c->reached++;
	fclose(f);
}

static void a_reader_that_keeps_up_gets_everything_in_order(struct world *w)
{
	struct bench b;
	struct counting c = { 0 };
	struct err e;

	bench_open(&b, w, NULL);
	c.fd = client_dial(&b);
	client_say(c.fd, arena_printf(b.mem, "GET /count?to=%d HTTP/1.0\r\n\r\n", LINES));
	CHECK_OK(lane_run(b.lane, count_lines, &c, NULL, FOREVER, NULL, &e), &e);
	CHECK_INT(c.reached, LINES);
	close(c.fd);
	bench_is_empty(&b);
	bench_close(&b);
}

static void one_push_may_be_larger_than_the_queue(struct world *w)
{
	struct bench b;
	const char *answer;

	bench_open(&b, w, NULL);
	answer = client_ask(&b, "GET /pour?bytes=400000 HTTP/1.0\r\n\r\n");
	CHECK_INT(strspn(strstr(answer, "\r\n\r\n") + 4, "z"), 400000);
	bench_is_empty(&b);
	bench_close(&b);
}

static void streams_beyond_their_number_are_refused(struct world *w)
{
	struct bench b;
	const char *answer;
	int fds[2], last;

	bench_open(&b, w, &(struct http_server_options){ .streams_max = 2 });
	for (int i = 0; i < 2; i++) {
		fds[i] = client_dial(&b);
		client_get(fds[i], "/sse");
		client_hear(&b, fds[i], "data: hello\n\n");
	}
	last = client_dial(&b);
	client_get(last, "/sse");
	answer = client_hear(&b, last, "}}");
	CHECK_HAS(answer, "HTTP/1.1 503 ");
	CHECK_HAS(answer, "\"message\":\"too many live streams are open; try again later\"");
	CHECK(bench_reaches(&b.streams, 2)); /* its handler did not wait for events */
	CHECK_INT(b.push_error.code, ERR_LIMIT);
	client_get(last, "/x"); /* the connection is as good as before */
	CHECK_HAS(client_hear(&b, last, "Host=x\n"), "HTTP/1.1 200 OK");
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	close(last);
	bench_is_empty(&b);
	bench_close(&b);
}

static void old_clients_and_heads_are_served(struct world *w)
{
	struct bench b;
	const char *answer;
	int fd;

	bench_open(&b, w, NULL);
	answer = client_ask(&b, "\r\n\r\nGET /x HTTP/1.0\r\n\r\n");
	CHECK_HAS(answer, " 200 OK");
	CHECK_HAS(answer, "GET [/x] [] loopback=1\n<closed>");
	answer =
	    client_ask(&b, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	CHECK_HAS(answer, " 400 ");
	fd = client_dial(&b);
	client_say(fd, "GET /sse HTTP/1.0\r\n\r\n");
	CHECK_HAS(client_hear(&b, fd, "data: hello\n\n"), "\r\n\r\ndata: hello\n\n");
	close(fd);
	answer = client_ask(&b, "HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	CHECK_HAS(answer, "HTTP/1.1 200 OK");
	CHECK_HAS(answer, "\r\n\r\n<closed>");
	fd = client_dial(&b);
	client_say(fd, "HEAD /sse HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK_HAS(client_hear(&b, fd, "\r\n\r\n"), "text/event-stream");
	close(fd);
	bench_is_empty(&b);
	bench_close(&b);
}

/* With an older connection that stays, so that the library has no reason to look at this one. */
static void a_stream_that_ends_gives_its_descriptor_back(struct world *w)
{
	static const char *const versions[] = { "HTTP/1.1", "HTTP/1.0" };
	struct bench b;
	int kept, fd;

	bench_open(&b, w, NULL);
	kept = client_dial(&b);
	client_get(kept, "/x");
	client_hear(&b, kept, "Host=x\n");
	for (int i = 0; i < 4; i++) {
		fd = client_dial(&b);
		client_say(
		    fd, arena_printf(b.mem, "GET /sse %s\r\nHost: x\r\n\r\n", versions[i % 2]));
		client_hear(&b, fd, "data: hello\n\n");
		if (i < 2)
			close(fd);
		else
			b.events = -1; /* the handler ends */
		signal_wake_all(&b.event);
		if (i >= 2) {
			const char *end = client_hear(&b, fd, i == 2 ? "0\r\n\r\n" : NULL);

			CHECK_HAS(end, i == 2 ? "0\r\n\r\n" : "<closed>");
			close(fd);
		}
		CHECK(bench_reaches(&b.server->nconnections, 1));
		b.events = 0;
	}
	close(kept);
	bench_is_empty(&b);
	bench_close(&b);
}

static void a_handler_that_says_nothing_is_answered_for(struct world *w)
{
	struct bench b;
	const char *answer;

	bench_open(&b, w, NULL);
	answer = client_ask(&b, "GET /silent HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	CHECK_HAS(answer, "HTTP/1.1 500 ");
	CHECK_HAS(answer, "\"code\":\"internal\"");
	bench_is_empty(&b);
	bench_close(&b);
}

/* An answer made while the loop has nothing else to do must wake it: nobody else would. */
static void no_answer_waits_for_another_event(struct world *w)
{
	struct bench b;
	int fds[20];

	bench_open(&b, w, NULL);
	for (int i = 0; i < 20; i++)
		fds[i] = client_dial(&b);
	for (int round = 0; round < 10; round++) {
		int64_t start = fiber_now();

		for (int i = 0; i < 20; i++)
			client_post(fds[i], arena_printf(b.mem, "/slow?ms=%d", i % 7), "[done]");
		for (int i = 0; i < 20; i++)
			client_hear(&b, fds[i], "[done]");
		CHECK(fiber_now() - start < PATIENCE_MS);
	}
	for (int i = 0; i < 20; i++) {
		client_get(fds[i], "/wait");
		CHECK(bench_reaches(&b.waiting, i + 1));
	}
	signal_wake_all(&b.gate); /* and twenty at once */
	for (int i = 0; i < 20; i++) {
		client_hear(&b, fds[i], "passed");
		close(fds[i]);
	}
	bench_is_empty(&b);
	bench_close(&b);
}

struct crowd {
	struct bench *b;
	unsigned seed;
};

static unsigned chance(struct crowd *c, unsigned n)
{
	c->seed = c->seed * 1664525u + 1013904223u;
	return (c->seed >> 8) % n;
}

/* One client that does something, and leaves somehow, at some time. */
static void stranger(void *arg)
{
	struct crowd *c = arg;
	static const char *const requests[] = {
		"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /sse HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /large HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /silent HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /slow?ms=3 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]",
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
		"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
	};
	int fd = client_dial(c->b);
	char part[512];

	for (unsigned n = 1 + chance(c, 3); n > 0; n--) {
		const char *text = requests[chance(c, array_len(requests))];
		size_t len = strlen(text);

		if (!chance(c, 4))
			len = chance(c, (unsigned)len);
		if (send(fd, text, len, MSG_NOSIGNAL) < 0)
			break;
	}
	if (chance(c, 2)) {
		struct timeval briefly = { .tv_usec = 1 + (int)chance(c, 5000) };

		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &briefly, sizeof(briefly));
		while (recv(fd, part, sizeof(part), 0) > 0 && chance(c, 50))
			;
	}
	client_leave(fd, chance(c, 2) ? CLOSES : RESETS);
}

static void crowd_run(void *arg)
{
	struct crowd *c = arg;
	struct err e;

	CHECK_OK(lane_run(c->b->lane, stranger, c, NULL, FOREVER, NULL, &e), &e);
}

static void whoever_leaves_whenever_nothing_leaks(struct world *w)
{
	struct bench b;
	struct crowd crowd[200];
	struct scope s;

	bench_open(&b, w, NULL);
	for (int what = 0; what < WAITS; what++) /* no deadline does the work of noticing */
		b.server->deadlines.ms[what] = 10 * PATIENCE_MS;
	scope_open(&s, FOREVER);
	for (unsigned i = 0; i < array_len(crowd); i++) {
		crowd[i] = (struct crowd){ &b, 7919 * (i + 1) };
		scope_go(&s, crowd_run, &crowd[i]);
	}
	scope_join(&s);
	bench_is_empty(&b);
	CHECK_INT(b.waiting, 0);
	CHECK_INT(b.streams, 0);
	bench_close(&b);
}

static void opening_fails_with_the_reason(struct world *w)
{
	struct bench b;
	struct err e;
	struct http_server_options o = { .world = w,
		.host = "nowhere.example",
		.handle = bench_handle,
		.refuse = bench_refuse };

	CHECK(!http_server_open(&o, &e));
	CHECK_HAS(e.msg, "host \"nowhere.example\": not an IP address");
	bench_open(&b, w, NULL);
	o.host = "127.0.0.1";
	o.port = http_server_port(b.server);
	CHECK(!http_server_open(&o, &e));
	CHECK_HAS(e.msg, arena_printf(b.mem, "127.0.0.1 port %d: another program has it", o.port));
	o.port = 65536;
	CHECK(!http_server_open(&o, &e));
	CHECK_HAS(e.msg, "port 65536: a port is 0 to 65535");
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(a_request_is_handed_over_as_it_came),
		REAL_TEST(a_connection_is_kept_for_the_next_request),
		REAL_TEST(pipelined_requests_are_answered_in_order),
		REAL_TEST(a_body_may_come_in_chunks_and_closes_the_connection),
		REAL_TEST(a_client_that_asks_first_is_told_to_continue),
		REAL_TEST(who_hangs_up_cancels_the_handler),
		REAL_TEST(who_leaves_at_once_leaves_nothing_behind),
		REAL_TEST(who_leaves_in_the_middle_of_a_request_is_noticed),
		REAL_TEST(a_stream_sends_what_is_pushed),
		REAL_TEST(a_reader_too_far_behind_is_cut_off),
		REAL_TEST(a_reader_that_keeps_up_gets_everything_in_order),
		REAL_TEST(one_push_may_be_larger_than_the_queue),
		REAL_TEST(streams_beyond_their_number_are_refused),
		REAL_TEST(old_clients_and_heads_are_served),
		REAL_TEST(a_stream_that_ends_gives_its_descriptor_back),
		REAL_TEST(a_handler_that_says_nothing_is_answered_for),
		REAL_TEST(no_answer_waits_for_another_event),
		REAL_TEST(whoever_leaves_whenever_nothing_leaks),
		REAL_TEST(opening_fails_with_the_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
