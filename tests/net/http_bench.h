#ifndef TESTS_NET_HTTP_BENCH_H
#define TESTS_NET_HTTP_BENCH_H

#include "net/http_parts.h"
#include "tests/check.h"

/* The HTTP server in a real world, with plain sockets for clients.
 *
 * The test's fiber connects, sends and closes itself, which does not wait on the loopback; only
 * client_hear(), which reads until something has come, blocks, and does so on a lane.  So the order
 * of things is in the test's hands, and nothing is waited for by time.
 *
 * Handlers: /echo; /wait until the gate is woken; /slow?ms= then echo; /sse (hello, then a line for
 * each of `events` when `event` is woken, until events is -1); /flood until the push fails; /large
 * (64 MB); /count?to= (a stream of numbered lines); /pour?bytes= (a stream of one push); /silent
 * (no answer); all others answer what came. */

#define PATIENCE_MS 20000 /* only a failing test takes it */

struct bench {
	struct world *world;
	struct lane *lane;
	struct arena *mem;
	struct http_server *server;
	struct signal gate, event;
	int events;
	int waiting, streams;  /* handlers of /wait and /sse that run */
	int cancelled, floods; /* handlers of those that were cancelled, of /flood that ended */
	size_t flooded;        /* bytes */
	struct err push_error; /* why a stream's push failed */
};

void bench_handle(void *self, struct http_exchange *x);
const char *bench_refuse(struct arena *mem, int status, const char *code, const char *message);

void bench_open(struct bench *b, struct world *w, const struct http_server_options *more);
void bench_close(struct bench *b);
/* Wait until *count is this; the loop runs meanwhile. */
bool bench_reaches(const int *count, int wanted);
/* Everything of the requests is gone while the server still runs. */
void bench_is_empty(struct bench *b);

int client_dial(struct bench *b);
int client_dial_with(struct bench *b, int receive_buffer); /* -1: refused */
void client_say(int fd, const char *text);
void client_say_bytes(int fd, const char *text, size_t n);
void client_get(int fd, const char *path);
void client_post(int fd, const char *path, const char *body);
/* What the server says until it has said these words (so many times); NULL: until it closes, which
 * is then "<closed>" or "<reset>" at the end. */
const char *client_hear(struct bench *b, int fd, const char *words);
const char *client_hear_times(struct bench *b, int fd, const char *words, int times);
/* One request on a connection of its own; all of the answer, to the closing. */
const char *client_ask(struct bench *b, const char *text);

enum leaving {
	CLOSES,
	RESETS,
	SHUTS_WRITING
};

void client_leave(int fd, enum leaving how);

int count_of(const char *text, const char *words);

#endif
