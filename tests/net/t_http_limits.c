#include "base/buf.h"
#include "base/mem.h"
#include "tests/net/http_bench.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is refused, and what is not waited for. */

struct pushing {
	int fd;
	bool chunked;
};

static void push_two_megabytes(void *arg)
{
	struct pushing *p = arg;
	static char block[65536];

	for (int i = 0; i < 32; i++) {
		if (p->chunked && send(p->fd, "10000\r\n", 7, MSG_NOSIGNAL) < 0)
			return;
		if (send(p->fd, block, sizeof(block), MSG_NOSIGNAL) < 0)
			return;
		if (p->chunked && send(p->fd, "\r\n", 2, MSG_NOSIGNAL) < 0)
			return;
	}
}

static void a_body_that_is_too_large_is_refused(struct world *w)
{
	struct bench b;
	struct err e;
	const char *answer;
	const char *asks_first = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n"
				 "Expect: 100-continue\r\n\r\n";
	const char *const heads[] = {
		asks_first,
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n",
	};

	bench_open(&b, w, NULL);
	for (size_t i = 0; i < array_len(heads); i++) {
		answer = client_ask(&b, heads[i]);
		CHECK_HAS(answer, "HTTP/1.1 413 ");
		CHECK_HAS(answer, "Connection: close\r\n");
		CHECK_HAS(answer, "\"code\":\"too_large\"");
		CHECK_HAS(answer, "larger than 1048576 bytes");
		CHECK(!strstr(answer, "100 Continue"));
	}
	for (int chunked = 0; chunked < 2; chunked++) {
		struct pushing p = { client_dial(&b), chunked };

		client_say(p.fd, "POST /echo HTTP/1.1\r\nHost: x\r\n");
		client_say(p.fd, chunked ? "Transfer-Encoding: chunked\r\n\r\n"
					 : "Content-Length: 2097152\r\n\r\n");
		CHECK_OK(lane_run(b.lane, push_two_megabytes, &p, NULL, FOREVER, NULL, &e), &e);
		answer = client_hear(&b, p.fd, NULL);
		CHECK_HAS(answer, "HTTP/1.1 413 ");
		CHECK_HAS(answer, "\"code\":\"too_large\"");
		close(p.fd);
	}
	CHECK_INT(b.server->begun, 0);
	bench_is_empty(&b);
	bench_close(&b);
}

struct bad {
	const char *head;
	size_t n;
	const char *says; /* NULL: no answer */
};

#define BAD(head_, says_)                                                                          \
	{                                                                                          \
		head_, sizeof(head_) - 1, says_                                                    \
	}

