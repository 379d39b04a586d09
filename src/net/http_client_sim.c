#include "base/mem.h"
#include "net/http_client_parts.h"

#include <stdlib.h>
#include <string.h>

/* The simulation: a function of the test answers.  Its fiber lives in a scope of the client's own,
 * since a server goes on when an asker has gone; the two find each other by asker and carrier, and
 * whoever ends first tells the other. */

struct sim_client {
	struct http_client client;
	struct scope answers;
	void (*fn)(void *self, struct http_sim *x, const struct http_request *r);
	void *self;
};

struct http_sim {
	struct sim_client *client;
	struct http_open *asker; /* NULL: gone, or told the end */
	struct arena *mem;
	struct http_request request;
	struct signal room; /* woken when there is, and when the asker goes */
};

static struct sim_client *sim_of(struct http_client *c)
{
	return container_of(c, struct sim_client, client);
}

static struct http_request copy(struct arena *mem, const struct http_request *r)
{
	struct http_field *fields = arena_array(mem, struct http_field, r->nfields + 1);
	struct http_piece *body = arena_new_of(mem, struct http_piece);
	struct http_request c = *r;
	char *p;

	for (int i = 0; i < r->nfields; i++)
		fields[i] = (struct http_field){ arena_strdup(mem, r->fields[i].name),
			arena_strdup(mem, r->fields[i].value) };
	for (int i = 0; i < r->npieces; i++)
		body->n += r->body[i].n;
	body->bytes = p = arena_alloc(mem, body->n + 1);
	for (int i = 0; i < r->npieces; p += r->body[i++].n)
		if (r->body[i].n)
			memcpy(p, r->body[i].bytes, r->body[i].n);
	c.method = arena_strdup(mem, r->method);
	c.url = arena_strdup(mem, r->url);
	c.fields = fields;
	c.body = body;
	c.npieces = 1;
	c.reach = NULL; /* it is the asker's, and has been looked at */
	return c;
}

/* The asker is told, unless it has gone. */
static void end(struct http_sim *s, bool sent, const struct err *why)
{
	struct http_open *x = s->asker;

	if (!x)
		return;
	s->asker = NULL;
	http_ended(x, sent, why);
}

static void fail(struct http_sim *s, bool sent, const char *why)
{
	struct err e;

	err_set(&e, ERR_IO, "%s", why);
	end(s, sent, &e);
}

/* Nothing arrives any more: the asker went, the answer was cut, or the world crashed. */
static bool cut_off(const struct http_sim *s)
{
	return !s->asker || world_crashed(s->client->client.world);
}

static void answer(void *arg)
{
	struct http_sim *s = arg;
	struct sim_client *c = s->client;

	if (c->fn)
		c->fn(c->self, s, &s->request);
	if (world_crashed(c->client.world))
		fail(s, true, "the world crashed");
	else if (s->asker && !s->asker->headed)
		fail(s, false, "connection refused");
	else
		end(s, true, NULL);
	arena_free(s->mem);
	free(s);
}

static int sim_start(struct http_open *x, const struct http_request *r, struct err *e)
{
	struct http_sim *s = mem_new(struct http_sim);

	(void)e;
	s->client = sim_of(x->client);
	s->asker = x;
	s->mem = arena_new();
	s->request = copy(s->mem, r);
	signal_init(&s->room);
	x->carrier = s;
	http_connected(x);
	scope_go(&s->client->answers, answer, s);
	return 0;
}

static void sim_more(struct http_open *x)
{
	struct http_sim *s = x->carrier;

	signal_wake_all(&s->room);
}

static bool sim_sent(const struct http_open *x)
{
	return x->sending;
}

static void sim_stop(struct http_open *x)
{
	struct http_sim *s = x->carrier;

	s->asker = NULL;
	signal_wake_all(&s->room);
}

/* On no fiber there is nothing to wait for: a world ends with its fibers. */
static void sim_free(struct http_client *client)
{
	struct sim_client *c = sim_of(client);

	if (fiber_inside()) {
		scope_cancel(&c->answers);
		scope_join(&c->answers);
	}
	free(c);
}

static const struct http_carrier_class simulated = {
	.start = sim_start,
	.more = sim_more,
	.sent = sim_sent,
	.stop = sim_stop,
	.free = sim_free,
};

struct http_client *http_client_sim(struct world *w)
{
	struct sim_client *c = mem_new(struct sim_client);

	(void)w;
	c->client.class = &simulated;
	scope_open_root(&c->answers);
	return &c->client;
}

void http_client_answers(struct http_client *c,
    void (*fn)(void *self, struct http_sim *x, const struct http_request *r), void *self)
{
	if (c->class != &simulated)
		bug("only a simulation is answered by a function");
	sim_of(c)->fn = fn;
	sim_of(c)->self = self;
}

int http_sim_connect(struct http_sim *s, int64_t ms)
{
	struct err e;

	if (cut_off(s))
		return -1;
	if (s->asker->headed)
		bug("http_sim_connect() after the head");
	s->asker->sending = false;
	if (fiber_sleep(ms, &e) < 0 || cut_off(s))
		return -1;
	http_connected(s->asker);
	return 0;
}

int http_sim_head(struct http_sim *s, int status, const struct http_field *fields, int n)
{
	if (cut_off(s))
		return -1;
	if (s->asker->headed)
		bug("a simulated answer has one head");
	for (int i = 0; i < n; i++)
		http_took_field(s->asker, fields[i].name, strlen(fields[i].name), fields[i].value,
		    strlen(fields[i].value));
	http_took_head(s->asker, status);
	return 0;
}

static int wait_for_room(struct http_sim *s)
{
	struct err e;

	while (!cut_off(s) && s->asker->full)
		if (signal_wait(&s->room, FOREVER, &e) < 0)
			return -1;
	return cut_off(s) ? -1 : 0;
}

int http_sim_body(struct http_sim *s, const char *bytes, size_t n)
{
	struct err e;

	while (n > 0) {
		size_t part = n < HTTP_AHEAD ? n : HTTP_AHEAD;

		if (wait_for_room(s) < 0)
			return -1;
		if (!s->asker->headed)
			bug("a simulated answer has a body before its head");
		if (http_took_body(s->asker, bytes, part, &e) < 0) {
			end(s, true, &e);
			return -1;
		}
		bytes += part;
		n -= part;
	}
	return cut_off(s) ? -1 : 0;
}

void http_sim_cut(struct http_sim *s)
{
	fail(s, true, s->asker && s->asker->headed ? HTTP_CUT_BODY : HTTP_CUT_HEAD);
}
