#include "server/route.h"

#include "base/mem.h"
#include "base/text.h"
#include "net/assets.h"

#include <string.h>

static const char *type_of(const char *name)
{
	static const struct {
		const char *ending, *type;
	} types[] = { { ".html", "text/html; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" }, { ".js", "text/javascript; charset=utf-8" },
		{ ".svg", "image/svg+xml" } };

	for (size_t i = 0; i < array_len(types); i++)
		if (strlen(name) > strlen(types[i].ending) &&
		    text_is(name + strlen(name) - strlen(types[i].ending), types[i].ending))
			return types[i].type;
	return "application/octet-stream";
}

void get_page(struct request *r)
{
	const char *name = r->x->path + 1;

	if (text_is(r->x->path, "/"))
		name = "chat.html";
	else if (text_is(r->x->path, "/favicon.ico")) /* browsers ask for it unasked */
		name = "icon.svg";
	for (const struct asset *a = assets; a->name; a++)
		if (text_is(a->name, name)) {
			const struct http_header headers[] = { { "Content-Type", type_of(name) },
				{ "Cache-Control", "no-cache" },
				{ "Content-Security-Policy",
				    "default-src 'self'; base-uri 'none'; form-action 'none'; "
				    "frame-ancestors 'self'" },
				{ "Referrer-Policy", "no-referrer" },
				{ "X-Content-Type-Options", "nosniff" } };

			http_answer(
			    r->x, 200, headers, array_len(headers), (const char *)a->bytes, a->n);
			return;
		}
	answer_error(r, 404, "not_found", NULL, "there is nothing at %.100s", r->x->path);
}

void get_health(struct request *r)
{
	answer_json(r, 200, json_pack("{ss}", "status", "alive"));
}

void get_ready(struct request *r)
{
	json_t *reasons = json_array();

	if (!agent_ready(r->server->o.agent))
		json_array_append_new(reasons, json_string("the intents are in training"));
	if (r->server->stopping)
		json_array_append_new(reasons, json_string("the server stops"));
	answer_json(r, json_array_size(reasons) ? 503 : 200,
	    json_pack("{sb so}", "ready", (int)!json_array_size(reasons), "reasons", reasons));
}
