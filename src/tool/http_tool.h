#ifndef TOOL_HTTP_TOOL_H
#define TOOL_HTTP_TOOL_H

#include "base/buf.h"
#include "net/http_client.h"
#include "script/script.h"
#include "tool/http_template.h"
#include "tool/tool.h"

/* What the files of the kind http share.
 *
 * A compiled tool is made by http.c, http_url.c and http_body.c, read only then, and shared by all
 * calls.  http_call.c makes a call of it: http_request.c fills in the values, http_answer.c reads
 * what came back. */

struct http_pair {
	const char *name;
	struct http_template value;
};

struct http_pairs {
	struct http_pair *list;
	int n;
};

/* A body as configured, each text in it compiled. */
struct http_node {
	enum {
		HTTP_PLAIN, /* a number, true, false, null */
		HTTP_STRING,
		HTTP_OBJECT,
		HTTP_LIST,
	} kind;
	const char *name; /* in an object */
	json_t *plain;
	struct http_template text;
	struct http_node *items;
	int n;
};

struct http_tool {
	struct arena *mem;
	struct http_client *client;
	const struct http_reach *reach;
	const char *method;
	bool write;
	const char *origin; /* "https://pay.example:8443" */
	const char *host;   /* "pay.example:8443" */
	struct http_template path, url_query;
	struct http_pairs query, headers, form;
	bool has_form;
	const struct http_node *body; /* NULL: none */
	bool has_type;                /* the headers say what the body is */
	bool has_accept;
	const struct expression *result; /* NULL: the answer as it is */
	size_t max_bytes;
	const char **secrets;
	int nsecrets;
};

/* Making one. */

struct http_making {
	struct http_tool *tool;
	const json_t *parameters;
	struct tool_mistake *where;
	struct err *e;
};

int http_mistake(struct http_making *m, const char *pointer, int64_t offset, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Read a text, and check its names. */
int http_compile(
    struct http_making *m, const char *pointer, const char *text, struct http_template *out);
/* What came from the environment into these parts is secret. */
void http_keep_secrets(struct http_making *m, const struct http_template *t);

int http_read_url(struct http_making *m, const char *source); /* http_url.c */
/* http_body.c */
int http_read_pairs(
    struct http_making *m, const char *pointer, const json_t *from, struct http_pairs *out);
int http_read_body(struct http_making *m, const json_t *from);

/* Calling one. */

/* http_request.c: all of it in the call's arena.  -1: *out says why it cannot be sent. */
int http_request_fill(const struct tool *t, const struct tool_call *call, struct http_request *r,
    struct tool_result *out);
/* As a value of a query, or a piece of a path. */
void http_encode(struct buf *out, const char *s, size_t n);
/* The bytes of the control character (C0, DEL, C1) that it begins with; 0: none.  Has it one? */
size_t http_control(const char *s, size_t n);
bool http_has_control(const char *s, size_t n);

/* http_answer.c */
struct http_answer {
	int status;
	json_t *body;    /* in the call's arena; NULL: there is none, or none to be read */
	json_t *headers; /* those that `result` may see */
	bool busy;       /* it said when to come again */
	bool page;       /* it is HTML */
	bool cut;        /* the connection broke off within the body */
	const char *why; /* there is one, and it cannot be read; NULL: it could */
};

/* Read what is behind the head. */
void http_answer_read(
    const struct http_tool *tool, struct arena *mem, struct http_open *x, struct http_answer *a);
/* What the other side says of its failure, in at most 300 bytes; NULL: nothing. */
const char *http_answer_detail(struct arena *mem, const struct http_answer *a);
/* What the model reads.  NULL: it is not as `result` expects, which was logged. */
const json_t *http_answer_result(
    const struct tool *t, const struct tool_call *call, const struct http_answer *a);

void http_call(const struct tool *t, const struct tool_call *call, struct tool_result *out);

#endif
