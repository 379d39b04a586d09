#include "server/route.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/assets.h"

#include <stdlib.h>
#include <string.h>

#define KEYS_KEPT_MS (30LL * 24 * 3600 * 1000) /* of POST /v1/conversations */

/* Every route.  To add one: a row here and a function; {id} in a path is a conversation, which is
 * open in the request when the function is called. */
static const struct route {
	const char *method, *path;
	enum access access;
	void (*run)(struct request *r);
} routes[] = {
	{ "POST", "/v1/conversations", ACCESS_ANYBODY, post_conversation },
	{ "GET", "/v1/conversations/{id}", ACCESS_CUSTOMER, get_conversation },
	{ "POST", "/v1/conversations/{id}/identify", ACCESS_CUSTOMER, post_identify },
	{ "POST", "/v1/conversations/{id}/messages", ACCESS_CUSTOMER, post_message },
	{ "GET", "/v1/conversations/{id}/messages", ACCESS_CUSTOMER, get_messages },
	{ "POST", "/v1/conversations/{id}/cancel", ACCESS_CUSTOMER, post_cancel },
	{ "GET", "/v1/conversations/{id}/events", ACCESS_CUSTOMER, get_events },
	{ "GET", "/v1/demo", ACCESS_ANYBODY, get_demo },
	{ "GET", "/healthz", ACCESS_ANYBODY, get_health },
	{ "GET", "/readyz", ACCESS_ANYBODY, get_ready },
	{ "GET", "/", ACCESS_ANYBODY, get_page },
	{ "GET", "/favicon.ico", ACCESS_ANYBODY, get_page },
};

/* Does the path fit?  What stands at {id} goes to *id, in mem. */
static bool fits(const char *pattern, const char *path, struct arena *mem, const char **id)
{
	const char *hole = strstr(pattern, "{id}"), *rest;
	size_t before = hole ? (size_t)(hole - pattern) : 0, n;

	*id = NULL;
	if (!hole)
		return text_is(pattern, path);
	if (strncmp(pattern, path, before) != 0)
		return false;
	rest = path + before;
	n = strcspn(rest, "/");
	if (!n || !text_is(hole + 4, rest + n))
		return false;
	*id = http_decode(mem, rest, n, false);
	return *id != NULL;
}

static bool is_asset(const char *path)
{
	for (const struct asset *a = assets; a->name; a++)
		if (text_is(a->name, path + 1))
			return true;
	return false;
}

static const struct route *find(struct request *r, char allowed[64])
{
	static const struct route asset = { "GET", "", ACCESS_ANYBODY, get_page };
	const struct route *found = NULL;
	bool head = text_is(r->x->method, "HEAD");

	allowed[0] = '\0';
	for (size_t i = 0; i < array_len(routes); i++) {
		const char *id;

		if (!fits(routes[i].path, r->x->path, r->mem, &id))
			continue;
		if (*allowed)
			strcat(allowed, ", ");
		strcat(allowed, routes[i].method);
		if (!text_is(routes[i].method, head ? "GET" : r->x->method))
			continue;
		r->id = id;
		found = &routes[i];
	}
	if (!found && !*allowed && is_asset(r->x->path)) {
		strcpy(allowed, "GET");
		if (head || text_is(r->x->method, "GET"))
			found = &asset;
	}
	return found;
}

static void refuse(struct request *r, const char *allowed)
{
	const char *body;
	const struct http_header headers[] = { { "Content-Type", "application/json" },
		{ "Allow", allowed } };

	if (!*allowed) {
		answer_error(r, 404, "not_found", NULL, "there is nothing at %.100s", r->x->path);
		return;
	}
	body = server_error_body(r->mem, 405, "method_not_allowed",
	    arena_printf(r->mem, "%.20s is not possible here: use %s", r->x->method, allowed));
	http_answer(r->x, 405, headers, array_len(headers), body, strlen(body));
}

/* Access comes before existence: whoever may not see a conversation does not learn whether it is
 * there. */
static void run(struct request *r, const struct route *route)
{
	struct err e;

	auth_who(r);
	if (!auth_check(r, route->access))
		return;
	if (r->id) {
		r->c = conversation_open(r->server->o.all, r->id, &e);
		if (!r->c) {
			answer_err(r, &e);
			return;
		}
	}
	route->run(r);
	conversation_close(r->c);
}

void server_handle(void *self, struct http_exchange *x)
{
	struct request r = { .server = self, .x = x, .mem = x->mem };
	char allowed[64];
	const struct route *route = find(&r, allowed);

	if (route)
		run(&r, route);
	else
		refuse(&r, allowed);
}

static struct schema *schema_of(struct arena *mem, const char *text)
{
	struct err e;
	struct schema *s = schema_compile(json_read_own(mem, text), &e);

	if (!s)
		bug("a body's schema: %s", e.msg);
	return s;
}

struct server *server_new(
    const struct server_options *o, struct arena *mem, const char **new_key, struct err *e)
{
	struct server *s = mem_new(struct server);

	s->o = *o;
	s->world = conversations_world(o->all);
	signal_init(&s->landed);
	s->create_schema = schema_of(mem, create_body);
	s->identify_schema = schema_of(mem, identify_body);
	s->message_schema = schema_of(mem, message_body);
	if (auth_start(s, mem, new_key, e) == 0) {
		conversations_forget_keys(
		    o->all, CREATE_SCOPE, world_time(s->world) - KEYS_KEPT_MS);
		return s;
	}
	server_free(s);
	return NULL;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	schema_free(s->create_schema);
	schema_free(s->identify_schema);
	schema_free(s->message_schema);
	map_done(&s->in_flight);
	free(s);
}

void server_stopping(struct server *s)
{
	s->stopping = true;
}
