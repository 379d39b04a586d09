#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/http_parts.h"
#include "tests/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The server in a real world, with plain sockets for clients.
 *
 * The test's fiber connects, sends and closes itself, which never waits on the loopback; only
 * hear(), which reads until something has come, blocks, and does so on a lane.  So the order of
 * things is in the test's hands, and nothing is waited for by time. */

#define PATIENCE_MS 20000 /* only a failing test takes it */

struct bench {
	struct world *world;
	struct lane *lane;
	struct arena *mem;
	struct http_server *server;
	struct signal gate, event; /* lets /wait go on; tells /sse of another event */
	int events;
	int waiting, cancelled, streams;
	int floods;            /* ended */
	struct err push_error; /* why a stream's push failed */
};

static void say_what_came(struct http_exchange *x)
{
	struct buf b = { 0 };

	buf_printf(&b, "%s [%s] [%s] loopback=%d\n", x->method, x->path, x->query, x->loopback);
	for (size_t i = 0; i < x->nheaders; i++)
		buf_printf(&b, "%s=%s\n", x->headers[i].name, x->headers[i].value);
	http_answer(x, 200, "text/plain", b.data, b.len);
	buf_done(&b);
}

static void wait_at_the_gate(struct bench *b, struct http_exchange *x)
{
	struct err e;

	b->waiting++;
	if (signal_wait(&b->gate, FOREVER, &e) < 0)
		b->cancelled += e.code == ERR_CANCELED;
	b->waiting--;
	http_answer(x, 200, "text/plain", "passed", 6);
}

static void stream_events(struct bench *b, struct http_exchange *x)
{
	int sent = 0;
	struct err e = { 0 };

	http_stream(x);
	b->streams++;
	if (http_push(x, "data: hello\n\n", 13, &e) < 0)
		b->push_error = e;
	while (signal_wait(&b->event, FOREVER, &e) == 0 && b->events >= 0)
		while (sent < b->events) {
			char *line = arena_printf(x->mem, "data: %d\n\n", ++sent);

			if (http_push(x, line, strlen(line), &e) < 0)
				b->push_error = e;
		}
	b->cancelled += e.code == ERR_CANCELED;
	b->streams--;
}

static void flood(struct bench *b, struct http_exchange *x)
{
	static char block[16384];
	struct err e;

	memset(block, 'x', sizeof(block));
	http_stream(x);
	while (http_push(x, block, sizeof(block), &b->push_error) == 0)
		if (fiber_yield(&e) < 0)
			break;
	b->floods++;
}

static void take_its_time(struct http_exchange *x)
{
	struct err e;

	if (fiber_sleep(atoi(http_query(x, "ms")), &e) < 0)
		return;
	http_answer(x, 200, "application/json", x->body, x->body_len);
}

static void large(struct http_exchange *x)
{
	size_t n = 64u << 20;
	char *text = arena_alloc(x->mem, n);

	memset(text, 'y', n);
	http_answer(x, 200, "text/plain", text, n);
}

static void handle(void *self, struct http_exchange *x)
{
	struct bench *b = self;

	if (text_is(x->path, "/echo"))
		http_answer(x, 200, "application/json", x->body, x->body_len);
	else if (text_is(x->path, "/wait"))
		wait_at_the_gate(b, x);
	else if (text_is(x->path, "/sse"))
		stream_events(b, x);
	else if (text_is(x->path, "/flood"))
		flood(b, x);
	else if (text_is(x->path, "/slow"))
		take_its_time(x);
	else if (text_is(x->path, "/large"))
		large(x);
	else if (!text_is(x->path, "/silent"))
		say_what_came(x);
}

static const char *refuse(struct arena *mem, int status, const char *code, const char *message)
{
	return arena_printf(mem, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\",\"status\":%d}}",
	    code, message, status);
}

static void open_with(struct bench *b, struct world *w, const struct http_server_options *more)
{
	struct http_server_options o = more ? *more : (struct http_server_options){ 0 };
	struct err e;

	*b = (struct bench){ .world = w, .mem = arena_new(), .lane = lane_new(w, "client", 4) };
	signal_init(&b->gate);
	signal_init(&b->event);
	o.world = w;
	if (!o.host)
		o.host = "127.0.0.1";
	o.handle = handle;
	o.refuse = refuse;
	o.self = b;
	b->server = http_server_open(&o, &e);
	if (!CHECK(b->server))
		fprintf(stderr, "%s\n", e.msg);
}

