#include "base/log.h"
#include "base/mem.h"
#include "net/http_curl_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One turn of the loop: events come in, the library takes them, fibers run, and before the loop
 * waits again the wishes of the fibers are fulfilled; all that was asked for in a turn leaves
 * together.  Should the world's fibers run behind us in that last step, an idle handle keeps the
 * loop from waiting.
 *
 * A connection that is kept stays in the loop's poll set, although the library takes it out when a
 * request ends and puts it in again with the next: that would be five system calls a request.
 * Only when it stirs meanwhile (the other side closes it) is it taken out for real. */

#define IDLE_TRANSFERS 256 /* kept for the next request; 10 KiB each */

struct watch {
	uv_poll_t poll;
	struct curl_client *client;
	struct shard *shard;
	int fd, wanted, watched; /* UV_READABLE and the like */
	bool polled;             /* the poll handle is made */
	bool made, connected;    /* made: here; connected: its end will be told */
};

static struct curl_client *curl_of(struct http_client *c)
{
	return container_of(c, struct curl_client, client);
}

static void stay_awake(uv_idle_t *h)
{
	(void)h;
}

static void kick(struct curl_client *c)
{
	if (!uv_is_active((uv_handle_t *)&c->awake))
		uv_idle_start(&c->awake, stay_awake);
}

static void make_wish(struct transfer *t, enum wish wish)
{
	if (t->wish == WISH_NONE) {
		list_append(&t->client->wishes, &t->link);
		kick(t->client);
	}
	t->wish = wish;
}

static void retire(struct transfer *t)
{
	struct curl_client *c = t->client;

	list_out(&t->link);
	t->wish = WISH_NONE;
	transfer_clear(t);
	if (c->nidle >= IDLE_TRANSFERS) {
		transfer_free(t);
		return;
	}
	list_before(c->idle.next, &t->link); /* what was used last is in the caches */
	c->nidle++;
}

static void out_of_shard(struct transfer *t)
{
	curl_multi_remove_handle(t->shard->multi, t->easy);
	t->shard->transfers--;
	t->shard = NULL;
}

static void collect(struct shard *s)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(s->multi, &left))) {
		CURLcode result = m->data.result;
		struct transfer *t = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		transfer_done(t, result);
		out_of_shard(t);
		retire(t);
	}
}

static void act(struct shard *s, curl_socket_t fd, int events)
{
	int running;
	CURLMcode failed = curl_multi_socket_action(s->multi, fd, events, &running);

	if (failed)
		log_error("the HTTP client's library failed: %s", curl_multi_strerror(failed));
	collect(s);
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	struct watch *w = container_of(p, struct watch, poll);
	int flags = 0;

	if (status < 0) {
		w->watched = 0; /* libuv has stopped it */
		flags = CURL_CSELECT_ERR;
	}
	if (!w->wanted) {
		uv_poll_stop(&w->poll);
		w->watched = 0;
		return;
	}
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	act(w->shard, w->fd, flags);
}

static struct watch *watch_of(struct curl_client *c, int fd)
{
	if (fd >= c->nwatches) {
		int n = c->nwatches ? c->nwatches : 64;

		while (n <= fd)
			n *= 2;
		c->watches = mem_resize(c->watches, (size_t)n * sizeof(*c->watches));
		memset(
		    c->watches + c->nwatches, 0, (size_t)(n - c->nwatches) * sizeof(*c->watches));
		c->nwatches = n;
	}
	if (!c->watches[fd]) {
		c->watches[fd] = mem_new(struct watch);
		c->watches[fd]->client = c;
		c->watches[fd]->fd = fd;
	}
	return c->watches[fd];
}

static void on_watch_closed(uv_handle_t *h)
{
	free(container_of((uv_poll_t *)h, struct watch, poll));
}

