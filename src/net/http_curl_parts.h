#ifndef NET_HTTP_CURL_PARTS_H
#define NET_HTTP_CURL_PARTS_H

#include "base/list.h"
#include "net/http_client_parts.h"

#include <curl/curl.h>
#include <uv.h>

/* libcurl on the world's loop; only http_curl*.c include it.
 *
 * http_curl.c drives the library: sockets, timers, what is to do in each turn of the loop.
 * http_curl_request.c makes one transfer of a request, and an answer of what the library calls.
 *
 * The library runs on the loop's stack, never on a fiber's, and is never called from one of its
 * own callbacks: a fiber leaves a wish with its transfer, and the next turn of the loop fulfils it.
 * Fibers that callbacks wake run later in the turn. */

#define SHARDS      16
#define SHARD_FIRST 16

/* One multi handle: connections are shared within it.  What it does for a transfer takes longer the
 * more connections it has, so many transfers are spread over several. */
struct shard {
	struct curl_client *client;
	CURLM *multi;
	int transfers;
	int64_t due; /* when it wants to be called; FOREVER: not */
	bool now;    /* it wants to be called in this turn */
};

struct curl_client {
	struct http_client client;
	uv_loop_t *loop;
	uv_prepare_t before;
	uv_idle_t awake;
	uv_timer_t timer;
	int nhandles;
	struct shard shards[SHARDS];
	int nshards;
	struct link wishes, idle; /* transfers */
	int nidle;
	struct watch **watches; /* by descriptor; NULL: not one of ours */
	int nwatches;
	char *ca_file; /* NULL: the system's */
};

enum wish {
	WISH_NONE,
	WISH_START,
	WISH_RESUME, /* there is room for more */
	WISH_STOP,   /* the asker has gone */
};

/* An easy handle, and what it needs for one request at a time. */
struct transfer {
	struct curl_client *client;
	struct http_open *asker; /* NULL: it has gone */
	struct shard *shard;
	CURL *easy;
	CURLU *url; /* read by the library once, for as long as requests go there */
	char *url_text;
	struct link link; /* in wishes or idle */
	enum wish wish;
	void *block; /* fields, URL and a small body */
	char *body;  /* a large one, until it has left */
	size_t nbody, at;
	int status;
	int tried;           /* sockets that were made for it */
	int sendings;        /* how often it has begun to be sent */
	bool shared, paused; /* its connection has other requests (HTTP/2); it waits for room */
	struct err *why;     /* what we refused ourselves */
	char detail[CURL_ERROR_SIZE];
};

struct transfer *transfer_new(struct curl_client *c);
void transfer_free(struct transfer *t);
int transfer_fill(
    struct transfer *t, struct http_open *x, const struct http_request *r, struct err *e);
/* The library is done with it: tell the asker, and be as new. */
void transfer_done(struct transfer *t, CURLcode result);
void transfer_clear(struct transfer *t);
bool transfer_sent(const struct transfer *t);

/* The library opens and closes its connections here. */
curl_socket_t curl_client_open_socket(struct curl_client *c, struct curl_sockaddr *to);
int curl_client_close_socket(void *client, curl_socket_t fd);

#endif
