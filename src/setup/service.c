#include "setup/service.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/http_server.h"
#include "server/server.h"
#include "setup/address.h"
#include "setup/agent_setup.h"
#include "setup/files.h"
#include "setup/learning.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#define CACHE_BYTES ((size_t)256 << 20) /* of conversations in memory */
#define STOP_MS     8000                /* for requests that run when we are told to stop */

struct service {
	const struct service_options *o;
	struct arena *mem;
	struct world *world;
	struct agent_setup *setup;
	const char *data;
	struct address address;

	struct store *store;
	struct conversations *all;
	struct agent *agent;
	struct server *server;
	struct http_server *http;
	struct learning *learning;

	struct lock_holder other; /* serves the data folder already */
	bool left;                /* ready() has returned */

	uv_signal_t term, interrupt;
	struct signal told;
	int signals;
	int status;
};

/* Signals arrive as events of the loop. */

static void on_signal(uv_signal_t *h, int number)
{
	struct service *s = h->data;

	log_info("told to stop (signal %d)", number);
	if (s->signals++)
		_Exit(1);
	signal_wake_all(&s->told);
}

static void signals_open(struct service *s)
{
	signal_init(&s->told);
	uv_signal_init(world_loop(s->world), &s->term);
	uv_signal_init(world_loop(s->world), &s->interrupt);
	s->term.data = s->interrupt.data = s;
	uv_signal_start(&s->term, on_signal, SIGTERM);
	if (!s->o->ready)
		uv_signal_start(&s->interrupt, on_signal, SIGINT);
}

static void signals_close(struct service *s)
{
	uv_close((uv_handle_t *)&s->term, NULL);
	uv_close((uv_handle_t *)&s->interrupt, NULL);
}

/* For others on this machine. */
static const char *own_address(const struct service *s)
{
	const char *host = s->address.host;

	if (text_is(host, "0.0.0.0"))
		host = "127.0.0.1";
	if (text_is(host, "::"))
		host = "::1";
	return arena_printf(s->mem, strchr(host, ':') ? "http://[%s]:%d" : "http://%s:%d", host,
	    http_server_port(s->http));
}

/* Everything, from the log up to the address. */

static int open_parts(struct service *s, const char **new_key, struct err *e)
{
	const struct config *cf = s->setup->config;
	const char *path =
	    cf->store[0] == '/' ? cf->store : arena_printf(s->mem, "%s/%s", s->data, cf->store);
	struct server_options so = { .demo = s->o->demo, .admin_key = getenv("FRONTDESK_API_KEY") };
	const char **demo = arena_array(s->mem, const char *, cf->ndemo + 1);

	if (so.admin_key && !*so.admin_key)
		so.admin_key = NULL;
	for (int i = 0; i < cf->ndemo; i++)
		demo[i] = cf->demo[i];
	so.demo_customers = demo;
	s->store = store_open(s->world, path, e);
	if (!s->store)
		return -1;
	s->all = conversations_new(s->world, s->store, CACHE_BYTES);
	so.all = s->all;
	s->agent = so.agent = agent_new(s->all, &s->setup->agent, e);
	if (!s->agent)
		return -1;
	if (s->o->pause)
		agent_pause_at(s->agent, s->o->pause, s->o->pause_self);
	s->server = server_new(&so, s->mem, new_key, e);
	if (!s->server)
		return -1;
	s->learning = learning_start(s->world, s->agent, cf, s->data);
	if (agent_resume(s->agent, e) < 0)
		return -1;
	s->http = http_server_open(&(struct http_server_options){ .world = s->world,
				       .host = s->address.host,
				       .port = s->address.port,
				       .handle = server_handle,
				       .self = s->server,
				       .refuse = server_error_body },
	    e);
	if (!s->http || store_lock_address(s->data, own_address(s), e) < 0)
		return -1;
	/* A key that nobody is shown is made anew at the next start. */
	return !*new_key || s->o->ready || server_keep_key(s->server, e) == 0 ? 0 : -1;
}

static void close_parts(struct service *s)
{
	if (s->server)
		server_stopping(s->server);
	if (s->http)
		http_server_close(s->http, fiber_now() + STOP_MS);
	if (s->agent)
		agent_stop(s->agent);
	store_close(s->store);
	if (s->learning && !learning_stop(s->learning)) {
		log_info("stopped while learning the intents; the next start begins that again");
		fflush(NULL);
		_Exit(s->status); /* all that is on disk is closed */
	}
	server_free(s->server);
	agent_free(s->agent);
	if (s->all)
		conversations_free(s->all);
}