/* Wait until *count is this; the loop runs meanwhile. */
static bool reaches(const int *count, int wanted)
{
	int64_t deadline = fiber_now() + PATIENCE_MS;
	struct err e;

	while (*count != wanted && fiber_now() < deadline)
		if (fiber_sleep(1, &e) < 0)
			break;
	return *count == wanted;
}

/* Everything of the requests is gone while the server still runs. */
static void nothing_is_left(struct bench *b)
{
	CHECK(reaches(&b->server->nhandlers, 0));
	CHECK(reaches(&b->server->nconnections, 0));
	CHECK_INT(b->server->nstreams, 0);
	CHECK(list_empty(&b->server->suspended));
}

static void finish(struct bench *b)
{
	if (b->server)
		http_server_close(b->server, fiber_now() + PATIENCE_MS);
	lane_free(b->lane);
	arena_free(b->mem);
}

static int dial_with(struct bench *b, int receive_buffer)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_server_port(b->server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (receive_buffer)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int dial(struct bench *b)
{
	int fd = dial_with(b, 0);

	CHECK(fd >= 0);
	return fd;
}

static void say_bytes(int fd, const char *text, size_t n)
{
	CHECK_INT(send(fd, text, n, MSG_NOSIGNAL), n);
}

static void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

static void get(int fd, const char *path)
{
	char text[300];

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	say(fd, text);
}

static void post(int fd, const char *path, const char *body)
{
	char text[400];

	snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
	    path, strlen(body), body);
	say(fd, text);
}

struct hearing {
	int fd;
	const char *words; /* NULL: to the end */
	int times;
	struct buf heard;
	bool ended, reset;
};

static int count(const char *text, const char *words)
{
	int n = 0;

	for (; (text = strstr(text, words)); text += strlen(words))
		n++;
	return n;
}

static void hear_job(void *arg)
{
	struct hearing *h = arg;
	char part[4096];

	while (!h->words || count(buf_str(&h->heard), h->words) < h->times) {
		ssize_t n = recv(h->fd, part, sizeof(part), 0);

		if (n <= 0) {
			h->ended = n == 0;
			h->reset = n < 0 && errno == ECONNRESET;
			return;
		}
		buf_add(&h->heard, part, (size_t)n);
	}
}

/* What the server says until it has said these words so many times; NULL: until it closes, which
 * is then a line "<closed>" or "<reset>" at the end. */
static const char *hear_times(struct bench *b, int fd, const char *words, int times)
{
	struct hearing h = { .fd = fd, .words = words, .times = times };
	const char *all;
	struct err e;

	CHECK_OK(lane_run(b->lane, hear_job, &h, NULL, FOREVER, NULL, &e), &e);
	all = arena_printf(b->mem, "%s%s", buf_str(&h.heard),
	    h.ended   ? "<closed>"
	    : h.reset ? "<reset>"
		      : "");
	buf_done(&h.heard);
	return all;
}

static const char *hear(struct bench *b, int fd, const char *words)
{
	return hear_times(b, fd, words, 1);
}

/* One request on a connection of its own; all of the answer, to the closing. */
static const char *ask(struct bench *b, const char *text)
{
	int fd = dial(b);
	const char *answer;

	say(fd, text);
	answer = hear(b, fd, NULL);
	close(fd);
	return answer;
}

