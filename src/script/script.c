#include "script/inside.h"

#include "base/buf.h"
#include "base/mem.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

/* Compiling and evaluating within budgets.
 *
 * An expression becomes the chunk `local _ENV=...;return EXPRESSION`.  Its names are read from a
 * table that is made for one evaluation and fills itself: functions from the closed list, the rest
 * from the data, a member when it is first read.  No library is opened and strings have no
 * metatable, so there is nothing else to reach.
 *
 * Instructions are counted by a hook, work in C by spend(), memory by the allocator, which
 * refuses what one evaluation allocates beyond its bytes.  It counts what is allocated and not
 * what is alive: copying a string over and over costs time that instructions do not show. */

struct expression {
	struct script *script;
	int chunk; /* in the registry */
	int line;  /* where it begins in its source; 0: the source has one line */
};

static void *allocate(void *ud, void *p, size_t old, size_t size)
{
	struct script *s = ud;
	/* A block that grows may move: all of it is work. */
	int64_t cost = !p || size > old ? (int64_t)size : 0;

	if (size == 0) {
		free(p);
		return NULL;
	}
	if (s->limited) {
		if (cost > s->bytes_left || (!p && old == LUA_TSTRING && size > STRING_MAX))
			return NULL;
		s->bytes_left -= cost;
	}
	return mem_resize(p, size);
}

static int panicked(lua_State *L)
{
	bug("lua: %s", lua_tostring(L, -1));
}

static void count_instructions(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	spend(L, 1000);
}

/* A name of the expression is read for the first time. */
static int name_index(lua_State *L)
{
	const json_t *v = json_object_get(run_of(L)->data, lua_tostring(L, 2));

	if (!v)
		return 0;
	data_push(L, v);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, -2);
	lua_rawset(L, 1);
	return 1;
}

/* Functions first, then the data. */
static int name_or_function(lua_State *L)
{
	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
		return 1;
	return name_index(L);
}

struct script *script_new(const char *currency)
{
	struct arena *mem = arena_new();
	struct script *s = arena_new_of(mem, struct script);

	s->mem = mem;
	s->currency = currency_named(arena_strdup(mem, currency));
	s->lua = lua_newstate(allocate, s);
	lua_atpanic(s->lua, panicked);
	data_open(s->lua);
	luaL_newmetatable(s->lua, "names");
	functions_open(s->lua);
	lua_pushcclosure(s->lua, name_or_function, 1);
	lua_setfield(s->lua, -2, "__index");
	lua_pop(s->lua, 1);
	return s;
}

void script_free(struct script *s)
{
	if (!s)
		return;
	lua_close(s->lua);
	arena_free(s->mem);
}

/* Compiling. */

/* What Lua's message says behind "expression:LINE: ". */
static const char *without_place(const char *message, int *line)
{
	static const char prefix[] = "expression:";
	char *end;

	*line = 0;
	if (strncmp(message, prefix, sizeof(prefix) - 1) != 0)
		return message;
	*line = (int)strtol(message + sizeof(prefix) - 1, &end, 10);
	return *end == ':' && end[1] == ' ' ? end + 2 : message;
}

/* Names are checked against the functions once, so that none is ever hidden. */
static int check_names(const char *const *names, struct err *e)
{
	for (; *names; names++)
		if (function_known(*names, strlen(*names)))
			return err_set(
			    e, ERR_INVALID, "1:1: '%s' is a function and cannot be a name", *names);
	return 0;
}

struct expression *expression_part(
    struct script *s, const char *source, size_t *at, const char *const *names, struct err *e)
{
	size_t start = *at;
	struct expression *x;
	struct buf chunk = { 0 };
	int failed, line;

	if (check_names(names, e) < 0 || source_read(source, at, names, e) < 0)
		return NULL;
	buf_adds(&chunk, "local _ENV=...;return ");
	buf_add(&chunk, source + start, *at - start);
	failed = luaL_loadbufferx(s->lua, chunk.data, chunk.len, "=expression", "t");
	buf_done(&chunk);
	if (failed) {
		source_error(
		    e, source, start, "%s", without_place(lua_tostring(s->lua, -1), &line));
		lua_pop(s->lua, 1);
		return NULL;
	}
	x = arena_new_of(s->mem, struct expression);
	x->script = s;
	x->chunk = luaL_ref(s->lua, LUA_REGISTRYINDEX);
	x->line = strchr(source, '\n') ? source_line(source, start) : 0;
	return x;
}

struct expression *script_expression(
    struct script *s, const char *source, const char *const *names, struct err *e)
{
	size_t at = 0;
	struct expression *x = expression_part(s, source, &at, names, e);

	if (x && source[at]) {
		source_error(
		    e, source, at, "expected the end of the expression, got '%.20s'", source + at);
		return NULL;
	}
	return x;
}

/* Evaluating. */

static int explain(const struct expression *x, lua_State *L, int status, struct err *e)
{
	const char *message = lua_tostring(L, -1);
	int line;

	if (status == LUA_ERRMEM)
		return err_set(e, ERR_INVALID,
		    "it makes more than %d MiB of data, or one text above %d KiB",
		    BYTES_MAX / (1024 * 1024), STRING_MAX / 1024);
	message = without_place(message ? message : "unknown error", &line);
	if (x->line && line)
		return err_set(e, ERR_INVALID, "line %d: %s", x->line + line - 1, message);
	return err_set(e, ERR_INVALID, "%s", message);
}

/* Run it on a new thread, which is on top of the script's stack afterwards, the value on top of
 * the thread's; NULL with the error, and nothing left behind. */
static lua_State *evaluate(
    const struct expression *x, const json_t *data, struct run *run, struct err *e)
{
	struct script *s = x->script;
	lua_State *L = lua_newthread(s->lua);
	int status;

	*run = (struct run){ .script = s, .data = data, .instructions_left = INSTRUCTIONS_MAX };
	*(struct run **)lua_getextraspace(L) = run;
	lua_sethook(L, count_instructions, LUA_MASKCOUNT, 1000);
	lua_rawgeti(L, LUA_REGISTRYINDEX, x->chunk);
	lua_newtable(L);
	luaL_setmetatable(L, "names");
	s->bytes_left = BYTES_MAX;
	s->limited = true;
	status = lua_pcall(L, 1, 1, 0);
	s->limited = false;
	if (status == LUA_OK)
		return L;
	explain(x, L, status, e);
	lua_pop(s->lua, 1);
	return NULL;
}

json_t *expression_value(
    const struct expression *x, const json_t *data, struct arena *mem, struct err *e)
{
	struct run run;
	lua_State *L = evaluate(x, data, &run, e);
	json_t *value;

	if (!L)
		return NULL;
	value = data_json(L, lua_gettop(L), 0, e);
	lua_pop(x->script->lua, 1);
	return json_in(mem, value);
}

int expression_holds(const struct expression *x, const json_t *data, struct err *e)
{
	struct run run;
	lua_State *L = evaluate(x, data, &run, e);
	int answer;

	if (!L)
		return -1;
	if (lua_isboolean(L, -1) || lua_isnil(L, -1))
		answer = lua_toboolean(L, -1);
	else
		answer = err_set(e, ERR_INVALID,
		    "it gives %s, which is neither true nor false; compare it (== 1, ~= nil)",
		    data_kind(L, lua_gettop(L)));
	lua_pop(x->script->lua, 1);
	return answer;
}
