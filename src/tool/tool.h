#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

/* A tool: something the agent may look up or do in the company's own systems.
 *
 * Tools are configuration.  A kind (sql, http; later mcp, command) is one const struct
 * tool_kind: it checks its part of the tool's entry when the configuration is loaded, and
 * runs calls.  To add a kind, copy tool/sql.c and add a row in tool/registry.c.
 *
 * Who the customer is comes with the call from the server, never from the model: a kind binds
 * :customer.id or {customer.id} from struct caller and refuses where there is none.
 *
 * The agent has validated the arguments before run() is called, and gives each call a deadline by
 * the scope it runs in. A kind may wait. */

enum effect {
	EFFECT_READ,
	EFFECT_WRITE
};

enum identity {
	IDENTITY_ANONYMOUS, /* anybody */
	IDENTITY_EMAIL,     /* an address that was proved */
	IDENTITY_VERIFIED,  /* the company vouches for the customer */
};

/* On whose behalf. id NULL: nobody is bound. */
struct caller {
	const char *customer_id;
	enum identity identity;
	const json_t *customer; /* the record: {"id","name",...} or NULL */
	const char *conversation;
};

enum tool_status {
	TOOL_OK,
	TOOL_FAILED,  /* it had no effect: the reason is for the model */
	TOOL_UNKNOWN, /* a write that may or may not have happened */
};

struct tool_result {
	enum tool_status status;
	const json_t *value; /* TOOL_OK: what the model reads; in the call's arena */
	const char *reason;  /* otherwise: no full stop, no secret, made for the model */
	bool retry;          /* trying again may help */
};

struct tool_call {
	const struct caller *caller;
	const json_t *arguments;
	const char
	    *key;   /* of a write: the same for every attempt, across crashes (design rule 3) */
	bool again; /* a write that may have been sent before, by a process that died */
	struct arena *mem;
};

struct tool {
	const char *name, *description;
	const json_t *parameters; /* JSON Schema of the arguments, type object */
	enum effect effect;
	enum identity identity;
	int64_t timeout_ms;
	bool
	    repeatable; /* a write that may be sent again with its key: the backend knows the key */
	const char
	    *shown; /* what the chat says while it runs: "Looking up your orders"; never NULL */
	const struct tool_kind *kind; /* NULL: built in, the agent does it itself */
	void *impl;
};

struct http_client;
struct http_reach;
struct script;

/* What kinds are made from, opened when the configuration is loaded. */
struct tool_sources {
	struct sql_database *const *databases;
	int ndatabases;
	struct http_client *http;
	const struct http_reach *reach; /* the hosts that http tools may reach */
	struct script *script;
};

/* Where in the kind's part of the entry a mistake is. */
struct tool_mistake {
	char pointer[256]; /* a JSON pointer: "/query/1"; "" is the whole */
	int offset;        /* of the byte in that text; -1: all of it */
};

struct tool_kind {
	const char *name;   /* the key in the tool's entry: "sql" */
	const char *schema; /* JSON Schema of what stands under it; make() relies on it */
	bool repeatable;    /* its writes may be sent again with their key, unless the entry says
			       otherwise (idempotent) */
	/* Does the entry name the customer?  Then it needs one who is known.  NULL: it cannot. */
	bool (*asks_for_customer)(const json_t *config);
	/* Check the entry and make *impl of it, for run() and free().  parameters is the JSON
	 * Schema of the arguments.  -1: a mistake of the configuration, the first one; *where is
	 * filled. */
	int (*make)(const struct tool_sources *from, const json_t *config, const json_t *parameters,
	    enum effect effect, void **impl, struct tool_mistake *where, struct err *e);
	/* What a call goes to, for the operator: "sql shop", "POST pay.example".  NULL: nowhere. */
	const char *(*where)(const struct tool *t, struct arena *mem);
	/* Never fails: what goes wrong is a result. */
	void (*run)(const struct tool *t, const struct tool_call *call, struct tool_result *out);
	void (*free)(void *impl);
};

/* Shorthands for a kind's error paths. */
void tool_failed(struct tool_result *out, struct arena *mem, bool retry, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void tool_unknown(struct tool_result *out, struct arena *mem, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* All tools of an agent, in the order of the configuration (the prompt's prefix must not move). */
struct toolbox {
	const struct tool *tools;
	int n;
};

const struct tool *toolbox_find(
    const struct toolbox *box, const char *name); /* NULL: no such tool */

/* The kinds there are (tool/registry.c).  NULL: no such kind. */
const struct tool_kind *tool_kind_find(const char *name);
const struct tool_kind *tool_kind_at(int i); /* all of them, from 0; NULL after the last */

#endif
