#ifndef SCRIPT_INSIDE_H
#define SCRIPT_INSIDE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "script/script.h"

#include <lua.h>
#include <stdint.h>

/* What the files of script/ know of each other; nobody else includes this.
 *
 * One Lua state a script.  An evaluation is a thread of that state and a struct run, which
 * every C function finds through run_of().  Lua reports errors by longjmp, so nothing
 * between lua_pcall() and a function of ours may own memory outside of Lua. */

enum {
	SOURCE_MAX = 16384,        /* bytes of one expression */
	NESTING_MAX = 30,          /* brackets, functions and ifs within each other */
	CHAIN_MAX = 100,           /* operators that bind to the right, open at a time */
	LOCALS_MAX = 100,          /* local names in sight */
	CALLBACKS_MAX = 16,        /* a filter within a map within a filter ... */
	INSTRUCTIONS_MAX = 300000, /* of one evaluation; an item of a list counts as one */
	BYTES_MAX = 8 * 1024 * 1024 /* allocated by one evaluation, freed or not */,
	STRING_MAX = 128 * 1024, /* of one string: comparing and copying is no instruction */
	RESULT_DEPTH_MAX = 32,
};

struct currency {
	const char *code;
	const char *sign; /* before the amount; NULL: the code and a space */
	int digits;       /* behind the point */
};

struct script {
	lua_State *lua;
	struct arena *mem;
	struct currency currency;
	int64_t bytes_left;
	bool limited; /* an evaluation is running: allocations count */
};

struct run {
	struct script *script;
	const json_t *data;
	int instructions_left;
	int callbacks; /* how deep we are in functions that call functions */
};

static inline struct run *run_of(lua_State *L)
{
	return *(struct run **)lua_getextraspace(L);
}

/* source.c: read one expression of `source`, from *at.  Behind it *at is moved.  The errors are
 * those of whoever wrote it, with line and column in `source`. */
int source_read(const char *source, size_t *at, const char *const *names, struct err *e);
int source_error(struct err *e, const char *source, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int source_line(const char *source, size_t at);

/* functions.c: the closed list. */
bool function_known(const char *name, size_t n);
const char *function_name(size_t i); /* the i-th; NULL: there are no more */
void functions_open(lua_State *L);   /* pushes a table of them */
void spend(lua_State *L, int64_t n); /* this much work was done in C */
struct currency currency_named(const char *code);

/* data.c: what JSON looks like from inside. */
void data_open(lua_State *L);
void data_push(lua_State *L, const json_t *j);    /* NULL is nil; borrows j */
void data_mark_list(lua_State *L, lua_Integer n); /* the table on top is a list of n items */
/* The JSON of a value, a new reference. NULL with *e: there is none. */
json_t *data_json(lua_State *L, int index, int depth, struct err *e);
/* Is it a list of any make?  And its length. */
bool data_is_list(lua_State *L, int index, lua_Integer *n);
const char *data_kind(lua_State *L, int index);  /* "text", "list", "nil": for messages */
bool data_has(lua_State *L, int index, int key); /* has(): there, and not null */

/* script.c */
struct expression *expression_part(
    struct script *s, const char *source, size_t *at, const char *const *names, struct err *e);

#endif
