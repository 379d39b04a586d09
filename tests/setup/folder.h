#ifndef TESTS_SETUP_FOLDER_H
#define TESTS_SETUP_FOLDER_H

#include "base/buf.h"
#include "base/mem.h"
#include "setup/agent_setup.h"
#include "setup/files.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An agent folder in /tmp, good at first, to be spoiled one thing at a time. */

struct folder {
	char path[64];
};

/* clang-format off */
static const char agent[] =
	"name: Shop\n"                                                        /*  1 */
	"currency: EUR\n"                                                     /*  2 */
	"models:\n"                                                           /*  3 */
	"  main: scripted:talk.yaml\n"                                        /*  4 */
	"databases:\n"                                                        /*  5 */
	"  shop: { url: sqlite:shop.db, init: shop.sql }\n"                   /*  6 */
	"\n"                                                                  /*  7 */
	"tools:\n"                                                            /*  8 */
	"  lookup_order:\n"                                                   /*  9 */
	"    description: Orders.\n"                                          /* 10 */
	"    parameters: { order_id?: { type: string } }\n"                   /* 11 */
	"    identity: email\n"                                               /* 12 */
	"    sql: { database: shop, query: \"SELECT id, cents FROM orders\n"  /* 13 */
	"      WHERE customer_id = :customer.id\n"                            /* 14 */
	"      AND (:order_id IS NULL OR id = :order_id)\" }\n"               /* 15 */
	"\n"                                                                  /* 16 */
	"  # money\n"                                                         /* 17 */
	"  refund:\n"                                                         /* 18 */
	"    description: Refund an order.\n"                                 /* 19 */
	"    shown: Refunding\n"                                              /* 20 */
	"    parameters: { order_id: { type: string } }\n"                    /* 21 */
	"    effect: write\n"                                                 /* 22 */
	"    sql:\n"                                                          /* 23 */
	"      database: shop\n"                                              /* 24 */
	"      query: UPDATE orders SET refunded = 1 WHERE id = :order_id AND customer_id = :customer.id\n"
	"\n"                                                                  /* 26 */
	"customer: { profile: lookup_order }\n"                               /* 27 */
	"escalation:\n"                                                       /* 28 */
	"  turns: 9\n"                                                        /* 29 */
	"  intents: { refund: handoff }\n"                                    /* 30 */
	"limits: { steps: 5 }\n"                                              /* 31 */
	"patterns: { order_id: \"FW-[0-9]{4,}\" }\n"                          /* 32 */
	"demo: [demo-1, demo-2]\n";                                           /* 33 */
/* clang-format on */

/* clang-format off */
static const char playbook[] =
	"texts:\n"
	"  again: a\n"
	"  still_open: a\n"
	"  which: a\n"
	"  handover: a\n"
	"  handover_failed: a\n"
	"  with_person: a\n"
	"  sign_in: a\n"
	"fallback: { first: a, second: a, then: { escalate: no idea } }\n"    /*  9 */
	"failed: { escalate: it failed }\n"                                   /* 10 */
	"intents:\n"                                                          /* 11 */
	"  refund:\n"                                                         /* 12 */
	"    look_up:\n"                                                      /* 13 */
	"      orders: { tool: lookup_order }\n"                              /* 14 */
	"    cases:\n"                                                        /* 15 */
	"      - when: \"#orders.rows == 0\"\n"                             /* 16 */
	"        say: There are none.\n"                                      /* 17 */
	"      - say: >-\n"                                                   /* 18 */
	"          There are\n"                                               /* 19 */
	"          {{ #orders.rows }}.\n";                                    /* 20 */
/* clang-format on */

static const struct {
	const char *name, *text;
} files[] = {
	{ "agent.yaml", agent },
	{ "prompt.md", "Be kind.\n" },
	{ "intents.yaml", "intents:\n  # one is enough\n"
			  "  refund: { examples: [refund me, money back] }\nnone: [hello]\n" },
	{ "playbook.yaml", playbook },
	{ "talk.yaml", "steps:\n  - text: hello\n" },
	{ "shop.sql", "CREATE TABLE orders (id TEXT PRIMARY KEY, customer_id TEXT, cents INTEGER, "
		      "refunded INTEGER);\n" },
};

static inline void path_of(const struct folder *f, const char *file, char out[200])
{
	snprintf(out, 200, "%s/%s", f->path, file);
}

static inline void write_file(const struct folder *f, const char *name, const char *text)
{
	char path[200];
	FILE *out;

	path_of(f, name, path);
	out = fopen(path, "w");
	if (!out || fputs(text, out) < 0 || fclose(out) != 0)
		bug("cannot write %s", path);
}

static inline struct folder folder_good(void)
{
	struct folder f = { "/tmp/frontdesk-folder-XXXXXX" };

	if (!mkdtemp(f.path))
		bug("no folder in /tmp");
	for (size_t i = 0; i < array_len(files); i++)
		write_file(&f, files[i].name, files[i].text);
	return f;
}

/* Exactly one place must have `find`, or the test is wrong. */
static inline void folder_replace(
    struct folder *f, const char *file, const char *find, const char *put)
{
	struct arena *mem = arena_new();
	struct err e;
	char path[200], *text, *at;
	size_t n;

	path_of(f, file, path);
	text = file_read(mem, path, 1 << 20, &n, &e);
	at = text ? strstr(text, find) : NULL;
	if (!at || strstr(at + 1, find))
		bug("%s: \"%s\" is not there exactly once", file, find);
	*at = '\0';
	write_file(f, file, arena_printf(mem, "%s%s%s", text, put, at + strlen(find)));
	arena_free(mem);
}

static inline void folder_delete(struct folder *f, const char *file)
{
	char path[200];

	path_of(f, file, path);
	unlink(path);
}

/* A folder in it; its path. */
static inline const char *folder_make(struct folder *f, const char *name)
{
	static char path[200];

	path_of(f, name, path);
	if (mkdir(path, 0700) < 0)
		bug("cannot make %s", path);
	return path;
}

static inline bool folder_has(const struct folder *f, const char *name)
{
	char path[200];

	path_of(f, name, path);
	return file_exists(path);
}

/* Entries. */
static inline int folder_count(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2; /* . and .. */
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static inline void folder_remove(struct folder *f)
{
	nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* What `check` would say, a line each, without the folder's own name. */
static inline const char *folder_mistakes(struct folder *f, struct arena *mem)
{
	struct mistakes m = mistakes_none(mem);
	struct world *w = world_sim(1);
	struct buf lines = { 0 };
	char data[200];
	const char *out;

	path_of(f, "data", data);
	agent_setup_close(agent_setup_try(&m, w, f->path, data));
	world_free(w);
	for (int i = 0; i < m.n; i++) {
		const char *line = mistake_line(mem, &m.list[i]), *own;

		while ((own = strstr(line, f->path))) /* in places and in messages */
			line = arena_printf(
			    mem, "%.*s%s", (int)(own - line), line, own + strlen(f->path) + 1);
		buf_printf(&lines, "%s\n", line);
	}
	out = arena_strdup(mem, buf_str(&lines));
	buf_done(&lines);
	return out;
}

static inline struct agent_setup *folder_open(struct folder *f, struct mistakes *m, struct world *w)
{
	char data[200];

	path_of(f, "data", data);
	mkdir(data, 0700);
	return agent_setup_open(m, w, f->path, data);
}

#endif
