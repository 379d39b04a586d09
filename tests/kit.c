#include "kit.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The tools. */

struct act {
	int64_t ms;
	int writes; /* 1: once per key; 2: knows no keys */
};

static void note(struct bank *b, const char *what)
{
	size_t n = strlen(b->order);

	snprintf(b->order + n, sizeof(b->order) - n, "%s ", what);
}

static void bank_do(struct bank *b, const char *tool, const char *key, bool once)
{
	char what[80];

	snprintf(what, sizeof(what), "%s %s", tool, key);
	for (int i = 0; i < b->n; i++)
		if (!strcmp(b->acts[i].what, what)) {
			b->acts[i].times += !once;
			return;
		}
	strcpy(b->acts[b->n].what, what);
	b->acts[b->n++].times = 1;
}

int bank_times(const struct bank *b, const char *tool)
{
	int times = 0;

	for (int i = 0; i < b->n; i++)
		if (!strncmp(b->acts[i].what, tool, strlen(tool)) &&
		    b->acts[i].what[strlen(tool)] == ' ')
			times += b->acts[i].times;
	return times;
}

static struct bank *bank; /* of the test that runs: tools have no other way to it */

static void run(const struct tool *t, const struct tool_call *call, struct tool_result *out)
{
	const struct act *a = t->impl;
	struct err e;
	json_t *value;

	bank->running++;
	if (bank->running > bank->running_most)
		bank->running_most = bank->running;
	if (a->ms && fiber_sleep(a->ms, &e) < 0) {
		bank->running--;
		tool_failed(out, call->mem, true, "it took longer than it may");
		return;
	}
	bank->running--;
	note(bank, t->name);
	if (a->writes && !world_crashed(check_world()))
		bank_do(bank, t->name, call->key, a->writes == 1);
	if (!strcmp(t->name, "broken")) {
		tool_failed(out, call->mem, true, "the shop is closed");
		return;
	}
	value = json_pack("{ss}", "tool", t->name);
	if (!strcmp(t->name, "huge")) {
		char *big = arena_alloc(call->mem, 100001);

		memset(big, 'x', 100000);
		json_object_set_new(value, "big", json_string(big));
	}
	out->status = TOOL_OK;
	out->value = json_in(call->mem, value);
}

static const struct tool_kind kind = { .name = "test", .run = run };
static struct act second = { 1000, 0 }, none = { 0, 0 }, never = { 100000, 0 }, once = { 500, 1 },
		  keyless = { 500, 2 };

static struct tool tools[] = {
	{ .name = "lookup_order", .impl = &second },
	{ .name = "lookup_account", .impl = &second },
	{ .name = "check_policy", .impl = &second },
	{ .name = "quick", .impl = &none },
	{ .name = "slow", .impl = &never },
	{ .name = "broken", .impl = &none },
	{ .name = "huge", .impl = &none },
	{ .name = "private", .impl = &none, .identity = IDENTITY_VERIFIED },
	{ .name = "refund", .impl = &once, .effect = EFFECT_WRITE, .repeatable = true },
	{ .name = "wire", .impl = &keyless, .effect = EFFECT_WRITE },
	{ .name = "escalate_to_human" },
};

static void tools_ready(void)
{
	static json_t *any, *order;

	if (any)
		return;
	any = json_pack("{ss}", "type", "object");
	order = json_loads(
	    "{\"type\":\"object\",\"required\":[\"order_id\"],\"additionalProperties\":false,"
	    "\"properties\":{\"order_id\":{\"type\":\"string\"}}}",
	    0, NULL);
	for (size_t i = 0; i < array_len(tools); i++) {
		tools[i].description = tools[i].name;
		tools[i].parameters = tools[i].effect == EFFECT_WRITE ? order : any;
		tools[i].timeout_ms = 5000;
		tools[i].shown = "Looking";
		if (tools[i].impl)
			tools[i].kind = &kind;
	}
}

/* The model. */

static const char *dialect(void)
{
	const char *name = getenv("KIT_DIALECT");

	return name ? name : "transcript";
}

bool kit_streams(void)
{
	return !strstr(dialect(), "-whole");
}

static struct model *provider_model(struct kit *k, struct world *w)
{
	struct capabilities can;
	struct err e = { 0 };

	k->fake.api = text_starts(dialect(), "anthropic") ? API_ANTHROPIC : API_OPENAI;
	k->fake.script = k->script;
	k->fake.strict = true;
	k->http = http_client_new(w, 0, &e);
	if (!k->http)
		bug("kit: %s", e.msg);
	http_client_answers(k->http, fake_provider_answer, &k->fake);
	k->provider = (struct provider){ .name = "fake",
		.api = k->fake.api,
		.base_url = "http://127.0.0.1:9/v1",
		.auth = AUTH_BEARER,
		.key = "test-key",
		.stream = kit_streams(),
		.world = w,
		.client = k->http };
	capabilities_default(&can, k->fake.api, "127.0.0.1", "model");
	can.reasoning_replay = true;
	return fake_provider_model(provider_model_new(&k->provider, "fake/model", "model", &can));
}