static void greet(const struct service *s, const char *new_key)
{
	const char *host = strchr(s->address.host, ':')
			       ? arena_printf(s->mem, "[%s]", s->address.host)
			       : s->address.host;

	printf("%s is open\n", s->setup->config->name);
	printf("  chat  http://%s:%d/\n", host, http_server_port(s->http));
	printf("  API   http://%s:%d/v1\n", host, http_server_port(s->http));
	if (s->o->demo)
		printf("  demo  the chat lets you choose who you are; on this machine only\n");
	if (new_key)
		printf("  key   %s   (the admin API key, shown this once; keep it)\n", new_key);
	fflush(stdout);
}

static void visit(void *arg)
{
	struct service *s = arg;
	bool here = s->http != NULL;

	s->o->ready(s->o->ready_self, s->world, here ? own_address(s) : s->other.address, here);
	s->left = true;
	signal_wake_all(&s->told);
}

static void until_told(struct service *s)
{
	struct scope beside;
	struct err e;

	scope_open(&beside, FOREVER);
	if (s->o->ready)
		scope_go(&beside, visit, s);
	while (!s->signals && !s->left && signal_wait(&s->told, FOREVER, &e) == 0)
		;
	scope_cancel(&beside);
	scope_join(&beside);
}

static void serve(void *arg)
{
	struct service *s = arg;
	const char *new_key = NULL;
	struct err e;

	signals_open(s);
	if (open_parts(s, &new_key, &e) < 0) {
		log_error("frontdesk cannot start: %s", e.msg);
		s->status = 1;
	} else {
		if (!s->o->ready)
			greet(s, new_key);
		until_told(s);
	}
	close_parts(s);
	signals_close(s);
}

/* Beside a server that another process runs. */
static void serve_elsewhere(void *arg)
{
	struct service *s = arg;

	signals_open(s);
	until_told(s);
	signals_close(s);
}

/* Before the data folder is made beside what is no agent. */
static int find_agent(const struct service *s, struct err *e)
{
	const char *path = file_path(s->mem, s->o->folder, "agent.yaml");

	return file_exists(path) ? 0
				 : err_set(e, ERR_NOT_FOUND,
				       "there is no %s: give the folder of an agent "
				       "(frontdesk init makes one)",
				       path);
}

/* For this process, or, with ready(), for another that answers already. */
static int take_data(struct service *s, struct err *e)
{
	struct err look;

	if (find_agent(s, e) < 0)
		return -1;
	if (store_lock(s->data, e) == 0)
		return 0;
	if (s->o->ready && e->code == ERR_CONFLICT &&
	    store_lock_holder(s->data, &s->other, &look) == 0 && s->other.address[0])
		return 0;
	return -1;
}

static int load(struct service *s)
{
	struct mistakes m = mistakes_none(s->mem);
	struct err e;

	if (take_data(s, &e) < 0) {
		fprintf(stderr, "frontdesk: %s\n", e.msg);
		return -1;
	}
	if (s->other.held)
		return 0;
	s->setup = agent_setup_open(&m, s->world, s->o->folder, s->data);
	for (int i = 0; i < m.n; i++)
		fprintf(stderr, "%s\n", mistake_line(s->mem, &m.list[i]));
	if (!s->setup) {
		fprintf(stderr, "frontdesk: %d mistake%s in %s: nothing was started\n", m.n,
		    m.n == 1 ? "" : "s", s->o->folder);
		return -1;
	}
	for (int i = 0; i < s->setup->config->notes.n; i++)
		log_warn("%s", mistake_line(s->mem, &s->setup->config->notes.list[i]));
	if (address_check(&s->address, s->setup->config, s->o->demo, s->o->insecure, &e) == 0)
		return 0;
	fprintf(stderr, "frontdesk: %s\n", e.msg);
	return -1;
}

int service_run(const struct service_options *o)
{
	struct service s = { .o = o, .mem = arena_new() };
	struct err e;

	umask(077); /* customers' words are nobody else's */
	s.data = o->data ? o->data : arena_printf(s.mem, "%s/data", o->folder);
	if (address_read(s.mem, o->listen, &s.address, &e) < 0) {
		fprintf(stderr, "frontdesk: %s\n", e.msg);
		arena_free(s.mem);
		return 2;
	}
	s.world = world_real(&e);
	if (!s.world) {
		fprintf(stderr, "frontdesk: %s\n", e.msg);
		return 1;
	}
	if (load(&s) < 0)
		s.status = 1;
	else
		world_run(s.world, s.other.held ? serve_elsewhere : serve, &s);
	agent_setup_close(s.setup);
	world_free(s.world);
	arena_free(s.mem);
	return s.status;
}
