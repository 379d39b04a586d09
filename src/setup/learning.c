#include "setup/learning.h"

#include "base/log.h"
#include "base/mem.h"
#include "setup/files.h"

#include <malloc.h>
#include <stdlib.h>

struct learning {
	struct agent *agent;
	const struct config *config;
	struct lane *lane;
	struct scope scope;
	struct arena *mem;
	const char *path;
	bool running; /* on the lane */

	char key[65];
	struct intents *result;
	bool loaded;
	struct err err;
};

/* On the lane. */
static void train(void *arg)
{
	struct learning *l = arg;
	struct err e;

	intents_key(l->config->examples, l->config->nexamples, l->key);
	l->result = intents_load(l->path, l->key, &e);
	l->loaded = l->result != NULL;
	if (l->loaded)
		return;
	if (e.code == ERR_INVALID)
		log_warn("%s: the intents are learnt anew", e.msg);
	l->result = intents_train(l->config->examples, l->config->nexamples, &l->err);
	if (l->result && intents_save(l->result, l->path, l->key, &e) < 0)
		log_warn("%s: %s: the next start must learn again", l->path, e.msg);
}

static void learn(void *arg)
{
	struct learning *l = arg;
	int64_t start = fiber_now();
	struct err e;

	l->running = true;
	if (lane_run(l->lane, train, l, NULL, FOREVER, NULL, &e) < 0)
		return;
	l->running = false;
	if (!l->result)
		log_error("the intents could not be learnt: %s; messages have none", l->err.msg);
	else if (!l->loaded)
		log_info("learnt the intents from %zu examples in %lld ms", l->config->nexamples,
		    (long long)(fiber_now() - start));
	malloc_trim(0); /* training took several times what is kept */
	agent_intents(l->agent, l->result);
}

struct learning *learning_start(
    struct world *w, struct agent *a, const struct config *c, const char *data)
{
	struct learning *l = mem_new(struct learning);

	l->agent = a;
	l->config = c;
	l->mem = arena_new();
	l->path = file_path(l->mem, data, "intents.model");
	l->lane = lane_new(w, "learning", 1);
	scope_open_root(&l->scope);
	if (c->nexamples)
		scope_go(&l->scope, learn, l);
	else
		agent_intents(a, NULL);
	return l;
}

bool learning_stop(struct learning *l)
{
	if (l->running)
		return false;
	scope_join(&l->scope);
	lane_free(l->lane);
	intents_free(l->result);
	arena_free(l->mem);
	free(l);
	return true;
}