static struct model *make_model(struct kit *k, struct world *w)
{
	if (world_loop(w) || text_is(dialect(), "transcript"))
		return scripted_new(k->script, "scripted");
	return provider_model(k, w);
}

/* The server. */

void kit_restart_agent(struct kit *k)
{
	struct err e = { 0 };

	if (k->agent) {
		agent_stop(k->agent);
		agent_free(k->agent);
	}
	k->agent = agent_new(k->all, &k->config, &e);
	if (!k->agent)
		bug("kit: %s", e.msg);
	agent_intents(k->agent, NULL);
}

void kit_reopen(struct kit *k, struct world *w)
{
	char path[96];
	struct err e = { 0 };

	k->world = w;
	snprintf(path, sizeof(path), "%s/log.db", k->dir);
	k->store = store_open(w, path, &e);
	if (!k->store)
		bug("kit: %s", e.msg);
	k->all = conversations_new(w, k->store, 1 << 20);
	k->model = make_model(k, w);
	k->chain[0] = k->model;
	k->agent = NULL;
	kit_restart_agent(k);
}

void kit_open(struct kit *k, struct world *w, struct bank *b, const char *steps)
{
	json_error_t je;
	json_t *list = json_loads(steps, 0, &je);

	if (!list)
		bug("kit: script: %s", je.text);
	tools_ready();
	*k = (struct kit){ .bank = b };
	/* In memory where that is possible: a simulation does not wait for a disk, a bench does. */
	snprintf(k->dir, sizeof(k->dir), "%s/frontdesk-test-XXXXXX",
	    !world_loop(w) && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	bank = b;
	if (!mkdtemp(k->dir))
		bug("kit: no folder");
	k->script = json_pack("{so}", "steps", list);
	k->config = (struct agent_config){ .instructions = "Be kind.",
		.chain = k->chain,
		.nchain = 1,
		.tools = { tools, array_len(tools) },
		.limits = { .steps = 12,
		    .tool_calls = 40,
		    .parallel = 8,
		    .answer_tokens = 64,
		    .context_tokens = 60000,
		    .turn_ms = 120000 } };
	kit_reopen(k, w);
}

void kit_close(struct kit *k)
{
	agent_stop(k->agent);
	agent_free(k->agent);
	store_close(k->store);
	conversations_free(k->all);
	k->model->class->free(k->model);
	http_client_free(k->http);
	k->http = NULL;
	CHECK_STR(k->fake.mistake, "");
}

void kit_remove(struct kit *k)
{
	char path[96];

	for (const char *const *f =
		 (const char *const[]){ "log.db", "log.db-wal", "log.db-shm", NULL };
	     *f; f++) {
		snprintf(path, sizeof(path), "%s/%s", k->dir, *f);
		unlink(path);
	}
	rmdir(k->dir);
	fake_provider_done(&k->fake);
	json_decref(k->script);
}

struct conversation *kit_conversation(struct kit *k)
{
	struct err e = { 0 };
	struct conversation *c = conversation_create(k->all,
	    json_pack(
		"{s{ss ss} ss}", "customer", "id", "cust-1", "name", "Ada", "identity", "verified"),
	    NULL, &e);

	if (!c)
		bug("kit: %s", e.msg);
	return c;
}

void kit_wait(struct kit *k, struct conversation *c)
{
	struct err e = { 0 };

	(void)k;
	while (conversation_head(c)->open_since ||
	       conversation_committed(c) < conversation_head(c)->seq)
		if (!CHECK_OK(conversation_wait(c, conversation_committed(c), FOREVER, &e), &e))
			return;
}

const char *kit_say(struct kit *k, struct arena *mem, struct conversation *c, const char *text)
{
	struct err e = { 0 };
	int64_t seq;
	const struct wire_message *m;

	if (!CHECK_OK(agent_message(k->agent, c, text, NULL, &seq, &e), &e))
		return NULL;
	kit_wait(k, c);
	for (int i = wire_len(conversation_wire(c)) - 1; i >= 0; i--) {
		m = wire_at(conversation_wire(c), i);
		if (m->role == WIRE_AI && m->text && m->seq > seq)
			return arena_strdup(mem, m->text);
	}
	return NULL;
}

const struct event *kit_events(struct kit *k, struct arena *mem, struct conversation *c, int *n)
{
	const struct event *events = NULL;
	struct err e = { 0 };

	(void)k;
	*n = 0;
	CHECK_OK(conversation_events(c, 0, 10000, mem, &events, n, &e), &e);
	return events;
}

const struct event *kit_event(
    struct kit *k, struct arena *mem, struct conversation *c, enum event_kind kind_, int nth)
{
	int n;
	const struct event *events = kit_events(k, mem, c, &n);

	for (int i = 0; i < n; i++)
		if (events[i].kind == kind_ && nth-- == 0)
			return &events[i];
	return NULL;
}

int kit_count(struct kit *k, struct conversation *c, enum event_kind kind_)
{
	struct arena *mem = arena_new();
	int n = 0;

	while (kit_event(k, mem, c, kind_, n))
		n++;
	arena_free(mem);
	return n;
}
