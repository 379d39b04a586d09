#include "cli/doctor.h"

#include "base/mem.h"
#include "base/text.h"
#include "model/model.h"
#include "net/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MODEL_MS   30000
#define CONNECT_MS 5000

/* Models: each is asked for a word, by the way a turn asks. */

static const struct model_request *question(struct doctor *d, struct wire *history)
{
	struct model_request *r = arena_new_of(d->mem, struct model_request);
	const json_t *said = json_in(d->mem,
	    json_pack("{ss ss}", "role", "customer", "content", "Say OK and nothing else."));
	char now[TEXT_TIME_SIZE];

	wire_append(history,
	    &(struct event){ .seq = 1, .turn = "t1", .kind = EVENT_MESSAGE, .data = said });
	*r = (struct model_request){ .instructions = "This is a test of the connection.",
		.history = history,
		.state_after = 1,
		.message = "Say OK and nothing else.",
		.state = json_in(d->mem,
		    json_pack("{sn sn ss sn ss sn}", "customer", "profile", "owner", "ai",
			"escalation", "now", text_time(now, world_time(d->world)), "language")),
		.final = true,
		.conversation = "doctor",
		.answer_tokens = 16 };
	return r;
}

static const struct {
	enum model_fault fault;
	bool passing;
	const char *what_to_do;
} faults[] = {
	{ MODEL_FAULT_NETWORK, false,
	    "look at its base_url and at the way there (firewall); is it slow, at its timeouts" },
	{ MODEL_FAULT_BUSY, true, "it is there and has no time now; try again" },
	{ MODEL_FAULT_ACCOUNT, false, "look at its key, and at the account behind it" },
	{ MODEL_FAULT_REQUEST, false, "is there a model of that name, and is `api` right?" },
	{ MODEL_FAULT_CONTEXT, false, "it takes less than a sentence: is it the right model?" },
	{ MODEL_FAULT_REFUSED, true, "it answers, and declined a plain question" },
};

static void failed(struct doctor *d, const struct model *m, enum model_fault fault, const char *why)
{
	const char *what_to_do = "";
	bool passing = false;

	for (size_t i = 0; i < array_len(faults); i++)
		if (faults[i].fault == fault) {
			what_to_do = arena_printf(d->mem, ": %s", faults[i].what_to_do);
			passing = faults[i].passing;
		}
	if (passing)
		doctor_warn(d, "model", "%s: %s%s", m->name, why, what_to_do);
	else
		doctor_fail(d, "model", "%s: %s%s", m->name, why, what_to_do);
}

struct asking {
	struct doctor *d;
	const struct model *model;
	struct model_answer answer;
	struct err err;
	int result;
};

static void ask(void *arg)
{
	const struct model_sink sink = { 0 };
	struct wire *history = wire_new();
	struct asking *a = arg;

	a->result = a->model->class->complete(
	    a->model, question(a->d, history), &sink, a->d->mem, &a->answer, &a->err);
	wire_free(history);
}

static void model(struct doctor *d, const struct model *m)
{
	struct asking a = { .d = d, .model = m };
	int64_t start = fiber_now();
	struct scope scope;

	scope_open(&scope, start + MODEL_MS);
	scope_run(&scope, ask, &a);
	scope_join(&scope);
	if (a.result < 0)
		failed(d, m, a.answer.fault, a.err.msg);
	else
		doctor_ok(d, "model", "%s answered in %lld ms", m->name,
		    (long long)(fiber_now() - start));
}

static void models(struct doctor *d)
{
	const struct config *c = d->setup->config;

	for (int i = 0; i < c->nmodels; i++)
		if (d->offline && c->models[i].kind == MODEL_PROVIDER)
			doctor_skip(d, "model", "%s was not asked (--offline)", c->models[i].name);
		else if (d->setup->models[i])
			model(d, d->setup->models[i]);
}

/* Hosts of http tools: connected to, and no more.  Looking up a name blocks: on a thread. */

struct reach {
	const char *host, *port;
	char why[200]; /* "": it was reached */
};

static int connect_to(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = errno;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(error);

	if (fd < 0)
		return error;
	error = connect(fd, a->ai_addr, a->ai_addrlen) < 0 ? errno : 0;
	if (error == EINPROGRESS) {
		error = ETIMEDOUT;
		if (poll(&p, 1, CONNECT_MS) > 0)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	}
	close(fd);
	return error;
}

static void reach(void *arg)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all = NULL;
	struct reach *r = arg;
	int failure = getaddrinfo(r->host, r->port, &hints, &all);

	if (failure) {
		snprintf(
		    r->why, sizeof(r->why), "no such host is known (%s)", gai_strerror(failure));
		return;
	}
	for (const struct addrinfo *a = all; a; a = a->ai_next) {
		failure = connect_to(a);
		if (!failure)
			break;
	}
	if (failure)
		snprintf(r->why, sizeof(r->why), "no connection: %s", strerror(failure));
	freeaddrinfo(all);
}

/* "https://pay.example:8443/orders/{id}": up to the host's end no name stands in it. */
static bool target_of(struct arena *mem, const char *url, struct http_target *t)
{
	const char *host = strstr(url, "://");
	struct err e;

	return host &&
	       http_target_read(t,
		   arena_strndup(mem, url, (size_t)(host + 3 - url) + strcspn(host + 3, "/?")),
		   &e) == 0;
}

static void hosts(struct doctor *d)
{
	const struct config *c = d->setup->config;
	json_t *seen = json_in(d->mem, json_object());
	struct lane *lane = lane_new(d->world, "doctor", 1);
	struct http_target t;
	struct err e;

	for (int i = 0; i < c->ntools; i++) {
		const char *url = json_str(c->tools[i].kind_entry, "url"), *name;
		struct reach r;

		if (!url || !target_of(d->mem, url, &t))
			continue;
		r = (struct reach){ t.host, arena_printf(d->mem, "%u", t.port), "" };
		name = arena_printf(d->mem, "%s:%s", r.host, r.port);
		if (json_object_get(seen, name))
			continue;
		json_object_set_new(seen, name, json_true());
		if (d->offline)
			doctor_skip(d, "host", "%s was not reached for (--offline)", name);
		else if (lane_run(lane, reach, &r, NULL, FOREVER, NULL, &e) < 0)
			doctor_fail(d, "host", "%s: %s", name, e.msg);
		else if (*r.why)
			doctor_fail(
			    d, "host", "%s, of the tool %s: %s", name, c->tools[i].name, r.why);
		else
			doctor_ok(d, "host", "%s can be reached", name);
	}
	lane_free(lane);
}

void doctor_reach(struct doctor *d)
{
	if (!d->setup)
		return;
	models(d);
	hosts(d);
}