static void a_head_that_can_be_read_two_ways_is_refused(struct world *w)
{
	static const struct bad list[] = {
		BAD("Host: x\r\nContent-Length: 2\r\nContent-Length: 5\r\n", "given twice"),
		BAD("Host: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n", "given twice"),
		BAD("Host: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n", "both given"),
		BAD("Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n", "both given"),
		BAD("Host: x\r\nTransfer-Encoding: xchunked\r\n", "not supported"),
		BAD("Host: x\r\nTransfer-Encoding: gzip, chunked\r\n", "not supported"),
		BAD("Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		    "given twice"),
		BAD("Host: x\r\nHost: y\r\nContent-Length: 2\r\n", "Host is given twice"),
		BAD("Content-Length: 2\r\n", "Host is missing"),
		BAD("Host: x\r\nContent-Length : 2\r\n", "name"),
		BAD("Host: x\r\nCont ent: 2\r\n", "name"),
		BAD("Host: x\r\n: 2\r\n", "last header line"),
		BAD("Host: x\r\nX: a\r\n b\r\nContent-Length: 2\r\n", "folded"),
		BAD("Host: x\r\nContent-Length: 2\r\nX: a\r\n\tb\r\n", "folded"),
		BAD("Host: x\r\nX: a\nContent-Length: 2\r\n", "CRLF"),
		BAD("Host: x\r\nContent-Length: 2\r\nX: a\n", "CRLF"),
		BAD("Host: x\r\nX: a\0b\r\nContent-Length: 2\r\n", "NUL"),
		BAD("Host: x\r\nContent-Length: 2\r\nX: a\0\0b\r\n", "NUL"),
		BAD("Host: x\r\nX: a\0\0b: c\r\nContent-Length: 2\r\n", "NUL"),
		BAD("Host: x\r\nX: a\rb\r\nContent-Length: 2\r\n", "control character"),
		BAD("Host: x\r\nX: a\x01\r\nContent-Length: 2\r\n", "control character"),
		BAD("Host: x\r\nX: \xff\r\nContent-Length: 2\r\n", "not valid UTF-8"),
		BAD("Host: x\r\nContent-Length: 2, 5\r\n", "look at the Content-Length"),
		BAD("Host: x\r\nContent-Length: +2\r\n", "look at the Content-Length"),
		BAD("Host: x\r\nContent-Length: -2\r\n", "look at the Content-Length"),
		BAD("Host: x\r\nContent-Length: 0x2\r\n", "look at the Content-Length"),
		BAD("Host: x\r\nContent-Length:\r\n", "look at the Content-Length"),
		BAD("Host: x\r\nContent-Length: 99999999999999999999999\r\n",
		    "larger than can be counted"),
		BAD("Host: x\r\nno colon\r\n", "header lines"),
	};
	struct bench b;

	bench_open(&b, w, NULL);
	for (size_t i = 0; i < array_len(list); i++) {
		int fd = client_dial(&b);
		const char *answer;

		client_say(fd, "POST /echo HTTP/1.1\r\n");
		client_say_bytes(fd, list[i].head, list[i].n);
		client_say(fd, "\r\n[]GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
		answer = client_hear(&b, fd, NULL);
		CHECK_INT(count_of(answer, "HTTP/1.1 "), 1);
		CHECK_HAS(answer, "HTTP/1.1 4");
		CHECK_HAS(answer, "\r\nConnection: close\r\n");
		CHECK_HAS(answer, "{\"error\":{\"code\":\"");
		CHECK_HAS(answer, list[i].says);
		close(fd);
	}
	CHECK_INT(b.server->begun, 0);
	bench_is_empty(&b);
	bench_close(&b);
}

static void a_request_line_that_can_be_read_two_ways_is_refused(struct world *w)
{
	static const struct bad list[] = {
		BAD("GET  /a HTTP/1.1\r\n", "request line"),
		BAD("GET /a  HTTP/1.1\r\n", "the address"),
		BAD("GET /a HTTP/1.1\n", "request line"),
		BAD("GET /a\0b HTTP/1.1\r\n", "request line"),
		BAD("GET /a?x\0b HTTP/1.1\r\n", "request line"),
		BAD("G\0ET /a HTTP/1.1\r\n", "request line"),
		BAD("G(T /a HTTP/1.1\r\n", "the method"),
		BAD(" /a HTTP/1.1\r\n", NULL),
		BAD("GET /a b HTTP/1.1\r\n", "the address"),
		BAD("GET /a\tb HTTP/1.1\r\n", "the address"),
		BAD("GET /a#b HTTP/1.1\r\n", "the address"),
		BAD("GET /\xc3 HTTP/1.1\r\n", "not valid UTF-8"),
		BAD("GET a HTTP/1.1\r\n", "begins with no /"),
		BAD("GET ftp://x/ HTTP/1.1\r\n", "begins with no /"),
		BAD("GET / HTTP/2.0\r\n", "speaks HTTP/1.1"),
		BAD("GET / HTTP/0.9\r\n", "speaks HTTP/1.1"),
		BAD("GET /\r\n", "this is no HTTP"),
		BAD("GET\r\n", NULL),
	};
	struct bench b;

	bench_open(&b, w, NULL);
	for (size_t i = 0; i < array_len(list); i++) {
		int fd = client_dial(&b);
		const char *answer;

		client_say_bytes(fd, list[i].head, list[i].n);
		client_say(fd, "Host: x\r\n\r\n");
		answer = client_hear(&b, fd, NULL);
		if (list[i].says) {
			CHECK_HAS(answer, "{\"error\":{\"code\":\"bad_request\"");
			CHECK_HAS(answer, list[i].says);
		} else {
			CHECK_STR(answer, "<closed>");
		}
		close(fd);
	}
	CHECK_INT(b.server->begun, 0);
	bench_is_empty(&b);
	bench_close(&b);
}

/* A head of about so many bytes, in one header or in many short ones. */
static const char *head_of(struct bench *b, size_t n, const char *name, bool one)
{
	struct buf out = { 0 };
	const char *text;

	buf_adds(&out, "GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
	buf_adds(&out, one ? name : "");
	while (out.len < n)
		buf_adds(&out, one ? "abcdefghij" : name);
	buf_adds(&out, one ? "\r\n\r\n" : "\r\n");
	text = arena_strdup(b->mem, out.data);
	buf_done(&out);
	return text;
}

static void a_head_that_is_too_large_is_answered(struct world *w)
{
	static const char *const names[] = { "X: abcdefghij\r\n",
		"X-Long: ", "Cookie: ", "Cookie: a=b; ", NULL };
	struct bench b;

	bench_open(&b, w, NULL);
	for (size_t n = 100; n < 10000; n += 100)
		for (const char *const *name = names; *name; name++) {
			const char *answer = client_ask(&b, head_of(&b, n, *name, name != names));
			bool served = strstr(answer, "HTTP/1.1 200 ") != NULL;

			CHECK_INT(count_of(answer, "HTTP/1.1 "), 1);
			if (n <= 1200 || (name != names && n <= 3200))
				CHECK(served);
			if (!served)
				CHECK_HAS(answer, "{\"error\":{\"code\":\"headers_too_large\"");
		}
	bench_is_empty(&b);
	bench_close(&b);
}

static void an_address_that_is_too_long_or_full_of_parameters_is_answered(struct world *w)
{
	struct bench b;

	bench_open(&b, w, NULL);
	for (size_t n = 100; n < 9000; n += 300)
		for (const char *c = "&=a;"; *c; c++) {
			char *fill = arena_alloc(b.mem, n + 1);
			const char *answer;

			memset(fill, *c, n);
			answer = client_ask(&b, arena_printf(b.mem,
						    "GET /?%s HTTP/1.1\r\nHost: x\r\n"
						    "Connection: close\r\n\r\n",
						    fill));
			if (!CHECK(count_of(answer, "HTTP/1.1 ") == 1))
				fprintf(stderr, "%zu of %c: %s\n", n, *c, answer);
			CHECK_HAS(answer, n <= 6700 ? "HTTP/1.1 200 " : "HTTP/1.1 ");
		}
	bench_is_empty(&b);
	bench_close(&b);
}

static void hurry(struct bench *b, enum http_wait what)
{
	b->server->deadlines.ms[what] = 30;
}

static void each_wait_for_a_client_has_an_end(struct world *w)
{
	struct bench b;
	int idle, line, head, body, reader;

	bench_open(&b, w, NULL);
	for (int what = 0; what < WAITS; what++)
		hurry(&b, what);
	line = client_dial(&b);
	client_say(line, "GE");
	head = client_dial(&b);
	client_say(head, "GET / HTTP/1.1\r\nHost: x\r\nX");
	body = client_dial(&b);
	client_say(body, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n[");
	idle = client_dial(&b);
	client_post(idle, "/echo", "[1]");
	client_hear(&b, idle, "[1]");
	CHECK_STR(client_hear(&b, line, NULL), "<closed>");
	CHECK_STR(client_hear(&b, head, NULL), "<closed>");
	CHECK_STR(client_hear(&b, body, NULL), "<closed>");
	CHECK_STR(client_hear(&b, idle, NULL), "<closed>");
	reader = client_dial_with(&b, 4096);
	client_get(reader, "/large");
	CHECK(bench_reaches(&b.server->accepted, 5));
	bench_is_empty(&b);
	CHECK_INT(b.server->deadlines.passed[WAIT_HEADER], 2);
	CHECK_INT(b.server->deadlines.passed[WAIT_BODY], 1);
	CHECK_INT(b.server->deadlines.passed[WAIT_IDLE], 1);
	CHECK_INT(b.server->deadlines.passed[WAIT_SEND], 1);
	close(line);
	close(head);
	close(body);
	close(idle);
	close(reader);
	bench_close(&b);
}

static void drip(void *arg)
{
	int fd = *(int *)arg;

	while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		usleep(2000);
}

static void a_byte_now_and_then_does_not_keep_a_connection(struct world *w)
{
	struct bench b;
	struct err e;
	int fd;

	bench_open(&b, w, NULL);
	hurry(&b, WAIT_HEADER);
	fd = client_dial(&b);
	client_say(fd, "GET /");
	CHECK_OK(lane_run(b.lane, drip, &fd, NULL, FOREVER, NULL, &e), &e);
	bench_is_empty(&b);
	CHECK_INT(b.server->deadlines.passed[WAIT_HEADER], 1);
	close(fd);
	bench_close(&b);
}

static void a_handler_and_an_idle_stream_have_no_deadline_of_the_connection(struct world *w)
{
	struct bench b;
	struct err e;
	int fd, stream;

	bench_open(&b, w, NULL);
	for (int what = 0; what < WAITS; what++)
		hurry(&b, what);
	stream = client_dial(&b);
	client_get(stream, "/sse");
	client_hear(&b, stream, "data: hello\n\n");
	fd = client_dial(&b);
	client_post(fd, "/slow?ms=150", "[7]");
	CHECK_HAS(client_hear(&b, fd, "[7]"), "HTTP/1.1 200 OK");
	b.events++;
	signal_wake_all(&b.event);
	CHECK_HAS(client_hear(&b, stream, "data: 1\n\n"), "data: 1");
	CHECK_OK(fiber_check(&e), &e);
	close(stream);
	close(fd);
	bench_is_empty(&b);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(a_body_that_is_too_large_is_refused),
		REAL_TEST(a_head_that_can_be_read_two_ways_is_refused),
		REAL_TEST(a_request_line_that_can_be_read_two_ways_is_refused),
		REAL_TEST(a_head_that_is_too_large_is_answered),
		REAL_TEST(an_address_that_is_too_long_or_full_of_parameters_is_answered),
		REAL_TEST(each_wait_for_a_client_has_an_end),
		REAL_TEST(a_byte_now_and_then_does_not_keep_a_connection),
		REAL_TEST(a_handler_and_an_idle_stream_have_no_deadline_of_the_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