static void unwatch(struct watch *w)
{
	w->client->watches[w->fd] = NULL;
	w->wanted = 0;
	if (!w->polled)
		free(w);
	else
		uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

static int watch_for(struct watch *w, int events)
{
	w->wanted = events;
	if (w->watched == events)
		return 0;
	if (!w->polled && uv_poll_init(w->client->loop, &w->poll, w->fd) < 0)
		return -1;
	w->polled = true;
	w->watched = events;
	return uv_poll_start(&w->poll, events, on_poll) < 0 ? -1 : 0;
}

/* Also for descriptors that were not made here: a thread that looked up a name says so through one.
 * Those, and connections that never came about, the library closes without a word. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *shard, void *unused)
{
	struct shard *s = shard;
	struct watch *w = watch_of(s->client, fd);

	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		w->wanted = 0;
		if (!w->connected)
			unwatch(w);
		return 0;
	}
	w->shard = s;
	w->connected = w->connected || (w->made && what & CURL_POLL_IN);
	return watch_for(
	    w, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0));
}

curl_socket_t curl_client_open_socket(struct curl_client *c, struct curl_sockaddr *to)
{
	int fd = socket(to->family, to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->protocol);
	struct watch *w;

	if (fd < 0)
		return CURL_SOCKET_BAD;
	w = watch_of(c, fd);
	w->made = true;
	if (w->watched) { /* the address before this one was given up: it is another socket now */
		int wanted = w->wanted;

		uv_poll_stop(&w->poll);
		w->watched = 0;
		watch_for(w, wanted);
	}
	return fd;
}

int curl_client_close_socket(void *client, curl_socket_t fd)
{
	struct curl_client *c = client;

	if (fd < c->nwatches && c->watches[fd])
		unwatch(c->watches[fd]);
	return close(fd);
}

/* Most of the library's times never come: the timer is only moved forward, and finds out. */
static void on_timer(uv_timer_t *timer)
{
	struct curl_client *c = container_of(timer, struct curl_client, timer);
	int64_t now = (int64_t)uv_now(c->loop), next = FOREVER;

	for (int i = 0; i < c->nshards; i++) {
		struct shard *s = &c->shards[i];

		if (s->due <= now) {
			s->due = FOREVER;
			s->now = true;
		}
		if (s->due < next)
			next = s->due;
	}
	if (next != FOREVER)
		uv_timer_start(timer, on_timer, (uint64_t)(next - now), 0);
}

static int on_due(CURLM *multi, long ms, void *shard)
{
	struct shard *s = shard;
	struct curl_client *c = s->client;
	int64_t now = (int64_t)uv_now(c->loop);

	(void)multi;
	s->now = ms == 0;
	s->due = ms > 0 ? now + ms : FOREVER;
	if (ms > 0 && (!uv_is_active((uv_handle_t *)&c->timer) ||
			  (uint64_t)ms < uv_timer_get_due_in(&c->timer)))
		uv_timer_start(&c->timer, on_timer, (uint64_t)ms, 0);
	return 0;
}

/* The first that has little to do, so that few requests share few connections. */
static struct shard *choose(struct curl_client *c)
{
	struct shard *least = &c->shards[0];

	for (int i = 0; i < c->nshards; i++) {
		struct shard *s = &c->shards[i];

		if (s->transfers < SHARD_FIRST)
			return s;
		if (s->transfers < least->transfers)
			least = s;
	}
	return least;
}

static void begin(struct transfer *t)
{
	struct shard *s = choose(t->client);
	CURLMcode failed = curl_multi_add_handle(s->multi, t->easy);

	if (failed)
		bug("the HTTP client's library takes no request: %s", curl_multi_strerror(failed));
	t->shard = s;
	s->transfers++;
}

static void fulfil(struct transfer *t)
{
	enum wish wish = t->wish;

	list_out(&t->link);
	t->wish = WISH_NONE;
	if (wish == WISH_START) {
		begin(t);
	} else if (wish == WISH_RESUME) {
		t->paused = false;
		curl_easy_pause(t->easy, CURLPAUSE_CONT);
	} else {
		out_of_shard(t);
		retire(t);
	}
}

static void fulfil_all(struct curl_client *c)
{
	while (!list_empty(&c->wishes))
		fulfil(container_of(c->wishes.next, struct transfer, link));
}

static void before_wait(uv_prepare_t *h)
{
	struct curl_client *c = container_of(h, struct curl_client, before);
	bool more = false;

	fulfil_all(c);
	for (int i = 0; i < c->nshards; i++)
		if (c->shards[i].now) {
			c->shards[i].now = false;
			act(&c->shards[i], CURL_SOCKET_TIMEOUT, 0);
			more = more || c->shards[i].now;
		}
	if (more)
		kick(c);
	else if (list_empty(&c->wishes))
		uv_idle_stop(&c->awake);
}

