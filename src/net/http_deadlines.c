#include "net/http_deadlines.h"

#include "base/mem.h"

#include <sys/socket.h>

static struct http_due *first(struct http_deadlines *d, int what)
{
	struct link *queue = &d->queues[what];

	return list_empty(queue) ? NULL : container_of(queue->next, struct http_due, link);
}

static void cut(struct http_deadlines *d, struct http_due *u, int what)
{
	d->passed[what]++;
	list_out(&u->link);
	shutdown(u->fd, SHUT_RDWR);
}

static void arm(struct http_deadlines *d, uint64_t at);

static void on_timer(uv_timer_t *t)
{
	struct http_deadlines *d = t->data;
	uint64_t now = uv_now(t->loop), next = UINT64_MAX;
	struct http_due *u;

	for (int what = 0; what < WAITS; what++) {
		while ((u = first(d, what)) && u->at <= now)
			cut(d, u, what);
		if (u && u->at < next)
			next = u->at;
	}
	if (next != UINT64_MAX)
		arm(d, next);
}

static void arm(struct http_deadlines *d, uint64_t at)
{
	uint64_t now = uv_now(d->timer.loop);

	uv_timer_start(&d->timer, on_timer, at > now ? at - now : 0, 0);
}

void http_deadlines_init(struct http_deadlines *d, uv_loop_t *loop)
{
	static const int ms[WAITS] = {
		[WAIT_HEADER] = 5000,
		[WAIT_BODY] = 5000,
		[WAIT_SEND] = 10000,
		[WAIT_IDLE] = 15000,
	};

	uv_timer_init(loop, &d->timer);
	d->timer.data = d;
	for (int what = 0; what < WAITS; what++) {
		list_init(&d->queues[what]);
		d->ms[what] = ms[what];
	}
}

void http_due_init(struct http_due *u, int fd)
{
	list_init(&u->link);
	u->fd = fd;
}

void http_due_set(struct http_deadlines *d, struct http_due *u, enum http_wait what)
{
	list_out(&u->link);
	if (what == WAIT_NOTHING)
		return;
	u->at = uv_now(d->timer.loop) + (uint64_t)d->ms[what];
	list_append(&d->queues[what], &u->link);
	/* Most waits end long before their time: the timer stays where it is unless this one is
	 * earlier, and finds out when it fires. */
	if (!uv_is_active((uv_handle_t *)&d->timer) ||
	    u->at < uv_now(d->timer.loop) + uv_timer_get_due_in(&d->timer))
		arm(d, u->at);
}

void http_deadlines_cut(struct http_deadlines *d, enum http_wait what)
{
	struct http_due *u;

	while ((u = first(d, what)))
		cut(d, u, what);
}
