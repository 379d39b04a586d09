#ifndef TESTS_TOOL_CALLS_H
#define TESTS_TOOL_CALLS_H

#include "base/log.h"
#include "base/mem.h"
#include "fiber/world.h"
#include "tool/database.h"
#include "tool/sql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Calls of sql tools on a database in a folder of its own: the test lists them, they are run one
 * after another (or all at once) on fibers, and the test looks at what came back. */

struct place {
	char folder[64];
	char file[96];
	struct world *world;
	struct sql_database *db;
	struct arena *mem;
};

struct a_call {
	const char *config, *parameters, *arguments;
	const char *customer; /* an id; NULL: nobody */
	const char *record;   /* JSON; NULL: the id alone */
	const char *key;
	int64_t timeout_ms;
	/* what came back */
	struct tool tool;
	struct tool_result result;
	const char *text; /* the value as JSON, or the reason */
	int64_t took_ms;
};

static inline const json_t *parsed(struct place *p, const char *text)
{
	struct err e = { 0 };
	json_t *j = json_read_in(p->mem, text, strlen(text), &e);

	if (!j)
		fail_msg("%s: %s", text, e.msg);
	return j;
}

static inline int set_up(void **state)
{
	struct place *p = mem_new(struct place);

	strcpy(p->folder, "/tmp/frontdesk-tool-XXXXXX");
	if (!mkdtemp(p->folder))
		return -1;
	snprintf(p->file, sizeof(p->file), "%s/shop.db", p->folder);
	p->mem = arena_new();
	*state = p;
	return 0;
}

static inline void close_place(struct place *p)
{
	sql_database_close(p->db);
	p->db = NULL;
	if (p->world)
		world_free(p->world);
	p->world = NULL;
}

static inline int tear_down(void **state)
{
	struct place *p = *state;
	static const char *const endings[] = { "", "-wal", "-shm", "-journal", ".new" };
	char name[128];

	close_place(p);
	for (size_t i = 0; i < array_len(endings); i++) {
		snprintf(name, sizeof(name), "%s%s", p->file, endings[i]);
		unlink(name);
	}
	rmdir(p->folder);
	arena_free(p->mem);
	free(p);
	return 0;
}

static inline void use_world(struct place *p, struct world *w)
{
	if (!w)
		fail_msg("no world");
	p->world = w;
}

static inline void open_place(struct place *p, struct world *w, const char *init)
{
	struct err e = { 0 };

	use_world(p, w);
	p->db = sql_database_open(w, "shop", p->file, init, &e);
	if (!p->db)
		fail_msg("%s", e.msg);
}

static inline void run_one(struct place *p, struct a_call *c)
{
	struct caller who = { .customer_id = c->customer,
		.identity = IDENTITY_VERIFIED,
		.customer = c->record ? parsed(p, c->record) : NULL,
		.conversation = "c_1" };
	struct tool_call call = { .caller = &who,
		.arguments = parsed(p, c->arguments ? c->arguments : "{}"),
		.key = c->key,
		.mem = p->mem };
	int64_t start = fiber_now();

	c->tool.kind->run(&c->tool, &call, &c->result);
	c->took_ms = fiber_now() - start;
	c->text =
	    c->result.status == TOOL_OK ? json_text(p->mem, c->result.value) : c->result.reason;
}

struct in_scope {
	struct place *p;
	struct a_call *c;
};

static inline void run_in_scope(void *arg)
{
	struct in_scope *in = arg;

	run_one(in->p, in->c);
}

static inline void run_timed(void *arg)
{
	struct in_scope *in = arg;
	struct scope s;

	scope_open(&s, in->c->timeout_ms ? fiber_now() + in->c->timeout_ms : FOREVER);
	scope_run(&s, run_in_scope, in);
	scope_join(&s);
}

struct all {
	struct place *p;
	struct a_call *calls;
	int n;
	bool together;
};

static inline void run_all(void *arg)
{
	struct all *all = arg;
	struct in_scope *ins = arena_array(all->p->mem, struct in_scope, all->n);
	struct scope s;

	scope_open(&s, FOREVER);
	for (int i = 0; i < all->n; i++) {
		ins[i] = (struct in_scope){ all->p, &all->calls[i] };
		if (all->together)
			scope_go(&s, run_timed, &ins[i]);
		else
			run_timed(&ins[i]);
	}
	scope_join(&s);
}

/* A call with a key is one of a tool that writes. */
static inline void calls(struct place *p, struct a_call *list, int n, bool together)
{
	struct all all = { p, list, n, together };
	struct err e = { 0 };

	for (int i = 0; i < n; i++) {
		struct a_call *c = &list[i];
		struct tool_mistake where;
		enum effect effect = c->key ? EFFECT_WRITE : EFFECT_READ;

		c->tool = (struct tool){ .name = "a_tool",
			.effect = effect,
			.timeout_ms = c->timeout_ms,
			.kind = &sql_tool_kind };
		if (sql_tool_new(p->db, parsed(p, c->config),
			parsed(p, c->parameters ? c->parameters : "{}"), effect, &c->tool.impl,
			&where, &e) < 0)
			fail_msg("%s: %s", where.pointer, e.msg);
	}
	world_run(p->world, run_all, &all);
	for (int i = 0; i < n; i++)
		sql_tool_kind.free(list[i].tool.impl);
}

static inline void is_ok(const struct a_call *c, const char *json)
{
	if (c->result.status != TOOL_OK)
		fail_msg("failed: %s", c->text);
	assert_string_equal(c->text, json);
}

static inline void is_failed(const struct a_call *c, const char *words)
{
	if (c->result.status != TOOL_FAILED)
		fail_msg("not failed but: %s", c->text);
	if (!strstr(c->text, words))
		fail_msg("\"%s\" does not say \"%s\"", c->text, words);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