static int carry(struct http_open *x, const struct http_request *r, struct err *e)
{
	struct curl_client *c = curl_of(x->client);
	struct transfer *t;

	if (list_empty(&c->idle)) {
		t = transfer_new(c);
	} else {
		t = container_of(c->idle.next, struct transfer, link);
		list_out(&t->link);
		c->nidle--;
	}
	if (transfer_fill(t, x, r, e) < 0) {
		retire(t);
		return -1;
	}
	x->carrier = t;
	make_wish(t, WISH_START);
	return 0;
}

static void carry_on(struct http_open *x)
{
	struct transfer *t = x->carrier;

	if (t->paused)
		make_wish(t, WISH_RESUME);
}

static bool carried(const struct http_open *x)
{
	return transfer_sent(x->carrier);
}

static void drop(struct http_open *x)
{
	struct transfer *t = x->carrier;

	t->asker = NULL;
	if (t->wish == WISH_START)
		retire(t);
	else
		make_wish(t, WISH_STOP);
}

static void on_closed(uv_handle_t *h)
{
	struct curl_client *c = h->data;

	if (--c->nhandles > 0)
		return;
	free(c->watches);
	free(c->ca_file);
	free(c);
	curl_global_cleanup();
}

static void end(struct http_client *client)
{
	struct curl_client *c = curl_of(client);
	uv_handle_t *const all[] = { (uv_handle_t *)&c->before, (uv_handle_t *)&c->awake,
		(uv_handle_t *)&c->timer };

	fulfil_all(c);
	while (!list_empty(&c->idle)) {
		struct transfer *t = container_of(c->idle.next, struct transfer, link);

		list_out(&t->link);
		transfer_free(t);
	}
	for (int i = 0; i < c->nshards; i++)
		curl_multi_cleanup(c->shards[i].multi);
	c->nhandles = array_len(all);
	for (size_t i = 0; i < array_len(all); i++) {
		all[i]->data = c;
		uv_close(all[i], on_closed);
	}
}

static const struct http_carrier_class curl_carrier = {
	.start = carry,
	.more = carry_on,
	.sent = carried,
	.stop = drop,
	.free = end,
};

/* No request waits within the library, whose queue is walked from its start for each: places are
 * given out before (struct http_client).  Connections beyond their number are closed when they
 * become idle. */
static bool shard_init(struct shard *s, struct curl_client *c, int connections)
{
	s->client = c;
	s->due = FOREVER;
	s->multi = curl_multi_init();
	return s->multi && !curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_socket) &&
	       !curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s) &&
	       !curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_due) &&
	       !curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s) &&
	       !curl_multi_setopt(s->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX) &&
	       !curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)connections);
}

static void shards_init(struct curl_client *c, int connections)
{
	int n = connections / (2 * SHARD_FIRST);

	c->nshards = n < 1 ? 1 : n > SHARDS ? SHARDS : n;
	for (int i = 0; i < c->nshards; i++)
		if (!shard_init(&c->shards[i], c, connections / c->nshards))
			bug("the HTTP client's library does not start");
}

struct http_client *http_client_curl(struct world *w, int connections, struct err *e)
{
	CURLcode failed = curl_global_init(CURL_GLOBAL_ALL);
	const char *ca = getenv("CURL_CA_BUNDLE");
	struct curl_client *c;

	if (failed) {
		err_set(e, ERR_IO, "starting the HTTP client's library: %s",
		    curl_easy_strerror(failed));
		return NULL;
	}
	c = mem_new(struct curl_client);
	c->client.class = &curl_carrier;
	if (!ca || !*ca)
		ca = getenv("SSL_CERT_FILE");
	if (ca && *ca)
		c->ca_file = mem_strdup(ca);
	list_init(&c->wishes);
	list_init(&c->idle);
	shards_init(c, connections);
	c->loop = world_loop(w);
	uv_prepare_init(c->loop, &c->before);
	uv_prepare_start(&c->before, before_wait);
	uv_idle_init(c->loop, &c->awake);
	uv_timer_init(c->loop, &c->timer);
	return &c->client;
}