static void a_request_is_handed_over_as_it_came(struct world *w)
{
	struct bench b;
	const char *answer;

	open_with(&b, w, NULL);
	answer =
	    ask(&b, "PATCH /a%20b/c?x=1&y=%2F HTTP/1.1\r\nHost: me:80\r\nX-Odd:  two words \r\n"
		    "Empty:\r\nConnection: close\r\n\r\n");
	CHECK_HAS(answer, "HTTP/1.1 200 OK\r\n");
	CHECK_HAS(answer, "Content-Type: text/plain\r\n");
	CHECK_HAS(answer, "\r\n\r\nPATCH [/a%20b/c] [x=1&y=%2F] loopback=1\n"
			  "Host=me:80\nX-Odd=two words\nEmpty=\nConnection=close\n<closed>");
	answer = ask(&b, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	CHECK_HAS(answer, "OPTIONS [*] [] loopback=1\n");
	answer =
	    ask(&b, "GET http://example.org/p?q HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	CHECK_HAS(answer, "GET [/p] [q] loopback=1\n");
	answer = ask(&b, "GET http://example.org HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	CHECK_HAS(answer, "GET [/] [] loopback=1\n");
	nothing_is_left(&b);
	finish(&b);
}

static void a_connection_is_kept_for_the_next_request(struct world *w)
{
	struct bench b;
	int fd;

	open_with(&b, w, NULL);
	fd = dial(&b);
	for (int i = 0; i < 3; i++) {
		const char *body = arena_printf(b.mem, "[%d]", i);

		post(fd, "/echo", body);
		CHECK_HAS(hear(&b, fd, body), "HTTP/1.1 200 OK");
		post(fd, "/slow?ms=1", body);
		CHECK_HAS(hear(&b, fd, body), "HTTP/1.1 200 OK");
	}
	CHECK_INT(b.server->nconnections, 1);
	close(fd);
	nothing_is_left(&b);
	finish(&b);
}

static void pipelined_requests_are_answered_in_order(struct world *w)
{
	struct bench b;
	const char *all;
	int fd;

	open_with(&b, w, NULL);
	fd = dial(&b);
	post(fd, "/slow?ms=20", "<1>");
	post(fd, "/echo", "<2>");
	post(fd, "/slow?ms=10", "<3>");
	post(fd, "/echo", "<4>");
	all = hear(&b, fd, "<4>");
	CHECK_INT(count(all, "HTTP/1.1 200 OK"), 4);
	CHECK(strstr(all, "<1>") < strstr(all, "<2>"));
	CHECK(strstr(all, "<2>") < strstr(all, "<3>"));
	CHECK(strstr(all, "<3>") < strstr(all, "<4>"));
	post(fd, "/slow?ms=20", "<first>");
	for (int i = 0; i < 200; i++) /* more than the connection's memory holds at once */
		post(fd, "/echo", "<more>");
	CHECK_INT(count(hear_times(&b, fd, "<more>", 200), "HTTP/1.1 200 OK"), 201);
	close(fd);
	nothing_is_left(&b);
	finish(&b);
}

static void a_body_may_come_in_chunks_and_closes_the_connection(struct world *w)
{
	struct bench b;
	const char *answer;
	int fd;

	open_with(&b, w, NULL);
	fd = dial(&b);
	say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":");
	CHECK(reaches(&b.server->nconnections, 1));
	say(fd, "\r\n3;ext=1\r\n\"b\"\r\n1\r\n}\r\n0\r\nTrailer: t\r\n\r\n");
	answer = hear(&b, fd, NULL);
	CHECK_HAS(answer, "HTTP/1.1 200 OK");
	CHECK_HAS(answer, "\r\n\r\n{\"a\":\"b\"}<closed>");
	close(fd);
	answer = ask(&b, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
			 "-2\r\n[]\r\n0\r\n\r\n");
	CHECK_HAS(answer, "HTTP/1.1 400 ");
	nothing_is_left(&b);
	finish(&b);
}

static void a_client_that_asks_first_is_told_to_continue(struct world *w)
{
	struct bench b;
	const char *text = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
			   "Expect: 100-continue\r\n\r\n";
	int fd;

	open_with(&b, w, NULL);
	fd = dial(&b);
	say(fd, text);
	CHECK_HAS(hear(&b, fd, "\r\n\r\n"), "HTTP/1.1 100 Continue");
	say(fd, "[42]");
	CHECK_HAS(hear(&b, fd, "[42]"), "HTTP/1.1 200 OK");
	close(fd);
	nothing_is_left(&b);
	finish(&b);
}

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
	static const char *const heads[] = {
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n"
		"Expect: 100-continue\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n",
	};

	open_with(&b, w, NULL);
	for (size_t i = 0; i < array_len(heads); i++) {
		answer = ask(&b, heads[i]);
		CHECK_HAS(answer, "HTTP/1.1 413 ");
		CHECK_HAS(answer, "Connection: close\r\n");
		CHECK_HAS(answer, "\"code\":\"too_large\"");
		CHECK_HAS(answer, "larger than 1048576 bytes");
		CHECK(!strstr(answer, "100 Continue"));
	}
	for (int chunked = 0; chunked < 2; chunked++) {
		struct pushing p = { dial(&b), chunked };

		say(p.fd, "POST /echo HTTP/1.1\r\nHost: x\r\n");
		say(p.fd, chunked ? "Transfer-Encoding: chunked\r\n\r\n"
				  : "Content-Length: 2097152\r\n\r\n");
		CHECK_OK(lane_run(b.lane, push_two_megabytes, &p, NULL, FOREVER, NULL, &e), &e);
		answer = hear(&b, p.fd, NULL);
		CHECK_HAS(answer, "HTTP/1.1 413 ");
		CHECK_HAS(answer, "\"code\":\"too_large\"");
		close(p.fd);
	}
	CHECK_INT(b.server->begun, 0);
	nothing_is_left(&b);
	finish(&b);
}

enum leaving {
	CLOSES,
	RESETS,
	SHUTS_WRITING
};

static void leave(int fd, enum leaving how)
{
	struct linger now = { .l_onoff = 1 };

	if (how == RESETS)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (how == SHUTS_WRITING)
		shutdown(fd, SHUT_WR);
	else
		close(fd);
}

static void who_hangs_up_cancels_the_handler(struct world *w)
{
	struct bench b;

	open_with(&b, w, NULL);
	for (enum leaving how = CLOSES; how <= SHUTS_WRITING; how++) {
		int fd = dial(&b);

		b.cancelled = 0;
		get(fd, "/wait");
		CHECK(reaches(&b.waiting, 1));
		leave(fd, how);
		CHECK(reaches(&b.cancelled, 1));
		nothing_is_left(&b);
		if (how == SHUTS_WRITING) {
			CHECK_STR(hear(&b, fd, NULL), "<closed>");
			close(fd);
		}
	}
	finish(&b);
}

static void who_leaves_at_once_leaves_nothing_behind(struct world *w)
{
	struct bench b;
	static const char *const paths[] = { "/wait", "/sse", "/echo", "/silent" };

	open_with(&b, w, NULL);
	for (int i = 0; i < 40; i++) {
		int fd = dial(&b);

		get(fd, paths[i % 4]);
		leave(fd, i % 8 < 4 ? CLOSES : RESETS);
	}
	CHECK(reaches(&b.server->accepted, 40));
	nothing_is_left(&b);
	CHECK_INT(b.waiting, 0);
	CHECK_INT(b.streams, 0);
	finish(&b);
}

static void a_stream_sends_what_is_pushed(struct world *w)
{
	struct bench b;
	const char *answer;
	int fd;

	open_with(&b, w, NULL);
	fd = dial(&b);
	get(fd, "/sse");
	answer = hear(&b, fd, "data: hello\n\n");
	CHECK_HAS(answer, "HTTP/1.1 200 OK");
	CHECK_HAS(answer, "Content-Type: text/event-stream\r\n");
	CHECK_HAS(answer, "Cache-Control: no-store\r\n");
	for (int i = 1; i <= 3; i++) {
		b.events++;
		signal_wake_all(&b.event);
		hear(&b, fd, arena_printf(b.mem, "data: %d\n\n", i));
	}
	CHECK_INT(b.server->nstreams, 1);
	close(fd);
	CHECK(reaches(&b.cancelled, 1));
	nothing_is_left(&b);
	finish(&b);
}

static void a_reader_too_far_behind_is_cut_off(struct world *w)
{
	struct bench b;
	int fd;

	open_with(&b, w, NULL);
	fd = dial_with(&b, 4096);
	get(fd, "/flood");
	CHECK(reaches(&b.floods, 1));
	CHECK_INT(b.push_error.code, ERR_LIMIT);
	CHECK_HAS(b.push_error.msg, "256 KiB behind");
	nothing_is_left(&b);
	close(fd);
	finish(&b);
}

static void a_reader_that_keeps_up_gets_megabytes(struct world *w)
{
	struct bench b;
	int fd;

	open_with(&b, w, NULL);
	fd = dial(&b);
	get(fd, "/sse");
	hear(&b, fd, "data: hello\n\n");
	for (int i = 0; i < 20; i++) { /* 20 x 12,000 events of about 13 bytes */
		b.events += 12000;
		signal_wake_all(&b.event);
		hear(&b, fd, arena_printf(b.mem, "data: %d\n\n", b.events));
	}
	CHECK_INT(b.push_error.code, ERR_NONE);
	close(fd);
	nothing_is_left(&b);
	finish(&b);
}

static void streams_beyond_their_number_are_refused(struct world *w)
{
	struct bench b;
	const char *answer;
	int fds[2], last;

	open_with(&b, w, &(struct http_server_options){ .streams_max = 2 });
	for (int i = 0; i < 2; i++) {
		fds[i] = dial(&b);
		get(fds[i], "/sse");
		hear(&b, fds[i], "data: hello\n\n");
	}
	last = dial(&b);
	get(last, "/sse");
	answer = hear(&b, last, "}}");
	CHECK_HAS(answer, "HTTP/1.1 503 ");
	CHECK_HAS(answer, "\"message\":\"too many live streams are open; try again later\"");
	CHECK(reaches(&b.streams, 2)); /* its handler did not wait for events */
	CHECK_INT(b.push_error.code, ERR_LIMIT);
	get(last, "/x"); /* the connection is as good as before */
	CHECK_HAS(hear(&b, last, "Host=x\n"), "HTTP/1.1 200 OK");
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	close(last);
	nothing_is_left(&b);
	finish(&b);
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

	open_with(&b, w, NULL);
	for (size_t i = 0; i < array_len(list); i++) {
		int fd = dial(&b);
		const char *answer;

		say(fd, "POST /echo HTTP/1.1\r\n");
		say_bytes(fd, list[i].head, list[i].n);
		say(fd, "\r\n[]GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
		answer = hear(&b, fd, NULL);
		CHECK_INT(count(answer, "HTTP/1.1 "), 1);
		CHECK_HAS(answer, "HTTP/1.1 4");
		CHECK_HAS(answer, "\r\nConnection: close\r\n");
		CHECK_HAS(answer, "{\"error\":{\"code\":\"");
		CHECK_HAS(answer, list[i].says);
		close(fd);
	}
	CHECK_INT(b.server->begun, 0);
	nothing_is_left(&b);
	finish(&b);
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

	open_with(&b, w, NULL);
	for (size_t i = 0; i < array_len(list); i++) {
		int fd = dial(&b);
		const char *answer;

		say_bytes(fd, list[i].head, list[i].n);
		say(fd, "Host: x\r\n\r\n");
		answer = hear(&b, fd, NULL);
		if (list[i].says) {
			CHECK_HAS(answer, "{\"error\":{\"code\":\"bad_request\"");
			CHECK_HAS(answer, list[i].says);
		} else {
			CHECK_STR(answer, "<closed>");
		}
		close(fd);
	}
	CHECK_INT(b.server->begun, 0);
	nothing_is_left(&b);
	finish(&b);
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

	open_with(&b, w, NULL);
	for (size_t n = 100; n < 10000; n += 100)
		for (const char *const *name = names; *name; name++) {
			const char *answer = ask(&b, head_of(&b, n, *name, name != names));
			bool served = strstr(answer, "HTTP/1.1 200 ") != NULL;

			CHECK_INT(count(answer, "HTTP/1.1 "), 1);
			if (n <= 1200 || (name != names && n <= 3200))
				CHECK(served);
			if (!served)
				CHECK_HAS(answer, "{\"error\":{\"code\":\"headers_too_large\"");
		}
	nothing_is_left(&b);
	finish(&b);
}

static void an_address_that_is_too_long_or_full_of_parameters_is_answered(struct world *w)
{
	struct bench b;

	open_with(&b, w, NULL);
	for (size_t n = 100; n < 9000; n += 300)
		for (const char *c = "&=a;"; *c; c++) {
			char *fill = arena_alloc(b.mem, n + 1);
			const char *answer;

			memset(fill, *c, n);
			answer = ask(&b, arena_printf(b.mem,
					     "GET /?%s HTTP/1.1\r\nHost: x\r\n"
					     "Connection: close\r\n\r\n",
					     fill));
			if (!CHECK(count(answer, "HTTP/1.1 ") == 1))
				fprintf(stderr, "%zu of %c: %s\n", n, *c, answer);
		}
	nothing_is_left(&b);
	finish(&b);
}

static void old_clients_and_heads_are_served(struct world *w)
{
	struct bench b;
	const char *answer;
	int fd;

	open_with(&b, w, NULL);
	answer = ask(&b, "\r\n\r\nGET /x HTTP/1.0\r\n\r\n");
	CHECK_HAS(answer, " 200 OK");
	CHECK_HAS(answer, "GET [/x] [] loopback=1\n<closed>");
	answer = ask(&b, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	CHECK_HAS(answer, " 400 ");
	fd = dial(&b);
	say(fd, "GET /sse HTTP/1.0\r\n\r\n");
	CHECK_HAS(hear(&b, fd, "data: hello\n\n"), "\r\n\r\ndata: hello\n\n");
	close(fd);
	answer = ask(&b, "HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	CHECK_HAS(answer, "HTTP/1.1 200 OK");
	CHECK_HAS(answer, "\r\n\r\n<closed>");
	fd = dial(&b);
	say(fd, "HEAD /sse HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK_HAS(hear(&b, fd, "\r\n\r\n"), "text/event-stream");
	close(fd);
	nothing_is_left(&b);
	finish(&b);
}

/* With an older connection that stays, so that the library has no reason to look at this one. */
static void a_stream_that_ends_gives_its_descriptor_back(struct world *w)
{
	static const char *const versions[] = { "HTTP/1.1", "HTTP/1.0" };
	struct bench b;
	int kept, fd;

	open_with(&b, w, NULL);
	kept = dial(&b);
	get(kept, "/x");
	hear(&b, kept, "Host=x\n");
	for (int i = 0; i < 4; i++) {
		fd = dial(&b);
		say(fd, arena_printf(b.mem, "GET /sse %s\r\nHost: x\r\n\r\n", versions[i % 2]));
		hear(&b, fd, "data: hello\n\n");
		if (i < 2)
			close(fd);
		else
			b.events = -1; /* the handler ends */
		signal_wake_all(&b.event);
		if (i >= 2) {
			const char *end = hear(&b, fd, i == 2 ? "0\r\n\r\n" : NULL);

			CHECK_HAS(end, i == 2 ? "0\r\n\r\n" : "<closed>");
			close(fd);
		}
		CHECK(reaches(&b.server->nconnections, 1));
		b.events = 0;
	}
	close(kept);
	nothing_is_left(&b);
	finish(&b);
}

static void a_handler_that_says_nothing_is_answered_for(struct world *w)
{
	struct bench b;
	const char *answer;

	open_with(&b, w, NULL);
	answer = ask(&b, "GET /silent HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	CHECK_HAS(answer, "HTTP/1.1 500 ");
	CHECK_HAS(answer, "\"code\":\"internal\"");
	nothing_is_left(&b);
	finish(&b);
}

static void hurry(struct bench *b, enum http_wait what)
{
	b->server->deadlines.ms[what] = 30;
}

static void each_wait_for_a_client_has_an_end(struct world *w)
{
	struct bench b;
	int idle, line, head, body, reader;

	open_with(&b, w, NULL);
	for (int what = 0; what < WAITS; what++)
		hurry(&b, what);
	line = dial(&b);
	say(line, "GE");
	head = dial(&b);
	say(head, "GET / HTTP/1.1\r\nHost: x\r\nX");
	body = dial(&b);
	say(body, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n[");
	idle = dial(&b);
	post(idle, "/echo", "[1]");
	hear(&b, idle, "[1]");
	CHECK_STR(hear(&b, line, NULL), "<closed>");
	CHECK_STR(hear(&b, head, NULL), "<closed>");
	CHECK_STR(hear(&b, body, NULL), "<closed>");
	CHECK_STR(hear(&b, idle, NULL), "<closed>");
	reader = dial_with(&b, 4096);
	get(reader, "/large");
	CHECK(reaches(&b.server->accepted, 5));
	nothing_is_left(&b);
	CHECK_INT(b.server->deadlines.passed[WAIT_HEADER], 2);
	CHECK_INT(b.server->deadlines.passed[WAIT_BODY], 1);
	CHECK_INT(b.server->deadlines.passed[WAIT_IDLE], 1);
	CHECK_INT(b.server->deadlines.passed[WAIT_SEND], 1);
	close(line);
	close(head);
	close(body);
	close(idle);
	close(reader);
	finish(&b);
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

	open_with(&b, w, NULL);
	hurry(&b, WAIT_HEADER);
	fd = dial(&b);
	say(fd, "GET /");
	CHECK_OK(lane_run(b.lane, drip, &fd, NULL, FOREVER, NULL, &e), &e);
	nothing_is_left(&b);
	CHECK_INT(b.server->deadlines.passed[WAIT_HEADER], 1);
	close(fd);
	finish(&b);
}

static void a_handler_and_an_idle_stream_have_no_deadline_of_the_connection(struct world *w)
{
	struct bench b;
	struct err e;
	int fd, stream;

	open_with(&b, w, NULL);
	for (int what = 0; what < WAITS; what++)
		hurry(&b, what);
	stream = dial(&b);
	get(stream, "/sse");
	hear(&b, stream, "data: hello\n\n");
	fd = dial(&b);
	post(fd, "/slow?ms=150", "[7]");
	CHECK_HAS(hear(&b, fd, "[7]"), "HTTP/1.1 200 OK");
	b.events++;
	signal_wake_all(&b.event);
	CHECK_HAS(hear(&b, stream, "data: 1\n\n"), "data: 1");
	CHECK_OK(fiber_check(&e), &e);
	close(stream);
	close(fd);
	nothing_is_left(&b);
	finish(&b);
}

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

	open_with(&b, w, NULL);
	stream = dial(&b);
	get(stream, "/sse");
	hear(&b, stream, "data: hello\n\n");
	kept = dial(&b);
	post(kept, "/echo", "[1]");
	hear(&b, kept, "[1]");
	fresh = dial(&b);
	waits = dial(&b);
	get(waits, "/wait");
	CHECK(reaches(&b.waiting, 1));
	CHECK(reaches(&b.server->nconnections, 4));

	scope_open(&s, FOREVER);
	scope_go(&s, stop_it, &stop);
	CHECK_STR(hear(&b, kept, NULL), "<closed>");
	CHECK_STR(hear(&b, fresh, NULL), "<closed>");
	CHECK_HAS(hear(&b, stream, NULL), "0\r\n\r\n<closed>");
	CHECK_INT(dial_with(&b, 0), -1);
	CHECK(!stop.done);
	CHECK_INT(b.waiting, 1);
	signal_wake_all(&b.gate);
	answer = hear(&b, waits, NULL);
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
	finish(&b);
}

static void a_forced_stop_cancels_what_still_runs(struct world *w)
{
	struct bench b;
	struct stop stop = { &b, 0, 0 };
	int waits[3], slow, reader, half;

	open_with(&b, w, NULL);
	for (int i = 0; i < 3; i++) {
		waits[i] = dial(&b);
		get(waits[i], "/wait");
	}
	slow = dial(&b);
	post(slow, "/slow?ms=100000", "[1]");
	reader = dial_with(&b, 4096);
	get(reader, "/large");
	half = dial(&b);
	say(half, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n[");
	CHECK(reaches(&b.waiting, 3));
	CHECK(reaches(&b.server->nconnections, 6));
	stop.deadline = fiber_now() + 20;
	stop_it(&stop);
	CHECK(fiber_now() - stop.deadline < 5000);
	CHECK_INT(b.cancelled, 3);
	for (int i = 0; i < 3; i++) {
		CHECK_HAS(hear(&b, waits[i], NULL), "passed<closed>");
		close(waits[i]);
	}
	CHECK_HAS(hear(&b, slow, NULL), "HTTP/1.1 503 ");
	close(slow);
	close(reader);
	close(half);
	finish(&b);
}

static void stopping_is_not_cut_short_by_the_callers_own_end(struct world *w)
{
	struct bench b;
	struct stop stop = { &b, fiber_now() + 20, 0 };
	struct scope s;
	int fd;

	open_with(&b, w, NULL);
	fd = dial(&b);
	get(fd, "/wait");
	CHECK(reaches(&b.waiting, 1));
	scope_open(&s, FOREVER);
	scope_cancel(&s);
	scope_go(&s, stop_it, &stop);
	scope_join(&s);
	CHECK(stop.done);
	CHECK_INT(b.cancelled, 1);
	close(fd);
	finish(&b);
}

/* An answer made while the loop has nothing else to do must wake it: nobody else would. */
static void no_answer_waits_for_another_event(struct world *w)
{
	struct bench b;
	int fds[20];

	open_with(&b, w, NULL);
	for (int i = 0; i < 20; i++)
		fds[i] = dial(&b);
	for (int round = 0; round < 10; round++) {
		int64_t start = fiber_now();

		for (int i = 0; i < 20; i++)
			post(fds[i], arena_printf(b.mem, "/slow?ms=%d", i % 7), "[done]");
		for (int i = 0; i < 20; i++)
			hear(&b, fds[i], "[done]");
		CHECK(fiber_now() - start < PATIENCE_MS);
	}
	for (int i = 0; i < 20; i++) {
		get(fds[i], "/wait");
		CHECK(reaches(&b.waiting, i + 1));
	}
	signal_wake_all(&b.gate); /* and twenty at once */
	for (int i = 0; i < 20; i++) {
		hear(&b, fds[i], "passed");
		close(fds[i]);
	}
	nothing_is_left(&b);
	finish(&b);
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
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n"
		"0\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
		"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
	};
	int fd = dial(c->b);
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
	leave(fd, chance(c, 2) ? CLOSES : RESETS);
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

	open_with(&b, w, NULL);
	scope_open(&s, FOREVER);
	for (unsigned i = 0; i < array_len(crowd); i++) {
		crowd[i] = (struct crowd){ &b, 7919 * (i + 1) };
		scope_go(&s, crowd_run, &crowd[i]);
	}
	scope_join(&s);
	nothing_is_left(&b);
	CHECK_INT(b.waiting, 0);
	CHECK_INT(b.streams, 0);
	finish(&b);
}

static void opening_fails_with_the_reason(struct world *w)
{
	struct bench b;
	struct err e;
	struct http_server_options o = {
		.world = w, .host = "nowhere.example", .handle = handle, .refuse = refuse
	};

	CHECK(!http_server_open(&o, &e));
	CHECK_HAS(e.msg, "host \"nowhere.example\": not an IP address");
	open_with(&b, w, NULL);
	o.host = "127.0.0.1";
	o.port = http_server_port(b.server);
	CHECK(!http_server_open(&o, &e));
	CHECK_HAS(e.msg, arena_printf(b.mem, "127.0.0.1 port %d: another program has it", o.port));
	o.port = 65536;
	CHECK(!http_server_open(&o, &e));
	CHECK_HAS(e.msg, "port 65536: a port is 0 to 65535");
	finish(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL_TEST(a_request_is_handed_over_as_it_came),
		REAL_TEST(a_connection_is_kept_for_the_next_request),
		REAL_TEST(pipelined_requests_are_answered_in_order),
		REAL_TEST(a_body_may_come_in_chunks_and_closes_the_connection),
		REAL_TEST(a_client_that_asks_first_is_told_to_continue),
		REAL_TEST(a_body_that_is_too_large_is_refused),
		REAL_TEST(who_hangs_up_cancels_the_handler),
		REAL_TEST(who_leaves_at_once_leaves_nothing_behind),
		REAL_TEST(a_stream_sends_what_is_pushed),
		REAL_TEST(a_reader_too_far_behind_is_cut_off),
		REAL_TEST(a_reader_that_keeps_up_gets_megabytes),
		REAL_TEST(streams_beyond_their_number_are_refused),
		REAL_TEST(a_head_that_can_be_read_two_ways_is_refused),
		REAL_TEST(a_request_line_that_can_be_read_two_ways_is_refused),
		REAL_TEST(a_head_that_is_too_large_is_answered),
		REAL_TEST(an_address_that_is_too_long_or_full_of_parameters_is_answered),
		REAL_TEST(old_clients_and_heads_are_served),
		REAL_TEST(a_stream_that_ends_gives_its_descriptor_back),
		REAL_TEST(a_handler_that_says_nothing_is_answered_for),
		REAL_TEST(each_wait_for_a_client_has_an_end),
		REAL_TEST(a_byte_now_and_then_does_not_keep_a_connection),
		REAL_TEST(a_handler_and_an_idle_stream_have_no_deadline_of_the_connection),
		REAL_TEST(a_graceful_stop_answers_what_runs_and_ends_streams),
		REAL_TEST(a_forced_stop_cancels_what_still_runs),
		REAL_TEST(stopping_is_not_cut_short_by_the_callers_own_end),
		REAL_TEST(no_answer_waits_for_another_event),
		REAL_TEST(whoever_leaves_whenever_nothing_leaks),
		REAL_TEST(opening_fails_with_the_reason),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
